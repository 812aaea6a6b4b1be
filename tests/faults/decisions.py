"""Faults in requests, verdicts and states: rules 1, 2, 4, 6, 13 and 16."""

from __future__ import annotations

from typing import Any

from anyio.lowlevel import checkpoint

from jobcancel import CancelCause, Outcome
from jobcancel._core.decision import HOLD, REFUSE, REPEAT, TOO_LATE
from jobcancel._core.endings import Ending
from jobcancel._core.states import Event, JobState

from . import places
from .fault import fault

_DECISIONS = "tests/invariants/test_decisions.py::test_"


@fault("1", places.CANCEL, _DECISIONS + "1_nothing_runs_between_decision_and_transition")
async def others_run_before_a_cancel_is_decided(original: Any, *args: Any, **kwargs: Any) -> Any:
    await checkpoint()
    return await original(*args, **kwargs)


@fault("2", places.APPLY, _DECISIONS + "2_a_terminal_state_is_never_left")
def a_canceled_job_succeeds_later(original: Any, job: Any, event: Event, now: float) -> None:
    if job.state is JobState.CANCELED and event is Event.SUCCEEDED:
        job.state = JobState.RUNNING
    original(job, event, now)


@fault("2", places.WAKE, _DECISIONS + "2_every_waiter_wakes_when_a_job_settles")
def the_newest_waiter_alone_wakes(original: Any, job: Any) -> None:
    if job.waiters:
        job.waiters = dict([job.waiters.popitem()])
    original(job)


@fault("4", places.DECIDE_CANCEL, _DECISIONS + "4_a_refused_request_leaves_no_trace_and_cancels_nothing")
def a_stage_that_refuses_defers(original: Any, *args: Any) -> Any:
    decision = original(*args)
    return HOLD if decision is REFUSE else decision


@fault("4", places.DISPATCH_CANCEL, _DECISIONS + "4_a_refused_request_leaves_no_trace_and_cancels_nothing")
def a_refused_request_cancels_the_code(original: Any, dispatcher: Any, job: Any, request: Any) -> Any:
    verdict = original(dispatcher, job, request)
    if verdict.outcome is Outcome.REFUSED:
        job.scope.cancel()
    return verdict


@fault("6", places.DECIDE_ENDING, _DECISIONS + "6_work_that_finishes_after_an_accepted_cancel_succeeds")
def finished_work_is_canceled(original: Any, ending: Ending, cause: CancelCause | None, children: int) -> Any:
    return original(Ending.UNWOUND if cause is not None else ending, cause, children)


@fault("6", places.JUDGE, _DECISIONS + "6_one_error_among_cancellations_fails_the_job")
def an_error_while_the_code_unwinds_is_ignored(original: Any, job: Any, error: BaseException) -> Ending:
    ending = original(job, error)
    return Ending.UNWOUND if job.cancel is not None and ending is Ending.RAISED else ending


@fault("13", places.DECIDE_CANCEL, _DECISIONS + "13_a_cancel_after_the_end_is_already_terminal")
def a_cancel_of_a_settled_job_is_accepted(original: Any, *args: Any) -> Any:
    decision = original(*args)
    return REPEAT if decision is TOO_LATE else decision


@fault("16", places.SUBMIT, _DECISIONS + "16_submit_and_cancel_survive_caller_cancellation")
async def a_submit_is_a_checkpoint(original: Any, *args: Any, **kwargs: Any) -> Any:
    handle = await original(*args, **kwargs)
    await checkpoint()
    return handle


@fault(
    "16",
    places.WAKEUP_CANCEL,
    "tests/runtime/test_pending_commits.py::test_a_native_cancel_of_the_caller_is_raised_after_the_answer[alone-asyncio]",
)
def a_native_cancel_ends_the_wait_for_a_commit(original: Any, wakeup: Any, msg: Any = None) -> bool:
    wakeup._uninterrupted = False
    return bool(original(wakeup, msg))
