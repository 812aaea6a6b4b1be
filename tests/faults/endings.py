"""Faults in how a job ends: rules 7, 8, 11 and 12."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from anyio import to_thread

from . import places
from .fault import fault

_ENDINGS = "tests/invariants/test_endings.py::test_"
_FAMILY = _ENDINGS + "12_children_settle_before_their_parent_and_are_canceled_at_its_delivery"


@fault("7", places.COMPENSATE, _ENDINGS + "7_compensations_run_newest_first_and_once_after_the_code_and_before_the_end")
async def compensations_run_oldest_first(original: Any, job: Any) -> None:
    job.undo.reverse()
    await original(job)


@fault("7", places.COMPENSATE, _ENDINGS + "7_compensations_run_newest_first_and_once_after_the_code_and_before_the_end")
async def compensations_run_twice(original: Any, job: Any) -> None:
    again = list(job.undo)
    await original(job)
    job.undo = again
    await original(job)


@fault("7", places.ENTER_STAGE, _ENDINGS + "7_the_point_of_no_return_drops_earlier_compensations_and_keeps_later_ones")
def a_commit_drops_no_compensation(original: Any, job: Any, stage: Any, now: float) -> None:
    undo = job.undo
    original(job, stage, now)
    job.undo = undo


@fault("7", places.COMPENSATES, _ENDINGS + "7_compensations_run_only_in_the_states_of_compensate_on")
def compensations_run_whatever_the_end(original: Any, job: Any, event: Any) -> bool:
    return True


@fault("8", places.COUNT_GRACE, _ENDINGS + "8_grace_wait_records_the_job_as_stuck_once")
def the_grace_is_not_counted(original: Any, deliveries: Any, job: Any) -> None:
    return


@fault("8", places.GRACE_EXPIRED, _ENDINGS + "8_grace_counts_from_the_delivery_and_stops_when_the_handler_has_ended")
def the_grace_is_counted_after_the_code_has_ended(original: Any, deliveries: Any, job: Any) -> None:
    ended, job.code_ended = job.code_ended, False
    original(deliveries, job)
    job.code_ended = ended


@fault("11", places.RUN_IN_THREAD, _ENDINGS + "11_a_job_in_a_thread_stays_canceling_until_the_thread_ends")
async def a_canceled_job_leaves_its_thread(original: Any, job: Any, fn: Any, *args: Any) -> Any:
    return await to_thread.run_sync(partial(fn, *args), abandon_on_cancel=True)


@fault(
    "11",
    places.SIGNAL_GROUP,
    _ENDINGS + "11_a_subprocess_is_asked_then_killed_with_its_group_and_reaped_before_the_job_settles",
)
def the_leader_of_a_process_group_alone_is_ended(original: Any, process: Any, number: Any) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


@fault(
    "12", places.CHILDREN_SETTLED, _ENDINGS + "12_children_settle_before_their_parent_and_are_canceled_at_its_delivery"
)
async def a_parent_settles_before_its_children(original: Any, job: Any) -> None:
    return


@fault(
    "12", places.CANCEL_CHILDREN, _ENDINGS + "12_children_settle_before_their_parent_and_are_canceled_at_its_delivery"
)
def children_are_not_canceled_with_their_parent(original: Any, deliveries: Any, job: Any) -> None:
    return


@fault("12", places.DELIVER, _ENDINGS + "12_a_parents_grace_waits_for_its_children")
def a_parents_grace_is_counted_while_its_children_run(original: Any, deliveries: Any, job: Any) -> None:
    original(deliveries, job)
    if job.children:
        deliveries.start_grace(job)
