"""Compensations: newest first, each once, each in a shielded scope of its own and bounded by ``cleanup_s``."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import Final

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint

from jobcancel._core.arguments import is_async_callable
from jobcancel._core.calls import Call
from jobcancel._core.compensations import AnyUndo, Undo, name_of, undo_of
from jobcancel._core.policies import FailureCode
from jobcancel._core.registry import Registry

from .exceptions import cut_cycle, describe, interrupts
from .job import Job
from .log import log_job
from .loops import Loop
from .threads import run_at_once

_FAILED: Final = FailureCode.CLEANUP_FAILED.value


def checked(registry: Registry, compensations: Iterable[AnyUndo]) -> list[AnyUndo] | None:
    """Return compensations given at submit, or None for none.

    Raises:
        UnknownCompensationError: One of them is not registered.
        TypeError: One cannot be called, or its arguments do not fit.
    """
    return [undo_of(registry.compensations, each) for each in compensations] or None


async def compensate(job: Job) -> None:
    """Run a job's compensations. One that raises or overruns is recorded and stops none of the others."""
    try:
        await cancel_shielded_checkpoint()
    except anyio.get_cancelled_exc_class():
        # A native Task.cancel() that the code requested in its last step. The code has ended, and no compensation may
        # be cut short by it.
        job.note("pierced", job.host.now())
    if any(isinstance(undo, Undo) for undo in job.undo or ()):
        await job.persistence.commit_undos()
    clean = all(entry[3] != _FAILED for entry in job.history or ())  # those of an earlier process too
    while job.undo:
        clean = await _undo(job, job.undo) and clean
    if job.cancel is not None:
        job.cancel.compensated = clean


async def _undo(job: Job, undos: list[AnyUndo]) -> bool:
    """Run the newest compensation and record it; False if it raised or overran."""
    undo = undos[-1]
    host, cleanup_s = job.host, job.spec.cleanup_s
    begun = host.now()
    problem = None
    scope = host.scope_type(shield=True)
    timer = host.timers.add(begun + cleanup_s, scope.cancel)
    try:
        with scope:
            if isinstance(undo, Undo):
                await _call(host.loop, undo.bound(host.registry.compensations, job.id, host.app))
            else:
                await _call(host.loop, undo)
    except BaseException as error:  # noqa: BLE001  # whatever it raises, the others run
        problem = describe(job, error)[0]
        log_job(logging.ERROR, job, "could not run a compensation", error=error)
        job.interrupted = job.interrupted or interrupts(error)
    timer.cancel()
    if scope.cancel_called:
        problem = f"it took longer than cleanup_s={cleanup_s:g}"
        log_job(logging.ERROR, job, "has a compensation that overran: %s", problem)
    undos.pop()  # not before: after a crash in the middle it has to run again
    status = "compensated" if problem is None else _FAILED
    details = None if problem is None else {"error": problem}
    job.log().append((name_of(undo), begun, host.now() - begun, status, details))
    if job.observed:
        job.changed()
    return problem is None


async def _call(loop: Loop, undo: Callable[[], object]) -> None:
    """Await an async function; run a plain one in a thread, at once."""
    try:
        if is_async_callable(undo):
            pending = undo()
        else:
            pending = await run_at_once(loop, undo)  # `lambda: refund(5)` may return an awaitable
        if inspect.isawaitable(pending):
            pending = await pending
        _require_done(pending)
    except BaseException as raised:
        cut_cycle(raised)
        raise


def _require_done(returned: object) -> None:
    """Refuse a return value that stands for work which never runs: nothing was undone."""
    if inspect.iscoroutine(returned):
        returned.close()
        what = "a coroutine that it did not await; await it there"
    elif inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        what = "a generator, of which no line ran; write it without `yield`"
    elif type(returned) is Undo:
        what = f"{returned!r}, which ran nothing; register that itself: job.add_compensation({returned.name!r}, ...)"
    elif type(returned) is Call:
        what = f"{returned!r}, which was not submitted"
    else:
        return
    raise TypeError(f"nothing was undone: the compensation returned {what}")
