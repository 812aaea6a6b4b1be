"""A settled job is packed; unpacked it is unchanged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobcancel import (
    BatchProgress,
    CancelCause,
    Event,
    Failure,
    FailureCode,
    HistoryEntry,
    JobState,
    Outcome,
    Progress,
)
from jobcancel._core.decision import Cancellation
from jobcancel._core.job import NO_ORIGIN, JobRecord, Origin, ProgressRecord
from jobcancel._core.packing import Facts, Settled, facts_of, pack
from jobcancel._core.specs import KindSpec, Stage
from jobcancel._core.view import snapshot_of
from tests.core.jobs import job_in, user

TEXT = st.none() | st.text(max_size=5)
TIME = st.floats(0, 1e6)
TERMINAL = st.sampled_from(["succeeded", "partially_succeeded", "failed", "canceled"]).map(JobState)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
PLAIN = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
DETAILS = st.none() | st.dictionaries(st.text(max_size=3), PLAIN, max_size=3)
ENTRY = st.tuples(st.text(max_size=5), TIME, st.none() | TIME, st.text(max_size=5), DETAILS)
FAILURE = st.builds(
    Failure, st.sampled_from(FailureCode), st.text(max_size=5), st.dictionaries(st.text(max_size=3), PLAIN, max_size=2)
)
COUNT = st.integers(0, 3)
PROGRESS = st.builds(
    ProgressRecord, st.none() | TIME, st.none() | TIME, TEXT, st.lists(st.text(max_size=3)), COUNT, COUNT, COUNT
)
# A byte for the state, eight for each of the place and the four times, and the kind's name.
PLAIN_SIZE = 1 + 5 * 8 + len("ingest")
MARKS = ("held", "forced", "ignored", "abandoned", "pierced", "compensated", "stuck", "unresponsive")


@st.composite
def cancellations(draw: st.DrawFn) -> Cancellation:
    cancel = Cancellation(draw(st.sampled_from(CancelCause)), draw(TEXT), draw(TEXT))
    cancel.requested_at, cancel.delivered_at = draw(TIME), draw(st.none() | TIME)
    cancel.outcome = draw(st.sampled_from(Outcome))
    for mark in MARKS:
        setattr(cancel, mark, draw(st.booleans()))
    return cancel


@st.composite
def records(draw: st.DrawFn) -> JobRecord:
    labels = draw(st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), min_size=1, max_size=2))
    origin = draw(st.sampled_from([NO_ORIGIN, Origin()]) | st.builds(Origin, TEXT, st.just(labels), TEXT, TEXT))
    seq, created_at, created = draw(st.integers(0, 2**63)), draw(st.floats(0, 2e9)), draw(TIME)
    job = JobRecord("job_1", seq, KindSpec(name="ingest"), created_at, created, origin)
    job.state, job.attempt = draw(TERMINAL), draw(st.integers(1, 5))
    job.stage = draw(st.none() | st.just(Stage("cloning")))
    job.stage_at, job.started, job.settled = draw(TIME), draw(st.none() | TIME), draw(TIME)
    job.history = draw(st.none() | st.lists(ENTRY, max_size=4))
    job.progress = draw(st.none() | PROGRESS)
    job.cancel, job.failure = draw(st.none() | cancellations()), draw(st.none() | FAILURE)
    job.result = draw(PLAIN | st.just(object()) | st.binary(max_size=3) | st.tuples(st.binary(max_size=3), PLAIN))
    return job


@st.composite
def plain_records(draw: st.DrawFn) -> JobRecord:
    """A job that was submitted, started and ended, without any other fact."""
    seq, created_at, created = draw(st.integers(0, 2**63)), draw(st.floats(0, 2e9)), draw(TIME)
    spec = KindSpec(name=draw(st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True)))
    job = JobRecord("job_1", seq, spec, created_at, created)
    job.state, job.started, job.settled = draw(TERMINAL), draw(TIME), draw(TIME)
    job.result = draw(PLAIN | st.just(object()) | st.binary(max_size=3))
    return job


# Everything by which a job stops being plain.
RARE: dict[str, Callable[[JobRecord], None]] = {
    "history": lambda job: job.note("halfway", 3.0),
    "origin": lambda job: setattr(job, "origin", Origin(labels={"team": "blue"})),
    "cancel": lambda job: setattr(job, "cancel", user(by="ada")),
    "failure": lambda job: setattr(job, "failure", Failure(FailureCode.EXPIRED, "too late", {})),
    "progress": lambda job: setattr(job, "progress", ProgressRecord(done=3)),
    "stage": lambda job: setattr(job, "stage", Stage("cloning")),
    "started": lambda job: setattr(job, "started", None),
    "attempt": lambda job: setattr(job, "attempt", 2),
}


@given(records() | plain_records())
def test_a_packed_job_looks_as_the_live_one_did(job: JobRecord) -> None:
    unpacked = Settled(job.id, pack(job))
    assert snapshot_of(unpacked) == snapshot_of(job)
    assert unpacked.facts == facts_of(job)
    assert (unpacked.state, unpacked.result, unpacked.settled) == (job.state, job.result, job.settled)


def plain() -> JobRecord:
    """Return a job that was submitted, started and succeeded, without any other fact."""
    job = JobRecord("job_1", 7, KindSpec(name="ingest"), 100.0, 1.0)
    job.apply(Event.STARTED, 2.0)
    job.apply(Event.SUCCEEDED, 3.0)
    return job


def test_a_plain_job_is_packed_as_numbers_and_its_kinds_name() -> None:
    job = plain()
    packed = pack(job)
    assert type(packed) is bytes
    assert len(packed) == PLAIN_SIZE
    unpacked = Settled("job_1", packed)
    assert snapshot_of(unpacked) == snapshot_of(job)
    assert unpacked.facts == Facts(7, "succeeded", "ingest", None, None)
    assert (unpacked.state, unpacked.result, unpacked.settled) == ("succeeded", None, 3.0)
    assert [(entry.step, entry.status, entry.at) for entry in snapshot_of(unpacked).history] == [
        ("started", "running", at(2)),
        ("succeeded", "succeeded", at(3)),
    ]


@pytest.mark.parametrize("state", ["succeeded", "partially_succeeded", "failed", "canceled"])
def test_a_packed_plain_job_has_its_state(state: str) -> None:
    job = plain()
    job.state = JobState(state)
    packed = pack(job)
    assert len(packed) == PLAIN_SIZE
    assert Settled("job_1", packed).state is JobState(state)
    assert snapshot_of(Settled("job_1", packed)) == snapshot_of(job)


def test_a_sequence_number_of_64_bits_is_packed() -> None:
    job = plain()
    job.seq = 2**64 - 1
    assert Settled("job_1", pack(job)).facts.seq == 2**64 - 1


def test_rare_fields_take_no_room_in_other_jobs() -> None:
    noted, again = plain(), plain()
    noted.note("halfway", 3.0)
    again.note("halfway", 3.0)
    again.attempt = 2
    # Six times None in a byte each, and a number in five.
    assert len(pack(again)) - len(pack(noted)) == 6 + 5


def test_a_settled_jobs_snapshot_shows_when_and_what_it_returned() -> None:
    job = plain()
    job.result = {"pr": 7}
    assert (snapshot_of(job).settled_at, snapshot_of(job).result) == (at(3), {"pr": 7})


class OddFloat(float):
    """As a host's clock may give: marshal knows it not."""


def test_times_of_a_float_subclass_are_packed() -> None:
    job = plain()
    job.created_at, job.created, job.started, job.settled = map(OddFloat, (100.0, 1.0, 2.0, 3.0))
    job.note("halfway", OddFloat(2.5), details={"half": [0.5]})
    packed, before = pack(job), snapshot_of(job)
    assert type(packed) is bytes
    assert snapshot_of(Settled("job_1", packed)) == before


@pytest.mark.parametrize("what", RARE)
def test_a_job_with_every_field_is_packed_completely(what: str) -> None:
    job = plain()
    RARE[what](job)
    packed, before = pack(job), snapshot_of(job)
    assert type(packed) is bytes
    assert len(packed) > PLAIN_SIZE
    assert before != snapshot_of(plain())
    assert snapshot_of(Settled("job_1", packed)) == before


def lived() -> JobRecord:
    job = job_in("running")
    job.origin = Origin("ada", {"team": "blue"}, "k", "job_0")
    job.started = 2.0
    job.progress = ProgressRecord(children=["job_2"])
    job.enter_stage(Stage("cloning"), 3.0)
    job.request_cancel(user(by="ada", reason="enough"), 4.0)
    job.deliver(5.0)
    return job


def at(second: int) -> datetime:
    """An instant of the job's clock, whose second 1 is 100 s after the epoch."""
    return datetime.fromtimestamp(99 + second, UTC)


def test_a_snapshot_shows_the_fields_of_the_record() -> None:
    snapshot = snapshot_of(lived())
    assert (snapshot.id, snapshot.kind, snapshot.owner, snapshot.labels) == ("job_1", "ingest", "ada", {"team": "blue"})
    assert (snapshot.parent_id, snapshot.key, snapshot.attempt) == ("job_0", "k", 1)
    assert (snapshot.state, snapshot.stage, snapshot.settled) == ("canceling", "cloning", False)
    assert (snapshot.created_at, snapshot.started_at, snapshot.settled_at) == (at(1), at(2), None)
    assert snapshot.progress == Progress(0, 1, None, BatchProgress(1, 0, 0, 0, 1, ("job_2",)))
    assert (snapshot.result, snapshot.failure) == (None, None)


def test_a_snapshot_shows_the_cancel_request() -> None:
    cancel = snapshot_of(lived()).cancel
    assert cancel is not None
    assert (cancel.cause, cancel.by, cancel.reason) == (CancelCause.USER, "ada", "enough")
    assert (cancel.requested_at, cancel.outcome, cancel.delivered_at) == (at(4), Outcome.CANCELING, at(5))
    marks = (cancel.forced, cancel.ignored, cancel.abandoned, cancel.pierced, cancel.compensated)
    assert (*marks, cancel.stuck, cancel.unresponsive) == (False,) * 7


def test_an_open_stage_is_in_the_history_where_it_began() -> None:
    assert snapshot_of(lived()).history == (
        HistoryEntry("cloning", at(3), None, "running", {}),
        HistoryEntry("cancel_accepted", at(4), None, "canceling", {}),
        HistoryEntry("delivered", at(5), None, "noted", {}),
    )


def test_a_stages_duration_is_in_milliseconds() -> None:
    job = lived()
    job.leave_stage("canceled", 3.25, raised=True)
    assert snapshot_of(job).history[0] == HistoryEntry("cloning", at(3), 250.0, "canceled", {})


def test_a_failure_is_unpacked_as_a_record() -> None:
    job = job_in("failed")
    job.failure = Failure(FailureCode.EXPIRED, "too late", {"type": "x"})
    assert snapshot_of(Settled("job_1", pack(job))).failure == job.failure


def test_only_the_result_is_stored_beside_the_bytes() -> None:
    job = job_in("succeeded")
    assert type(pack(job)) is bytes
    result: list[Any] = [1]
    job.result = result
    blob, beside = pack(job)
    assert type(blob) is bytes
    assert beside is result


def test_a_packed_job_is_found_by_the_same_facts() -> None:
    job = job_in("failed")
    job.origin = Origin("ada", {"team": "blue"})
    facts = Facts(1, "failed", "ingest", "ada", {"team": "blue"})
    assert facts_of(job) == facts
    assert Settled("job_1", pack(job)).facts == facts


@pytest.mark.parametrize(
    ("origin", "key"),
    [(NO_ORIGIN, None), (Origin("ada"), None), (Origin(key="k"), "k"), (Origin("ada", None, "k"), "k")],
)
def test_a_packed_job_has_its_key_and_submission_time(origin: Origin, key: str | None) -> None:
    job = JobRecord("job_1", 7, KindSpec(name="ingest"), 1800.0, 10.0, origin)
    job.apply(Event.STARTED, 11.0)
    job.apply(Event.SUCCEEDED, 12.0)
    unpacked = Settled("job_1", pack(job))
    assert (unpacked.key, unpacked.created_at, unpacked.settled) == (key, 1800.0, 12.0)


def test_a_packed_job_answers_already_terminal() -> None:
    verdict = Settled("job_1", pack(job_in("partially_succeeded"))).verdict(user(force=True))
    assert (verdict.job_id, verdict.outcome, verdict.state, verdict.stage) == (
        "job_1",
        Outcome.ALREADY_TERMINAL,
        "partially_succeeded",
        None,
    )
