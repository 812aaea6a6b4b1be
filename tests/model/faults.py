"""Faults to plant in the core, each by patching one function: the model check has to find every one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from unittest.mock import patch

from jobcancel._core import decision
from jobcancel._core import job as record
from jobcancel._core.decision import Cancellation, Decision, Outcome, Verdict, decide_cancel
from jobcancel._core.endings import Ending, decide_ending
from jobcancel._core.job import JobRecord, Release
from jobcancel._core.policies import CancelCause
from jobcancel._core.specs import Stage
from jobcancel._core.states import Event, JobState, next_state

Plant = Callable[[], AbstractContextManager[object]]
FAULTS: dict[str, Plant] = {}

REAL_REQUEST, REAL_ENTER, REAL_LEAVE = JobRecord.request_cancel, JobRecord.enter_stage, JobRecord.leave_stage
REAL_VERDICT, REAL_COMPENSATES = JobRecord.verdict, JobRecord.compensates


def fault(target: object, attribute: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a replacement of ``target.attribute`` as the fault of its name."""

    def register(replacement: Callable[..., Any]) -> Callable[..., Any]:
        FAULTS[replacement.__name__] = partial(patch.object, target, attribute, replacement)
        return replacement

    return register


# The decision of a request.


@fault(record, "decide_cancel")
def refuse_is_treated_as_defer(*args: Any) -> Decision:
    found = decide_cancel(*args)
    return decision.HOLD if found is decision.REFUSE else found


@fault(record, "decide_cancel")
def a_shutdown_is_refused(state: JobState, policy: Any, request: Cancellation, earlier: Any, undo: Any) -> Decision:
    asked = Cancellation(CancelCause.USER) if request.cause is CancelCause.SHUTDOWN else request
    return decide_cancel(state, policy, asked, earlier, undo)


@fault(record, "decide_cancel")
def defer_is_treated_as_interrupt(*args: Any) -> Decision:
    found = decide_cancel(*args)
    return decision.CANCEL if found is decision.HOLD else found


@fault(record, "decide_cancel")
def a_pending_job_is_withdrawn_with_its_undo(
    state: JobState, policy: Any, request: Any, earlier: Any, undo: Any
) -> Decision:
    return decide_cancel(state, policy, request, earlier, None)


@fault(record, "decide_cancel")
def a_force_does_not_reach_a_held_cancel(*args: Any) -> Decision:
    found = decide_cancel(*args)
    return decision.REPEAT if found is decision.OPEN_SHIELD else found


@fault(JobRecord, "request_cancel")
def a_refusal_is_remembered(job: JobRecord, request: Cancellation, now: float) -> Verdict:
    verdict = REAL_REQUEST(job, request, now)
    if verdict.outcome is Outcome.REFUSED:
        job.cancel = request
    return verdict


@fault(JobRecord, "request_cancel")
def the_first_cause_is_overwritten(job: JobRecord, request: Cancellation, now: float) -> Verdict:
    verdict = REAL_REQUEST(job, request, now)
    if job.cancel is not None and verdict.outcome in (Outcome.ALREADY_CANCELING, Outcome.CANCELING):
        job.cancel.cause = request.cause
    return verdict


@fault(JobRecord, "verdict")
def the_dry_run_promises_what_is_refused(job: JobRecord, request: Cancellation) -> Verdict:
    verdict = REAL_VERDICT(job, request)
    return Verdict(job.id, Outcome.DEFERRED, job.state) if verdict.outcome is Outcome.REFUSED else verdict


# Stages and deliveries.


@fault(JobRecord, "leave_stage")
def a_held_cancel_is_lost_at_the_stages_end(job: JobRecord, status: str, now: float, *, raised: bool) -> Release:
    REAL_LEAVE(job, status, now, raised=raised)
    return Release.NOTHING


@fault(JobRecord, "leave_stage")
def the_end_of_a_commit_raises(job: JobRecord, status: str, now: float, *, raised: bool) -> Release:
    release = REAL_LEAVE(job, status, now, raised=raised)
    return Release.RAISE if release is Release.DELIVER and not raised else release


@fault(JobRecord, "leave_stage")
def the_end_of_a_stage_does_not_raise(job: JobRecord, status: str, now: float, *, raised: bool) -> Release:
    release = REAL_LEAVE(job, status, now, raised=raised)
    return Release.DELIVER if release is Release.RAISE else release


@fault(JobRecord, "leave_stage")
def a_cancel_is_raised_over_an_error(job: JobRecord, status: str, now: float, *, raised: bool) -> Release:
    return REAL_LEAVE(job, status, now, raised=False)


@fault(JobRecord, "enter_stage")
def a_stage_begins_after_an_accepted_request(job: JobRecord, stage: Stage, now: float) -> None:
    cancel, job.cancel = job.cancel, None
    REAL_ENTER(job, stage, now)
    job.cancel = cancel


@fault(JobRecord, "enter_stage")
def a_commit_drops_no_compensation(job: JobRecord, stage: Stage, now: float) -> None:
    undo = job.undo
    REAL_ENTER(job, stage, now)
    job.undo = undo


@fault(JobRecord, "deliver")
def a_cancel_is_delivered_twice(job: JobRecord, now: float) -> bool:
    if job.cancel is None:
        return False
    job.cancel.held, job.cancel.delivered_at = False, now
    return True


# How a job ends.


@fault(record, "next_state")
def a_terminal_state_is_left(state: JobState, event: Event) -> JobState | None:
    if state is JobState.CANCELED and event is Event.SUCCEEDED:
        return JobState.SUCCEEDED
    return next_state(state, event)


@fault(record, "decide_ending")
def finished_work_is_overwritten_by_a_cancel(ending: Ending, cause: CancelCause | None, children_canceled: int) -> Any:
    return decide_ending(ending, cause, children_canceled or int(cause is not None))


@fault(record, "decide_ending")
def a_canceled_child_is_forgotten(ending: Ending, cause: CancelCause | None, children_canceled: int) -> Any:
    return decide_ending(ending, cause, 0)


@fault(record, "decide_ending")
def a_timeout_ends_canceled(ending: Ending, cause: CancelCause | None, children_canceled: int) -> Any:
    shown = CancelCause.USER if cause is CancelCause.TIMEOUT else cause
    return decide_ending(ending, shown, children_canceled)


@fault(record, "decide_ending")
def a_foreign_cancellation_is_taken_for_a_cancel(
    ending: Ending, cause: CancelCause | None, children_canceled: int
) -> Any:
    shown = Ending.UNWOUND if ending is Ending.FOREIGN and cause is not None else ending
    return decide_ending(shown, cause, children_canceled)


@fault(JobRecord, "compensates")
def finished_work_is_undone(job: JobRecord, event: Event) -> bool:
    return True


@fault(JobRecord, "compensates")
def failed_work_is_not_undone(job: JobRecord, event: Event) -> bool:
    return event is not Event.FAILED


@fault(JobRecord, "compensates")
def abandoned_work_is_not_undone(job: JobRecord, event: Event) -> bool:
    return job.settled is None and REAL_COMPENSATES(job, event)
