"""Undoing what a job did: newest first, each once, each in a shielded scope of its own and bounded by ``cleanup_s``."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint

from jobcancel._core.arguments import is_async_callable
from jobcancel._core.calls import Call
from jobcancel._core.compensations import AnyUndo, Undo, name_of, undo_of
from jobcancel._core.policies import FailureCode

from .failure import describe, interrupts
from .job import Job
from .log import say
from .threads import run_at_once
from .tracebacks import cut_cycle

if TYPE_CHECKING:
    from .kernel import Kernel
    from .loops import Loop

_FAILED: Final = FailureCode.CLEANUP_FAILED.value


def checked(kernel: Kernel, compensations: Iterable[AnyUndo]) -> list[AnyUndo] | None:
    """Return compensations given at submit, or None for none.

    Raises:
        UnknownCompensationError: One of them is not registered.
        TypeError: One cannot be called, or its arguments do not fit.
    """
    return [undo_of(kernel.registry.compensations, each) for each in compensations] or None


async def compensate(job: Job) -> None:
    """Run a job's compensations. One that raises or overruns is recorded and stops none of the others."""
    try:
        await cancel_shielded_checkpoint()
    except anyio.get_cancelled_exc_class():
        # A native Task.cancel() that the code asked for in its last step. There is nobody to hand it to, and it shall
        # not tear an undo.
        job.note("pierced", job.kernel.now())
    if any(isinstance(undo, Undo) for undo in job.undo or ()):
        await job.keep_undos()
    clean = all(entry[3] != _FAILED for entry in job.history or ())  # of an earlier process, if it was interrupted
    while job.undo:
        clean = await _undo(job, job.undo) and clean
    if job.cancel is not None:
        job.cancel.compensated = clean


async def _undo(job: Job, undos: list[AnyUndo]) -> bool:
    """Run the newest compensation and record it; False if it raised or overran."""
    undo = undos[-1]
    kernel, cleanup_s = job.kernel, job.spec.cleanup_s
    begun = kernel.now()
    problem = None
    scope = kernel.scope_type(shield=True)
    timer = kernel.timers.add(begun + cleanup_s, scope.cancel)
    try:
        with scope:
            if isinstance(undo, Undo):
                await _call(kernel.loop, undo.bound(kernel.registry.compensations, job.id, kernel.app))
            else:
                await _call(kernel.loop, undo)
    except BaseException as error:  # noqa: BLE001  # whatever it raises, the others run
        problem = describe(job, error)[0]
        say(logging.ERROR, job, "could not run a compensation", error=error)
        job.interrupted = job.interrupted or interrupts(error)
    timer.cancel()
    if scope.cancel_called:
        problem = f"it took longer than cleanup_s={cleanup_s:g}"
        say(logging.ERROR, job, "has a compensation that overran: %s", problem)
    undos.pop()  # not before: a crash in the middle of it has it run again
    status = "compensated" if problem is None else _FAILED
    details = None if problem is None else {"error": problem}
    job.log().append((name_of(undo), begun, kernel.now() - begun, status, details))
    if job.heard:
        job.changed()
    return problem is None


async def _call(loop: Loop, undo: Callable[[], object]) -> None:
    """Await an async function; run a plain one in a thread; an undo never queues."""
    try:
        if is_async_callable(undo):
            pending = undo()
        else:
            pending = await run_at_once(loop, undo)  # `lambda: refund(5)` may give something to be awaited
        if inspect.isawaitable(pending):
            pending = await pending
        _require_done(pending)
    except BaseException as raised:
        cut_cycle(raised)
        raise


def _require_done(returned: object) -> None:
    """Refuse what an undo returned where that is work which never runs: nothing was undone."""
    if inspect.iscoroutine(returned):
        returned.close()
        what = "a coroutine that it did not await; await it there"
    elif inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        what = "a generator, of which no line ran; write it without `yield`"
    elif type(returned) is Undo:
        what = f"{returned!r}, which ran nothing; register that itself: job.add_compensation({returned.name!r}, ...)"
    elif type(returned) is Call:
        what = f"{returned!r}, which nobody submitted"
    else:
        return
    raise TypeError(f"nothing was undone: the compensation returned {what}")
