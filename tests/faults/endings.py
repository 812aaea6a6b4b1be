"""Faults in how a job ends: rules 7, 8, 11 and 12."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from anyio import to_thread

from . import places
from .fault import fault

_ENDINGS = "tests/invariants/test_endings.py::test_"
_FAMILY = _ENDINGS + "12_children_settle_first_and_are_canceled_at_the_delivery"


@fault("7", places.COMPENSATE, _ENDINGS + "7_compensations_run_once_newest_first_before_the_end")
async def compensations_run_oldest_first(original: Any, job: Any) -> None:
    job.undo.reverse()
    await original(job)


@fault("7", places.COMPENSATE, _ENDINGS + "7_compensations_run_once_newest_first_before_the_end")
async def compensations_run_twice(original: Any, job: Any) -> None:
    again = list(job.undo)
    await original(job)
    job.undo = again
    await original(job)


@fault("7", places.ENTER_STAGE, _ENDINGS + "7_a_committing_stage_drops_only_earlier_compensations")
def a_commit_drops_no_compensation(original: Any, job: Any, stage: Any, now: float) -> None:
    undo = job.undo
    original(job, stage, now)
    job.undo = undo


@fault("7", places.COMPENSATES, _ENDINGS + "7_compensations_run_only_in_states_of_compensate_on")
def compensations_run_whatever_the_end(original: Any, job: Any, event: Any) -> bool:
    return True


@fault("8", places.COUNT_GRACE, _ENDINGS + "8_a_job_past_its_grace_is_recorded_as_stuck_once")
def the_grace_is_not_counted(original: Any, deliveries: Any, job: Any) -> None:
    return


@fault("8", places.GRACE_EXPIRED, _ENDINGS + "8_grace_counts_from_delivery_to_the_end_of_the_handler")
def the_grace_is_counted_after_the_code_has_ended(original: Any, deliveries: Any, job: Any) -> None:
    ended, job.code_ended = job.code_ended, False
    original(deliveries, job)
    job.code_ended = ended


@fault("11", places.RUN_IN_THREAD, _ENDINGS + "11_a_job_stays_canceling_until_its_thread_ends")
async def a_canceled_job_leaves_its_thread(original: Any, job: Any, fn: Any, *args: Any) -> Any:
    return await to_thread.run_sync(partial(fn, *args), abandon_on_cancel=True)


@fault(
    "11",
    places.SIGNAL_GROUP,
    _ENDINGS + "11_a_process_group_is_terminated_killed_and_reaped_first",
)
def the_leader_of_a_process_group_alone_is_ended(original: Any, process: Any, number: Any) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


@fault("12", places.CHILDREN_SETTLED, _ENDINGS + "12_children_settle_first_and_are_canceled_at_the_delivery")
async def a_parent_settles_before_its_children(original: Any, job: Any) -> None:
    return


@fault("12", places.CANCEL_CHILDREN, _ENDINGS + "12_children_settle_first_and_are_canceled_at_the_delivery")
def children_are_not_canceled_with_their_parent(original: Any, deliveries: Any, job: Any) -> None:
    return


@fault("12", places.DELIVER, _ENDINGS + "12_a_parents_grace_waits_for_its_children")
def a_parents_grace_is_counted_while_its_children_run(original: Any, deliveries: Any, job: Any) -> None:
    original(deliveries, job)
    if job.children:
        deliveries.start_grace(job)
