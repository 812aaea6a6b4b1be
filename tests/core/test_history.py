"""A history implied by start, cancel and end is not stored; a reader sees the same entries."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobcancel import Event, JobState
from jobcancel._core.job import JobRecord, RawEntry, implied_history
from jobcancel._core.packing import Settled, pack
from jobcancel._core.specs import KindSpec
from jobcancel._core.states import TRANSITIONS
from jobcancel._core.view import snapshot_of
from tests.core.jobs import stage, user

Change = Callable[[JobRecord], object]


def submitted() -> JobRecord:
    """Return a job as a submit makes it, at 100 s UTC, which is 1 s on its clock."""
    return JobRecord("job_1", 1, KindSpec(name="ingest"), 100.0, 1.0)


def started() -> JobRecord:
    job = submitted()
    job.apply(Event.STARTED, 2.0)
    return job


def shown(job: JobRecord) -> list[tuple[str, float, str]]:
    """The history's names, instants on the job's clock, and statuses, as a snapshot shows them."""
    return [(entry.step, entry.at.timestamp() - 99, entry.status) for entry in snapshot_of(job).history]


@pytest.mark.parametrize("end", ["succeeded", "partially_succeeded", "failed"])
def test_start_and_end_of_a_plain_job_are_shown_but_not_stored(end: str) -> None:
    job = submitted()
    assert (job.history, shown(job)) == (None, [])
    job.apply(Event.STARTED, 2.0)
    assert (job.history, shown(job)) == (None, [("started", 2.0, "running")])
    job.apply(Event(end), 3.0)

    assert job.history is None
    assert shown(job) == [("started", 2.0, "running"), (end, 3.0, end)]
    assert snapshot_of(Settled("job_1", pack(job))) == snapshot_of(job)
    assert job.log() == [("started", 2.0, None, "running", None), (end, 3.0, None, end, None)]


def test_a_job_that_failed_before_its_start_shows_that_alone() -> None:
    job = submitted()
    job.apply(Event.FAILED, 3.0)

    assert job.history is None
    assert shown(job) == [("failed", 3.0, "failed")]
    assert job.log() == [("failed", 3.0, None, "failed", None)]


def test_reading_a_history_stores_nothing() -> None:
    job = started()
    snapshot_of(job)
    assert job.history is None


def pass_a_stage(job: JobRecord) -> None:
    job.enter_stage(stage(), 3.0)
    job.leave_stage("done", 4.0, raised=False)


CHANGES: dict[str, tuple[Change, tuple[str, float, str]]] = {
    "note": (lambda job: job.note("halfway", 3.0), ("halfway", 3.0, "noted")),
    "open stage": (lambda job: job.enter_stage(stage(), 3.0), ("work", 3.0, "running")),
    "stage": (pass_a_stage, ("work", 3.0, "done")),
    "cancel": (lambda job: job.request_cancel(user(), 3.0), ("cancel_accepted", 3.0, "canceling")),
    "interruption": (lambda job: job.apply(Event.INTERRUPTED, 3.0), ("interrupted", 3.0, "pending")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_entries_come_after_the_start(what: str) -> None:
    change, entry = CHANGES[what]
    job = started()
    change(job)
    assert shown(job) == [("started", 2.0, "running"), entry]


WORKING, DONE = ("work", 3.0, "running"), ("work", 3.0, "done")


@pytest.mark.parametrize("noted_at", [3.0, 3.5])
def test_entries_of_a_stage_come_after_its_begin(noted_at: float) -> None:
    job = started()
    job.note("before", 2.5)
    job.enter_stage(stage("refuse"), 3.0)
    job.note("halfway", noted_at)

    before, inside = ("before", 2.5, "noted"), ("halfway", noted_at, "noted")
    assert shown(job)[1:] == [before, WORKING, inside]
    job.leave_stage("done", 4.0, raised=False)
    assert shown(job)[1:] == [before, DONE, inside]
    job.apply(Event.SUCCEEDED, 4.0)
    assert shown(job)[1:] == [before, DONE, inside, ("succeeded", 4.0, "succeeded")]
    assert snapshot_of(Settled("job_1", pack(job))) == snapshot_of(job)


@pytest.mark.parametrize("status", ["canceled", "abandoned", "failed"])
def test_a_cancel_at_a_stages_begin_comes_after_it(status: str) -> None:
    job = started()
    job.enter_stage(stage(), 3.0)
    job.request_cancel(user(), 3.0)
    job.deliver(3.0)
    job.leave_stage(status, 3.0, raised=True)

    assert shown(job) == [
        ("started", 2.0, "running"),
        ("work", 3.0, status),
        ("cancel_accepted", 3.0, "canceling"),
        ("delivered", 3.0, "noted"),
    ]


def test_a_stage_comes_after_notes_of_the_stage_before_it() -> None:
    job = started()
    job.enter_stage(stage(), 3.0)
    job.note("halfway", 4.0)
    job.leave_stage("done", 4.0, raised=False)
    job.enter_stage(stage(), 4.0)
    job.leave_stage("failed", 5.0, raised=True)

    assert shown(job)[1:] == [DONE, ("halfway", 4.0, "noted"), ("work", 4.0, "failed")]


def test_a_compensation_comes_after_its_cancel() -> None:
    job = submitted()
    job.undo = [print]
    job.request_cancel(user(), 3.0)
    job.note("stuck", 4.0)
    job.log().append(("refund", 3.0, 2.0, "compensated", None))  # as the runtime writes it, at its end
    job.apply(Event.UNWOUND, 5.0)

    assert shown(job) == [
        ("cancel_accepted", 3.0, "canceling"),
        ("refund", 3.0, "compensated"),
        ("stuck", 4.0, "noted"),
        ("unwound", 5.0, "canceled"),
    ]


def test_a_stage_left_open_by_a_dead_process_is_where_it_began() -> None:
    job = started()
    job.note("halfway", 3.5)
    job.log().append(("work", 3.0, None, "interrupted", None))  # as a recovery writes it
    job.apply(Event.INTERRUPTED, 9.0)

    assert shown(job) == [
        ("started", 2.0, "running"),
        ("work", 3.0, "interrupted"),
        ("halfway", 3.5, "noted"),
        ("interrupted", 9.0, "pending"),
    ]


@pytest.mark.parametrize("end", ["unwound", "succeeded", "failed"])
def test_the_end_of_a_canceled_job_comes_last(end: str) -> None:
    job = started()
    job.request_cancel(user(), 3.0)
    job.deliver(4.0)
    job.apply(Event(end), 5.0)
    after = {"unwound": "canceled"}.get(end, end)

    assert shown(job) == [
        ("started", 2.0, "running"),
        ("cancel_accepted", 3.0, "canceling"),
        ("delivered", 4.0, "noted"),
        (end, 5.0, after),
    ]


def test_a_withdrawn_job_shows_its_end() -> None:
    job = submitted()
    job.request_cancel(user(), 3.0)
    assert shown(job) == [("withdrawn", 3.0, "canceled")]


def test_a_note_on_a_settled_job_comes_after_its_end() -> None:
    job = started()
    job.apply(Event.FAILED, 3.0)
    job.note("pierced", 4.0)
    assert shown(job) == [("started", 2.0, "running"), ("failed", 3.0, "failed"), ("pierced", 4.0, "noted")]


@given(st.lists(st.integers(0, 6), max_size=8))
def test_the_history_has_every_event_in_order(picks: list[int]) -> None:
    job = submitted()
    happened: list[RawEntry] = []
    for now, pick in enumerate(picks, 2):
        events = list(TRANSITIONS[job.state])
        if pick < len(events):
            _happen(job, events[pick], now)
            happened.append((events[pick].value, now, None, job.state.value, None))
        elif pick == 5:
            job.note("halfway", now)
            happened.append(("halfway", now, None, "noted", None))
        elif pick == 6 and job.deliver(now):
            happened.append(("delivered", now, None, "noted", None))
        assert shown(job) == [(step, at, status) for step, at, _, status, _ in happened]
    if job.settled is not None:
        assert snapshot_of(Settled("job_1", pack(job))) == snapshot_of(job)
    assert job.log() == happened
    assert job.log() is job.history


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave", "note", "cancel", "deliver", "undo"]), st.booleans())))
def test_a_history_is_in_the_order_of_time(steps: list[tuple[str, bool]]) -> None:
    job, now = started(), 2.0
    for step, later in steps:
        now += later
        if step == "enter" and job.stage is None and job.cancel is None:
            job.enter_stage(stage(), now)
        elif step == "leave":
            job.leave_stage("done", now, raised=False)
        elif step == "note":
            job.note("halfway", now)
        elif step == "cancel":
            job.request_cancel(user(), now)
        elif step == "deliver":
            job.deliver(now)
        elif step == "undo" and job.stage is None:
            job.log().append(("refund", now, 2.0, "compensated", None))
            now += 2
        times = [at for _, at, _ in shown(job)]
        assert times == sorted(times)
        assert len(times) == len(job.history or ()) + (job.stage is not None) or job.history is None


def _happen(job: JobRecord, event: Event, now: float) -> None:
    """Let an event happen in the way in which it does: a cancel is asked for."""
    if event in (Event.CANCEL_ACCEPTED, Event.WITHDRAWN):
        job.undo = [print] if event is Event.CANCEL_ACCEPTED else None
        job.request_cancel(user(), now)
    else:
        job.apply(event, now)


def test_start_cancel_and_end_are_shown_but_not_stored() -> None:
    job = started()
    job.request_cancel(user(), 3.0)
    job.deliver(4.0)
    job.apply(Event.UNWOUND, 5.0)
    assert job.history is None
    assert snapshot_of(Settled("job_1", pack(job))) == snapshot_of(job)
    assert len(snapshot_of(job).history) == 4


def test_nothing_reaches_a_settled_job() -> None:
    job = started()
    job.request_cancel(user(), 3.0)
    job.apply(Event.SUCCEEDED, 4.0)
    assert not job.deliver(5.0)
    assert shown(job)[1:] == [("cancel_accepted", 3.0, "canceling"), ("succeeded", 4.0, "succeeded")]


def test_an_implied_history_has_the_start_and_the_end() -> None:
    assert implied_history(JobState.PENDING, None, None) == []
    assert implied_history(JobState.RUNNING, 2.0, None) == [("started", 2.0, None, "running", None)]
    assert implied_history(JobState.FAILED, None, 3.0) == [("failed", 3.0, None, "failed", None)]
    assert implied_history(JobState.SUCCEEDED, 2.0, 3.0) == [
        ("started", 2.0, None, "running", None),
        ("succeeded", 3.0, None, "succeeded", None),
    ]
    assert implied_history(JobState.CANCELING, None, None, 2.0) == [("cancel_accepted", 2.0, None, "canceling", None)]
    assert implied_history(JobState.CANCELED, 1.0, 4.0, 2.0, 3.0) == [
        ("started", 1.0, None, "running", None),
        ("cancel_accepted", 2.0, None, "canceling", None),
        ("delivered", 3.0, None, "noted", None),
        ("unwound", 4.0, None, "canceled", None),
    ]
