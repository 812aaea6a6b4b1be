"""What the library says to the host's log (logger ``jobcancel``). A log that raises costs no job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from .job import Job

_LOGGER = logging.getLogger("jobcancel")


def say(level: int, job: Job, what: str, *args: object, error: BaseException | None = None) -> None:
    """Log one line about ``job``, with its id and kind as ``job_id`` and ``kind`` on the record.

    Args:
        level: A level of ``logging``.
        job: The job.
        what: What happened to it, as a format for ``args``.
        *args: What the format takes.
        error: An exception to log with its traceback.
    """
    facts = {"job_id": job.id, "kind": job.spec.name}
    with suppress(Exception):  # a filter of the host's may raise
        _LOGGER.log(level, "job %s (%s) " + what, job.id, job.spec.name, *args, exc_info=error, extra=facts)


def tell(level: int, what: str, *args: object, error: BaseException | None = None) -> None:
    """Log one line about the scheduler, and perhaps an exception with its traceback."""
    with suppress(Exception):
        _LOGGER.log(level, what, *args, exc_info=error)


def guard(what: str, callback: Callable[[], object]) -> None:
    """Call ``callback``; log what it raises, so that what is done after it is not lost with it."""
    try:
        callback()
    except Exception as error:  # noqa: BLE001  # the host's clock or store may be behind it
        tell(logging.ERROR, "%s has failed; everything else goes on", what, error=error)
