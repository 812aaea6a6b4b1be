"""What comes out of a job's code: is it the cancellation, is it an error, and what is kept of it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any, cast

import anyio

from jobcancel._core.endings import Ending
from jobcancel.errors import StageUnavailableError

from .job import Job


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Return the exceptions in a group, at any depth; a single exception is its own only leaf."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        for inner in group.exceptions:
            yield from leaves(inner)
    else:
        yield error


def is_cancellation(error: BaseException) -> bool:
    """Return whether ``error`` is a cancellation, or a group of nothing else."""
    cancelled = anyio.get_cancelled_exc_class()
    return all(isinstance(leaf, cancelled) for leaf in leaves(error))


def interrupts(error: BaseException) -> bool:
    """Return whether a ``KeyboardInterrupt`` is in it, which belongs to the host."""
    return any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves(error))


def tore(job: Job, error: BaseException) -> bool:
    """Return whether the cancellation that tore a stage while one was held is in it."""
    tear = None if job.cancel is None else job.cancel.tear
    return tear is not None and any(leaf is tear for leaf in leaves(error))


def judge(job: Job, error: BaseException) -> Ending:
    """Return what it means for ``job`` that ``error`` came out of its code, past its scope.

    A refused stage entry counts as unwinding. A cancellation is foreign unless one was delivered; one that was held
    meanwhile, or when the foreign one left its stage, has been pierced.
    """
    cancelled, cancel = anyio.get_cancelled_exc_class(), job.cancel
    unwinds = all(isinstance(leaf, (cancelled, StageUnavailableError)) for leaf in leaves(error))
    if cancel is None:
        return Ending.RAISED if not unwinds else Ending.UNWOUND if job.stopped else Ending.FOREIGN
    cancel.pierced = unwinds and (cancel.pierced or cancel.held)
    if not unwinds:
        return Ending.RAISED
    return Ending.FOREIGN if cancel.pierced or cancel.delivered_at is None else Ending.UNWOUND


def describe(error: BaseException) -> tuple[str, dict[str, Any]]:
    """Return one line for a person, and the type and traceback of an error, as plain data."""
    kind = type(error)
    details = {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "traceback": "".join(traceback.format_exception(error)),
    }
    return _line(error) or kind.__qualname__, details


def _line(error: BaseException) -> str:
    try:
        return str.__str__(str(error))  # a __str__ may give a string of the host's own type
    except Exception:  # noqa: BLE001  # the error is the host's: its __str__ may raise anything
        return ""
