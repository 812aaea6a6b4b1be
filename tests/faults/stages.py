"""Faults in stages and deliveries: rules 3, 5, 9 and 10."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from jobcancel._core.decision import CANCEL, HOLD
from jobcancel._core.endings import Ending
from jobcancel._core.job import Release
from jobcancel.errors import StageUnavailableError

from . import places
from .fault import fault

_STAGES = "tests/invariants/test_stages.py::test_"


@fault("3", places.DELIVER_FIRST, _STAGES + "3_entering_a_stage_delivers_an_accepted_cancel")
async def entering_a_stage_delivers_nothing(original: Any, job: Any, wanted: str) -> None:
    return


@fault("3", places.DELIVER_FIRST, _STAGES + "3_stage_entry_raises_under_a_jobs_own_shield_too")
async def a_stage_begins_under_a_shield(original: Any, job: Any, wanted: str) -> None:
    with suppress(StageUnavailableError):
        await original(job, wanted)
    job.cancel = None


@fault("3", places.ENTER_STAGE, "tests/core/test_record.py")
def a_stage_begins_after_an_accepted_request(original: Any, job: Any, stage: Any, now: float) -> None:
    cancel, job.cancel = job.cancel, None
    original(job, stage, now)
    job.cancel = cancel


@fault("5", places.DECIDE_CANCEL, _STAGES + "5_a_shielded_stage_finishes_before_the_cancel_lands")
def a_stage_that_defers_is_interrupted(original: Any, *args: Any) -> Any:
    decision = original(*args)
    return CANCEL if decision is HOLD else decision


@fault("5", places.LEAVE_STAGE, _STAGES + "5_a_committing_stage_releases_silently_and_a_return_wins")
def the_end_of_a_commit_raises(original: Any, job: Any, status: str, now: float, *, raised: bool) -> Release:
    release = original(job, status, now, raised=raised)
    return Release.RAISE if release is Release.DELIVER and not raised else release


@fault("5", places.JUDGE, _STAGES + "5_a_native_cancel_that_pierces_the_shield_is_recorded")
def a_pierced_stage_is_not_recorded(original: Any, job: Any, error: BaseException) -> Ending:
    ending: Ending = original(job, error)
    if job.cancel is not None:
        job.cancel.pierced = False
    return ending


@fault("9", places.FLUSH, _STAGES + "9_ten_thousand_cancels_at_once_all_land")
def deliveries_beyond_the_first_lot_are_lost(original: Any, deliveries: Any) -> None:
    original(deliveries)
    deliveries._queue.clear()


@fault("9", places.RUN, _STAGES + "9_a_cancel_between_admission_and_first_step_is_not_lost")
async def a_cancel_before_the_first_step_is_lost(original: Any, job: Any) -> None:
    if job.cancel is not None and job.ending_without_code is None and not job.cancel.held:
        job.cancel.held = True
    await original(job)


@fault("9", places.LEAVE_STAGE, _STAGES + "5_a_shielded_stage_finishes_before_the_cancel_lands")
def a_held_cancel_is_lost_at_the_stages_end(
    original: Any, job: Any, status: str, now: float, *, raised: bool
) -> Release:
    original(job, status, now, raised=raised)
    return Release.NOTHING


@fault("10", places.DISPATCH_CANCEL, _STAGES + "10_a_held_cancel_costs_nothing_while_it_waits")
def a_held_cancel_is_delivered_and_shielded(original: Any, dispatcher: Any, job: Any, request: Any) -> Any:
    verdict = original(dispatcher, job, request)
    if verdict.accepted and job.scope is not None:
        job.scope.cancel()
    return verdict


@fault(
    "10",
    places.UNRESPONSIVE,
    "tests/runtime/test_unresponsive.py::test_a_job_that_swallows_its_cancel_is_recorded_once_and_logged",
)
def code_that_swallows_its_cancel_is_recorded_at_each_look(original: Any, deliveries: Any, job: Any) -> None:
    job.cancel.unresponsive = False
    original(deliveries, job)
