"""One job's task: run the handler inside one shielded scope, wait for the children, compensate, settle.

The scope is shielded, so that only the scheduler cancels the job: the host's own cancellation reaches the scheduler's
``__aexit__``, which shuts down by policy. What the handler raises ends this job and no other.
"""

from __future__ import annotations

import _thread
import logging
from functools import partial
from typing import Any, Final, cast

import anyio

from jobcancel._core.arguments import described
from jobcancel._core.calls import Call, Partial
from jobcancel._core.endings import Ending, Failure
from jobcancel._core.policies import FailureCode
from jobcancel._core.states import Event

from .compensation import compensate
from .context import RunningJob
from .failure import describe, interrupts, judge, tore
from .job import CURRENT, Job
from .log import guard, say
from .tracebacks import cut_cycle

# Reading a member through its enum costs some 190 ns on CPython 3.11, a global 15; every job passes here.
_RETURNED: Final = Ending.RETURNED
_PARTIAL: Final = Ending.PARTIAL
_UNWOUND: Final = Ending.UNWOUND


async def run(job: Job) -> None:
    """Run a job from its first step until nothing of it is left to run. Never raises."""
    CURRENT.set(job)
    ending, value, message, details, tear = _UNWOUND, None, "", None, None
    try:
        if job.doomed is not None or (job.cancel is not None and not job.cancel.held):
            ending, message = _never_begun(job), job.lost
        else:
            job.scope = job.kernel.loop.job_scope()
            try:
                with job.scope:
                    try:
                        # It is kept until the job is let go.
                        ending, value = _returned(await cast("Call[Any]", job.call).start(RunningJob(job)))
                    except BaseException as raised:
                        if not _tore(job, raised):
                            raise
                        tear = raised  # the scope, cancelled when the stage ended, would take it for its own
                if tear is not None:
                    raise tear
            except BaseException as error:  # noqa: BLE001  # SystemExit and GeneratorExit too end this job and no other
                ending, message, details = _told(job, error)
        job.code_ended = True
        if job.cancel is None and job.stage is None and not job.children and job.undo is None:
            event, failure = job.ending(ending, message, details)
        else:
            event, failure = await _wind_up(job, ending, message, details)
        _finish(job, event, failure, value)
    except BaseException as error:  # noqa: BLE001  # nobody else would end it, and its slot and waiters would hang
        _give_up(job, error)


def _tore(job: Job, raised: BaseException) -> bool:
    """Return whether what the code raised is the cancellation that tore its stage while one was held."""
    cut_cycle(raised)
    return tore(job, raised)


def _returned(value: object) -> tuple[Ending, object]:
    """Return how the code ended, and its value."""
    if issubclass(type(value), Partial):  # isinstance would ask the value too, and that may raise
        return _PARTIAL, cast("Partial[object]", value).value
    return _RETURNED, value


async def _wind_up(
    job: Job, ending: Ending, message: str, details: dict[str, Any] | None
) -> tuple[Event, Failure | None]:
    """End what the code has left open, undo what is to be undone, and return how the job ends."""
    if job.cancel is not None or job.stage is not None or job.children:
        await _close(job, ending)
    event, failure = job.ending(ending, message, details)
    if job.cancel is not None or job.undo is not None:
        await _undo(job, event)
    return event, failure


def _finish(job: Job, event: Event, failure: Failure | None, value: object) -> None:
    """Settle a job of which nothing is left to run, and let it go."""
    kernel = job.kernel
    if job.settled is None:  # else it was abandoned meanwhile: what the code returned is nobody's
        kernel.end(job, event, failure, value)
    kernel.let_go(job)
    if job.interrupted:
        kernel.loop.soon(_thread.interrupt_main)  # the host's ordinary Ctrl-C; raised here it would stop the loop


def _give_up(job: Job, error: BaseException) -> None:
    """Settle a job whose end could not be worked out or recorded: the host's clock or id factory may raise anything."""
    kernel = job.kernel
    say(logging.CRITICAL, job, "could not be ended in order: %s", described(error), error=error)
    job.code_ended = True
    failure = Failure(FailureCode.HANDLER_ERROR, f"the job could not be ended in order: {described(error)}")
    if job.settled is None:
        guard("settling a job", partial(kernel.end, job, Event.FAILED, failure))
    if job.task is not None:
        guard("letting a job go", partial(kernel.let_go, job))


def _never_begun(job: Job) -> Ending:
    """Return how a job ends whose handler does not begin; a cancel that came after its start is delivered so."""
    if job.doomed is not None:
        return job.doomed
    job.deliver(job.kernel.now())
    return _UNWOUND


def _told(job: Job, error: BaseException) -> tuple[Ending, str, dict[str, Any]]:
    """Return what it means that ``error`` came out of a handler, and what is kept of it; log it."""
    ending = judge(job, error)
    if ending is not _UNWOUND:
        say(logging.ERROR, job, "failed", error=error)
    job.interrupted = interrupts(error)
    return ending, *describe(job, error)


async def _close(job: Job, ending: Ending) -> None:
    """End what the code has left open: the marks on its cancel, its stage, its children."""
    returned = ending is _RETURNED or ending is _PARTIAL
    cancel, deliveries = job.cancel, job.kernel.deliveries
    if cancel is not None:
        cancel.tear = None
        cancel.ignored = returned and cancel.delivered_at is not None
        if ending is not Ending.FOREIGN:
            cancel.pierced = False  # what tore a stage was the job's own after all: it dealt with it
    if job.stage is not None:  # entered and never left: its policy ends with the code
        job.leave_stage("failed", job.kernel.now(), raised=True)
    if job.children:
        if cancel is not None and cancel.held:
            deliveries.deliver(job)  # the code has ended, and with it what shielded the job
        if not returned:
            deliveries.cancel_children(job)
        await _children_settled(job)


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


async def _undo(job: Job, event: Event) -> None:
    """Run the compensations if the job's end asks for them, and say on its cancel whether all is undone."""
    if job.undo and job.compensates(event):
        await compensate(job)
    elif job.cancel is not None:
        job.cancel.compensated = not job.undo
