"""Undoing what a job did: newest first, each once, each in a shielded scope of its own and bounded by ``cleanup_s``."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from functools import partial
from math import inf

import anyio
from anyio import to_thread
from anyio.lowlevel import cancel_shielded_checkpoint

from jobcancel._core.causes import FailureCode
from jobcancel._core.kinds import is_async_callable

from .failure import describe, interrupts
from .job import Job
from .log import say


def checked(compensations: Iterable[Callable[[], object]]) -> list[Callable[[], object]] | None:
    """Return compensations given at submit, or None for none.

    Raises:
        TypeError: One cannot be called.
    """
    undos = list(compensations)
    for undo in undos:
        if not callable(undo):
            raise TypeError(f"compensations must be callables without arguments (functools.partial), not {undo!r}")
    return undos or None


async def compensate(job: Job) -> None:
    """Run a job's compensations. One that raises or overruns is recorded and stops none of the others."""
    try:
        await cancel_shielded_checkpoint()
    except anyio.get_cancelled_exc_class():
        # A native Task.cancel() that the code asked for in its last step. There is nobody to hand it to, and it shall
        # not tear an undo.
        job.note("pierced", job.kernel.now())
    clean = True
    while job.undo:
        clean = await _undo(job, job.undo.pop()) and clean
    if job.cancel is not None:
        job.cancel.compensated = clean


async def _undo(job: Job, undo: Callable[[], object]) -> bool:
    """Run one compensation and record it; False if it raised or overran."""
    kernel, cleanup_s = job.kernel, job.spec.cleanup_s
    begun = kernel.now()
    problem = None
    scope = kernel.scope_type(shield=True)
    timer = kernel.timers.add(begun + cleanup_s, scope.cancel)
    try:
        with scope:
            await _call(undo)
    except BaseException as error:  # noqa: BLE001  # whatever it raises, the others run
        problem = describe(error)[0]
        say(logging.ERROR, job, "could not run a compensation", error=error)
        job.interrupted = job.interrupted or interrupts(error)
    timer.cancel()
    if scope.cancel_called:
        problem = f"it took longer than cleanup_s={cleanup_s:g}"
        say(logging.ERROR, job, "has a compensation that overran: %s", problem)
    status = "compensated" if problem is None else FailureCode.CLEANUP_FAILED.value
    details = None if problem is None else {"error": problem}
    job.log().append((_name(undo), begun, kernel.now() - begun, status, details))
    job.changed()
    return problem is None


async def _call(undo: Callable[[], object]) -> None:
    """Await an async function; run a plain one in a thread, outside of the scheduler's limit: an undo never queues."""
    if is_async_callable(undo):
        pending = undo()
    else:
        # In a tuple: trio lets no thread return an awaitable, and `lambda: refund(5)` may give one.
        (pending,) = await to_thread.run_sync(lambda: (undo(),), limiter=anyio.CapacityLimiter(inf))
    if inspect.isawaitable(pending):
        await pending


def _name(undo: Callable[[], object]) -> str:
    while isinstance(undo, partial):
        undo = undo.func
    name = getattr(undo, "__name__", None)  # the host's object: what it gives need not be a string
    return name if type(name) is str else type(undo).__name__
