"""One job's task: run the handler inside one shielded scope, wait for the children, compensate, settle.

The scope is shielded, so that only the scheduler cancels the job: the host's own cancellation reaches the scheduler's
``__aexit__``, which shuts down by policy. What the handler raises ends this job and no other.
"""

from __future__ import annotations

import _thread
import logging
from typing import Any, Final

import anyio

from jobcancel._core.endings import Ending
from jobcancel._core.kinds import Partial

from .compensation import compensate
from .context import RunningJob
from .failure import describe, interrupts, judge
from .job import CURRENT, Job
from .log import say

_HAS_RETURNED: Final = (Ending.RETURNED, Ending.PARTIAL)
# Reading a member through its enum costs some 190 ns on CPython 3.11, a global 15; every job passes here.
_RETURNED: Final = Ending.RETURNED
_PARTIAL: Final = Ending.PARTIAL
_UNWOUND: Final = Ending.UNWOUND


async def run(job: Job) -> None:
    """Run a job from its first step until nothing of it is left to run. Never raises."""
    kernel = job.kernel
    CURRENT.set(job)
    ending, value, message, details = await _run_code(job)
    job.code_ended = True
    if job.stage is not None:  # entered and never left: its policy ends with the code
        job.leave_stage("failed", kernel.now(), raised=True)
    if job.children:
        if job.cancel is not None and job.cancel.held:
            kernel.deliveries.deliver(job)  # the code has ended, and with it what shielded the job
        if ending not in _HAS_RETURNED:
            kernel.deliveries.cancel_children(job)
        await _children_settled(job)
    if job.settled is None:
        event, failure = job.ending(ending, message, details)
        if job.undo is not None:
            await _undo(job, compensates=job.compensates(event))
        elif job.cancel is not None:
            job.cancel.compensated = True  # there is nothing to undo
        kernel.end(job, event, failure, value)
    else:  # abandoned meanwhile: what the code returned is nobody's
        await _undo(job, compensates=job.state in job.spec.compensate_on)
    kernel.let_go(job)
    if job.interrupted:
        kernel.loop.soon(_thread.interrupt_main)  # the host's ordinary Ctrl-C; raised here it would stop the loop


async def _run_code(job: Job) -> tuple[Ending, Any, str, dict[str, Any] | None]:
    """Run the handler; return how it ended, its value, and what is kept of an error."""
    cancel, call = job.cancel, job.call
    value: Any = None
    if job.doomed is not None or call is None or call.kind.handler is None:
        return job.doomed or Ending.UNWOUND, None, "", None
    if cancel is not None and not cancel.held:
        job.deliver(job.kernel.now())  # canceled between admission and first step: the handler does not begin
        return Ending.UNWOUND, None, "", None
    ending: Ending = _UNWOUND
    scope = job.scope = job.kernel.scope_type(shield=True)
    try:
        with scope:
            value = await call.kind.handler(RunningJob(job), *call.args, **call.kwargs)
            ending = _returned(value)
    except BaseException as error:  # noqa: BLE001  # SystemExit and GeneratorExit too end this job and no other
        ending = judge(job, error)
        if ending is not _UNWOUND:
            say(logging.ERROR, job, "failed", error=error)
        job.interrupted = interrupts(error)
        return ending, None, *describe(error)
    cancel = job.cancel
    if cancel is not None:
        cancel.pierced = False  # what tore a stage was the job's own after all: it dealt with it
        cancel.ignored = ending is not _UNWOUND and cancel.delivered_at is not None
    return ending, value.value if ending is _PARTIAL else value, "", None


def _returned(value: object) -> Ending:
    return _PARTIAL if isinstance(value, Partial) else _RETURNED


async def _children_settled(job: Job) -> None:
    while job.children:
        job.on_children = anyio.Event()
        try:
            with job.kernel.scope_type(shield=True):
                await job.on_children.wait()
        except anyio.get_cancelled_exc_class():
            # Only a native Task.cancel() comes through our shield. The handler has ended, so there is nobody to hand
            # it to, and the children are not torn by it: it is recorded, and the wait goes on.
            job.note("pierced", job.kernel.now())


async def _undo(job: Job, *, compensates: bool) -> None:
    """Run the compensations if the job's end asks for them, and say on its cancel whether all is undone."""
    if job.undo and compensates:
        await compensate(job)
    elif job.cancel is not None:
        job.cancel.compensated = not job.undo
