"""The library's lines in the host's log (logger ``jobcancel``). A log that raises costs no job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from jobcancel._core.job import JobRecord

from .exceptions import interrupts, substitute

_LOGGER = logging.getLogger("jobcancel")


def log_job(level: int, job: JobRecord, what: str, *args: object, error: BaseException | None = None) -> None:
    """Log one line about ``job``, with its id and kind as ``job_id`` and ``kind`` on the record.

    Args:
        level: A level of ``logging``.
        job: The job.
        what: What happened to the job, as a format for ``args``.
        *args: The values for the format.
        error: An exception to log with its traceback.
    """
    attributes = {"job_id": job.id, "kind": job.spec.name}
    try:
        _log(level, "job %s (%s) " + what, (job.id, job.spec.name, *args), error, attributes)
    except BaseException as raised:  # noqa: BLE001  # a filter or a handler of the host's, or the error's own methods
        job.interrupted = job.interrupted or interrupts(raised)  # raised in the host when the job has settled


def log_scheduler(level: int, what: str, *args: object, error: BaseException | None = None) -> None:
    """Log one line about the scheduler, and perhaps an error with its traceback."""
    with suppress(BaseException):  # a filter or a handler of the host's may raise anything
        _log(level, what, args, error)


def guard(what: str, callback: Callable[[], object]) -> None:
    """Call ``callback`` and log what it raises, so that the work after this call is still done."""
    try:
        callback()
    except Exception as error:  # noqa: BLE001  # the host's clock or store may raise anything
        log_scheduler(logging.ERROR, "%s has failed; everything else goes on", what, error=error)


def _log(
    level: int,
    line: str,
    args: tuple[object, ...],
    error: BaseException | None,
    attributes: dict[str, str] | None = None,
) -> None:
    traced = None
    if error is not None:
        text = substitute(error)
        if text is None:
            traced = (type(error), error, error.__traceback__)  # logging would test a bare error's truth value
        else:
            line, args = line + "\n%s", (*args, text)
    _LOGGER.log(level, line, *args, exc_info=traced, extra=attributes)
