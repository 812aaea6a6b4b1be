"""What comes out of a job's code: is it the cancellation, is it an error, and what is kept of it.

An exception is the host's: what it has of its own (a property, ``__str__``, ``__class__``) may raise anything, and its
causes or groups may have no end. Nothing here fails for that, or recurses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anyio

from jobcancel._core.arguments import type_name
from jobcancel._core.endings import Ending
from jobcancel.errors import StageUnavailableError

from .job import Job
from .tracebacks import bare, formatted, is_a, members


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Return the exceptions in a group, at any depth; a single exception is its own only leaf.

    A group that stands in several places is looked at once.
    """
    todo, seen = [error], set[int]()
    while todo:
        each = todo.pop()
        if not is_a(each, BaseExceptionGroup):
            yield each
        elif id(each) not in seen:
            seen.add(id(each))
            todo += reversed(members(each))


def is_cancellation(error: BaseException) -> bool:
    """Return whether ``error`` is a cancellation, or a group of nothing else."""
    cancelled = anyio.get_cancelled_exc_class()
    return all(is_a(leaf, cancelled) for leaf in leaves(error))


def interrupts(error: BaseException) -> bool:
    """Return whether a ``KeyboardInterrupt`` is in it, which belongs to the host."""
    return any(is_a(leaf, KeyboardInterrupt) for leaf in leaves(error))


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
    unwinds = all(is_a(leaf, cancelled, StageUnavailableError) for leaf in leaves(error))
    if cancel is None:
        return Ending.RAISED if not unwinds else Ending.UNWOUND if job.stopped else Ending.FOREIGN
    cancel.pierced = unwinds and (cancel.pierced or cancel.held)
    if not unwinds:
        return Ending.RAISED
    return Ending.FOREIGN if cancel.pierced or cancel.delivered_at is None else Ending.UNWOUND


def describe(job: Job, error: BaseException) -> tuple[str, dict[str, Any]]:
    """Return one line for a person, and the type and traceback of an error of ``job``, as plain data."""
    kind = type_name(error)
    details = {
        "type": _said(job, lambda: f"{type(error).__module__}.{type(error).__qualname__}") or kind,
        "traceback": _said(job, lambda: formatted(error)) or _said(job, lambda: bare(error)) or kind,
    }
    return _said(job, lambda: str(error)) or kind, details


def _said(job: Job, say: Callable[[], str]) -> str:
    """Return what ``say`` gives as a plain string, or an empty one if it raises, as the host's code may in it."""
    try:
        return str.__str__(say())  # a __str__ may give a string of the host's own type
    except BaseException as raised:  # noqa: BLE001
        job.interrupted = job.interrupted or interrupts(raised)  # the host gets it when the job has settled
        return ""
