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

from jobcancel._core.arguments import safe_repr
from jobcancel._core.calls import Call, Partial
from jobcancel._core.endings import Ending, Failure
from jobcancel._core.policies import FailureCode
from jobcancel._core.states import Event
from jobcancel.errors import StageUnavailableError

from .compensation import compensate
from .context import RunningJob
from .exceptions import cut_cycle, describe, interrupts, is_a, leaves
from .job import CURRENT, Job
from .log import guard, log_job

# Reading a member through its enum costs some 190 ns on CPython 3.11, a global 15; every job passes here.
_RETURNED: Final = Ending.RETURNED
_PARTIAL: Final = Ending.PARTIAL
_UNWOUND: Final = Ending.UNWOUND


async def run(job: Job) -> None:
    """Run a job from its first step until nothing of it is left to run. Never raises."""
    CURRENT.set(job)
    ending, value, message, details, tear = _UNWOUND, None, "", None, None
    try:
        if job.ending_without_code is not None or (job.cancel is not None and not job.cancel.held):
            ending, message = _never_begun(job), job.persistence.why_lost
        else:
            job.scope = job.host.loop.job_scope()
            try:
                with job.scope:
                    try:
                        code = cast("Call[Any]", job.call).start(RunningJob(job))
                        ending, value = _returned(await job.persistence.begin(code))
                    except BaseException as raised:
                        if not _tore(job, raised):
                            raise
                        tear = raised  # the scope, cancelled when the stage ended, would take it for its own
                if tear is not None:
                    raise tear
            except BaseException as error:  # noqa: BLE001  # SystemExit and GeneratorExit too end this job and no other
                ending, message, details = _raised(job, error)
        job.code_ended = True
        quick = job.cancel is None and job.stage is None and not job.children and job.undo is None
        if quick and not job.persistence.stopped:
            event, failure = job.ending(ending, message, details)
        else:
            event, failure = await _wind_up(job, ending, message, details)
        _finish(job, event, failure, value)
    except BaseException as error:  # noqa: BLE001  # nothing else would end the job, and its slot and waiters would hang
        _give_up(job, error)


def _tore(job: Job, raised: BaseException) -> bool:
    """Return whether what the code raised is the cancellation that tore its stage while one was held."""
    cut_cycle(raised)
    tear = None if job.cancel is None else job.cancel.tear
    return tear is not None and any(leaf is tear for leaf in leaves(raised))


def _returned(value: object) -> tuple[Ending, object]:
    """Return how the code ended, and its value."""
    if issubclass(type(value), Partial):  # isinstance would ask the value too, and that may raise
        return _PARTIAL, cast("Partial[object]", value).value
    return _RETURNED, value


async def _wind_up(
    job: Job, ending: Ending, message: str, details: dict[str, Any] | None
) -> tuple[Event, Failure | None]:
    """End what the code has left open, run the compensations, and return how the job ends."""
    if job.cancel is not None or job.stage is not None or job.children:
        await _close(job, ending)
    if job.persistence.stopped and job.cancel is None:
        cut_short = ending in (_RETURNED, _PARTIAL) and job.children_canceled
        if ending is _UNWOUND or cut_short:
            ending = Ending.INTERRUPTED  # another attempt follows
    event, failure = job.ending(ending, message, details)
    if job.cancel is not None or job.undo is not None:
        await _undo(job, event)
    return event, failure


def _finish(job: Job, event: Event, failure: Failure | None, value: object) -> None:
    """Settle a job of which nothing is left to run, and retire it."""
    host = job.host
    if job.settled is None:  # else it was abandoned meanwhile: the code's result is dropped
        host.end(job, event, failure, value)
    host.retire(job)
    if job.interrupted:
        host.loop.soon(_thread.interrupt_main)  # the host's ordinary Ctrl-C; raised here it would stop the loop


def _give_up(job: Job, error: BaseException) -> None:
    """Settle a job whose end could not be decided or recorded: the host's clock or store may raise anything."""
    host = job.host
    log_job(logging.CRITICAL, job, "could not be ended in order: %s", safe_repr(error), error=error)
    job.code_ended = True
    failure = Failure(FailureCode.HANDLER_ERROR, f"the job could not be ended in order: {safe_repr(error)}")
    if job.settled is None:
        guard("settling a job", partial(host.end, job, Event.FAILED, failure))
    if job.task is not None:
        guard("retiring a job", partial(host.retire, job))


def _never_begun(job: Job) -> Ending:
    """Return how a job ends whose handler does not begin; a cancel that came after its start is delivered so."""
    if job.ending_without_code is not None:
        return job.ending_without_code
    job.deliver(job.host.now())
    return _UNWOUND


def _raised(job: Job, error: BaseException) -> tuple[Ending, str, dict[str, Any]]:
    """Return how the job ends because ``error`` came out of its handler, with message and details; log the error."""
    ending = _judge(job, error)
    if ending is not _UNWOUND:
        log_job(logging.ERROR, job, "failed", error=error)
    job.interrupted = interrupts(error)
    return ending, *describe(job, error)


def _judge(job: Job, error: BaseException) -> Ending:
    """Return what it means for ``job`` that ``error`` came out of its code, past its scope.

    A refused stage entry counts as unwinding. A cancellation is foreign unless one was delivered; one that was held
    meanwhile, or when the foreign one left its stage, has been pierced.
    """
    cancelled, cancel = anyio.get_cancelled_exc_class(), job.cancel
    unwinds = all(is_a(leaf, cancelled, StageUnavailableError) for leaf in leaves(error))
    if cancel is None:
        return Ending.RAISED if not unwinds else Ending.UNWOUND if job.persistence.stopped else Ending.FOREIGN
    cancel.pierced = unwinds and (cancel.pierced or cancel.held)
    if not unwinds:
        return Ending.RAISED
    return Ending.FOREIGN if cancel.pierced or cancel.delivered_at is None else Ending.UNWOUND


async def _close(job: Job, ending: Ending) -> None:
    """End what the code has left open: the marks on its cancel, its stage, its children."""
    returned = ending is _RETURNED or ending is _PARTIAL
    cancel, host = job.cancel, job.host
    if cancel is not None:
        cancel.tear = None
        cancel.ignored = returned and cancel.delivered_at is not None
        if ending is not Ending.FOREIGN:
            cancel.pierced = False  # what tore a stage was the job's own after all: it dealt with it
    if job.stage is not None:  # entered and never left: its policy ends with the code
        job.leave_stage("failed", host.now(), raised=True)
    if job.children:
        if cancel is not None and cancel.held:
            host.deliver(job)  # the code has ended, and with it what shielded the job
        if not returned:
            host.cancel_children(job)
        await _children_settled(job)


async def _children_settled(job: Job) -> None:
    while job.children:
        job.children_settled = anyio.Event()
        try:
            with job.host.scope_type(shield=True):
                await job.children_settled.wait()
        except anyio.get_cancelled_exc_class():
            # Only a native Task.cancel() passes the shield. The handler has ended, so no code can get it, and the
            # children must not be torn by it: it is recorded, and the wait goes on.
            job.note("pierced", job.host.now())


async def _undo(job: Job, event: Event) -> None:
    """Run the compensations if the job's end requires it, and record on its cancel whether all is undone."""
    if job.undo and job.compensates(event):
        await compensate(job)
    elif job.cancel is not None:
        job.cancel.compensated = not job.undo
