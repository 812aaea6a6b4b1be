"""What the library says to the host's log (logger ``jobcancel``). A log that raises costs no job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from .failure import interrupts
from .job import Job
from .tracebacks import substitute

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
    try:
        _log(level, "job %s (%s) " + what, (job.id, job.spec.name, *args), error, facts)
    except BaseException as raised:  # noqa: BLE001  # a filter or a handler of the host's, or the error's own methods
        job.interrupted = job.interrupted or interrupts(raised)  # the host gets it when the job has settled


def tell(level: int, what: str, *args: object, error: BaseException | None = None) -> None:
    """Log one line about the scheduler, and perhaps an error with its traceback."""
    with suppress(BaseException):  # a filter or a handler of the host's may raise anything
        _log(level, what, args, error)


def guard(what: str, callback: Callable[[], object]) -> None:
    """Call ``callback``; log what it raises, so that what is done after it is not lost with it."""
    try:
        callback()
    except Exception as error:  # noqa: BLE001  # the host's clock or store may be behind it
        tell(logging.ERROR, "%s has failed; everything else goes on", what, error=error)


def _log(
    level: int, line: str, args: tuple[object, ...], error: BaseException | None, facts: dict[str, str] | None = None
) -> None:
    traced = None
    if error is not None:
        instead = substitute(error)
        if instead is None:
            traced = (type(error), error, error.__traceback__)  # a bare error would be asked whether it is true
        else:
            line, args = line + "\n%s", (*args, instead)
    _LOGGER.log(level, line, *args, exc_info=traced, extra=facts)
