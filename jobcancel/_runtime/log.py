"""What the library says to the host's log (logger ``jobcancel``). A log that raises costs no job."""

from __future__ import annotations

import logging
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


def tell(level: int, what: str, *args: object) -> None:
    """Log one line about the scheduler."""
    with suppress(Exception):
        _LOGGER.log(level, what, *args)
