"""Entries of a journal: what each says, and that they give the job back wherever a commit failed."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobcancel import CancelCause, Event, Failure, FailureCode, JobState, Outcome, Stage
from jobcancel._core.compensations import Undo
from jobcancel._core.decision import Cancellation
from jobcancel._core.job import NO_ORIGIN, JobRecord, Origin, ProgressRecord
from jobcancel._core.journal import FORMAT, Entry, JobJournal, Replay, encode_tombstone
from jobcancel._core.packing import Facts
from jobcancel._core.specs import KindSpec
from jobcancel._core.view import snapshot_of
from jobcancel.errors import JobCancelError

STAGES = (Stage("load"), Stage("charge", on_cancel="defer"), Stage("publish", commits=True))
SPEC = KindSpec(name="ingest", stages=STAGES)


def journaled(**origin: Any) -> tuple[JobRecord, JobJournal]:
    job = JobRecord("job_1", 7, SPEC, 100.0, 10.0, Origin(**origin) if origin else NO_ORIGIN)
    return job, JobJournal(job, [], {}, None)


def body_of(entry: Entry) -> dict[str, Any]:
    assert entry.body is not None
    return entry.body


def test_the_first_entry_has_identity_and_arguments() -> None:
    job = JobRecord("job_1", 7, SPEC, 100.0, 10.0, Origin("ada", {"a": "b"}, "k", "job_0"))
    journal = JobJournal(job, [1], {"depth": 2}, 5.0)
    assert journal.changes() == Entry(
        "job_1",
        {
            "seq": 7,
            "kind": "ingest",
            "created_at": 100.0,
            "owner": "ada",
            "labels": {"a": "b"},
            "key": "k",
            "parent_id": "job_0",
            "args": [1],
            "kwargs": {"depth": 2},
            "timeout_s": 5.0,
            "state": "pending",
            "attempt": 1,
        },
        final=False,
    )
    journal.mark_committed()


def test_the_first_entry_leaves_out_what_a_job_does_not_have() -> None:
    _, journal = journaled()
    assert journal.changes().body == {
        "seq": 7,
        "kind": "ingest",
        "created_at": 100.0,
        "state": "pending",
        "attempt": 1,
    }


def test_the_first_entry_has_everything_that_has_happened() -> None:
    job, journal = journaled()
    job.apply(Event.STARTED, 11.0)
    job.note("step", 12.0)
    job.progress = ProgressRecord(None, None, None, ["job_2"])
    journal.results = [("load", 0, "x")]
    job.failure = Failure(FailureCode.HANDLER_ERROR, "no", {"type": "E"})
    body = body_of(journal.changes())
    assert body["history"] == [["started", 1.0, None, "running", None], ["step", 2.0, None, "noted", None]]
    assert (body["children"], body["results"]) == (["job_2"], [["load", 0, "x"]])
    assert body["failure"] == ["HANDLER_ERROR", "no", {"type": "E"}]


def test_committed_fields_can_be_read() -> None:
    job, journal = journaled()
    assert (journal.committed("state"), journal.undos_committed) == (None, True)
    assert (journal.starting, journal.finished) == (False, False)
    job.register(Undo("refund", [], {}))
    journal.starting = True
    assert body_of(journal.changes())["starting"] is True
    assert (journal.committed("state"), journal.undos_committed) == (None, False)
    journal.mark_committed()
    assert (journal.committed("state"), journal.committed("starting"), journal.undos_committed) == (
        "pending",
        True,
        True,
    )
    journal.starting = False
    assert journal.changes().body == {"starting": None}


def test_pending_jobs_share_one_record_of_what_is_committed() -> None:
    records = list[object]()
    for _ in range(2):
        _, journal = journaled()
        journal.changes()
        journal.mark_committed()
        records.append(journal._committed)  # pyright: ignore[reportPrivateUsage]  # memory is all that it saves
    assert records[0] is records[1]


def test_undos_are_committed_after_some_ran_but_not_after_new_ones() -> None:
    job, journal = journaled()
    job.register(Undo("refund", [], {}))
    journal.changes()
    journal.mark_committed()
    known = [journal.undos_committed]
    job.register(Undo("delete", [], {}))
    known.append(journal.undos_committed)
    job.undo = []
    known.append(journal.undos_committed)
    job.undo = None
    known.append(journal.undos_committed)
    job.register(Undo("delete", [], {}))
    known.append(journal.undos_committed)
    assert known == [True, False, True, True, False]


def test_a_decided_request_is_removed_and_an_equal_one_stays() -> None:
    _, journal = journaled()
    first, second = (Cancellation(CancelCause.USER, "ada") for _ in range(2))
    journal.add_request(first)
    journal.add_request(second)
    journal.remove_request(first)
    (left,) = journal.requests
    assert left is second


def test_the_format_is_the_first() -> None:
    assert FORMAT == 1


def test_an_entry_has_what_changed_since_the_last_committed_one() -> None:
    job, journal = journaled()
    journal.changes()
    journal.mark_committed()
    assert journal.changes().body == {}
    job.apply(Event.STARTED, 11.0)
    assert journal.changes().body == {"state": "running", "started": 1.0}
    job.enter_stage(STAGES[0], 12.0)
    assert journal.changes().body == {"state": "running", "started": 1.0, "stage": ["load", 2.0, False]}
    journal.mark_committed()
    job.leave_stage("done", 15.0, raised=False)
    assert journal.changes().body == {
        "stage": None,
        "history": [["started", 1.0, None, "running", None], ["load", 2.0, 3.0, "done", None]],
    }


def test_an_entry_has_a_cancel_with_its_marks() -> None:
    job, journal = journaled()
    job.apply(Event.STARTED, 11.0)
    journal.changes()
    journal.mark_committed()
    job.request_cancel(Cancellation(CancelCause.USER, "ada", "stop"), 12.0)
    job.deliver(13.0)
    body = body_of(journal.changes())
    assert body["cancel"] == ["user", "ada", "stop", 2.0, "canceling", 3.0, []]
    assert job.cancel is not None
    job.cancel.stuck = job.cancel.pierced = True
    assert body_of(journal.changes())["cancel"][-1] == ["pierced", "stuck"]


def test_an_entry_has_undecided_requests_and_the_committing_stage() -> None:
    _, journal = journaled()
    journal.changes()
    journal.mark_committed()
    journal.add_request(Cancellation(CancelCause.USER, "ada", None, True, False))
    journal.committing = "publish"
    assert journal.changes().body == {"asked": [["ada", None, True, False]], "committing": "publish"}
    journal.mark_committed()
    journal.requests = ()
    journal.committing = None
    assert journal.changes().body == {"asked": None, "committing": None}


def test_an_entry_has_the_count_of_old_undos_and_the_new_ones() -> None:
    job, journal = journaled()
    job.register(Undo("refund", [5], {"to": "ada"}))
    job.register(partial(print, "tidy"))
    assert body_of(journal.changes())["undo"] == [0, [["refund", 1, [5], {"to": "ada"}], ["print", 0, [], {}]]]
    journal.mark_committed()
    assert journal.changes().body == {}
    assert job.undo is not None
    job.undo.pop()
    assert journal.changes().body == {"undo": [1, []]}
    journal.mark_committed()
    job.register(Undo("delete", [], {}))
    assert journal.changes().body == {"undos": 2, "undo": [1, [["delete", 2, [], {}]]]}
    journal.mark_committed()
    job.undo = None
    assert journal.changes().body == {"undo": [0, []]}


def test_growing_parts_of_a_pending_job_are_written_once() -> None:
    job, journal = journaled()
    job.register(partial(print, "tidy"))
    assert body_of(journal.changes())["undo"] == [0, [["print", 0, [], {}]]]
    journal.mark_committed()
    assert journal.changes().body == {}


def test_the_final_entry_has_the_whole_job_and_nothing_follows_it() -> None:
    job, journal = journaled(key="k")
    job.apply(Event.STARTED, 11.0)
    job.progress = ProgressRecord(1, 2, "half", ["job_2"], 1)
    job.request_cancel(Cancellation(CancelCause.TIMEOUT), 12.0)
    job.note("halfway", 12.5)
    job.failure = Failure(FailureCode.TIMED_OUT, "too late", {"n": 1})
    job.apply(Event.FAILED, 13.0)
    before = journal.finished
    entry = journal.final({"n": 1}, {"url": "x"})
    assert (before, journal.finished) == (False, True)
    assert entry == Entry(
        "job_1",
        {
            "final": True,
            "seq": 7,
            "kind": "ingest",
            "created_at": 100.0,
            "key": "k",
            "state": "failed",
            "attempt": 1,
            "started": 1.0,
            "settled": 3.0,
            "progress": [1, 2, "half", 1, 0, 0],
            "children": ["job_2"],
            "result": {"n": 1},
            "arguments": {"url": "x"},
            "cancel": ["timeout", None, None, 2.0, "canceling", None, []],
            "failure": ["TIMED_OUT", "too late", {"n": 1}],
            "history": [
                ["started", 1.0, None, "running", None],
                ["cancel_accepted", 2.0, None, "canceling", None],
                ["halfway", 2.5, None, "noted", None],
                ["failed", 3.0, None, "failed", None],
            ],
        },
        final=True,
    )


def test_a_tombstone_has_what_the_key_of_a_retired_job_needs() -> None:
    facts = Facts(7, "failed", "ingest", "ada", {"a": "b"})
    assert encode_tombstone(facts, "k", 100.0, {"url": "x"}) == {
        "final": True,
        "forgotten": True,
        "seq": 7,
        "kind": "ingest",
        "owner": "ada",
        "key": "k",
        "created_at": 100.0,
        "arguments": {"url": "x"},
        "state": "failed",
    }


@pytest.mark.parametrize("gone", [Stage("gone"), Stage("gone", commits=True)])
def test_a_stage_no_longer_declared_is_replayed_by_its_name(gone: Stage) -> None:
    job, journal = journaled()
    job.apply(Event.STARTED, 11.0)
    job.enter_stage(gone, 12.0)
    again = replayed([journal.changes()])
    assert again.stage == gone
    assert again.stage_at == 12.0


def test_a_stage_is_replayed_as_it_is_declared() -> None:
    job, journal = journaled()
    job.apply(Event.STARTED, 11.0)
    job.enter_stage(STAGES[1], 12.0)
    assert replayed([journal.changes()]).stage is STAGES[1]


def test_a_replay_returns_the_whole_job_with_times_of_this_process() -> None:
    job, journal = journaled(owner="ada", key="k")
    job.apply(Event.STARTED, 11.0)
    replay = replay_of([journal.changes()])
    assert (replay.job_id, replay.final) == ("job_1", False)
    again = replay.record(SPEC, 1000.0)
    assert (again.id, again.seq, again.spec, again.origin) == ("job_1", 7, SPEC, Origin("ada", None, "k", None))
    assert (again.created_at, again.created, again.started) == (100.0, 1100.0, 1101.0)
    assert again.state is JobState.RUNNING
    job.apply(Event.SUCCEEDED, 12.0)
    assert replay_of([journal.final(None, None)]).final


def replayed(entries: list[Entry]) -> JobRecord:
    """The job that the entries tell of, by way of their text, with the same anchor in time."""
    return filled(replay_of(entries))


def replay_of(entries: list[Entry]) -> Replay:
    replay = Replay("job_1")
    for entry in entries:
        replay.take(json.loads(json.dumps(entry.body)))
    return replay


def filled(replay: Replay) -> JobRecord:
    job = JobRecord("job_1", replay.fields["seq"], SPEC, replay.fields["created_at"], 10.0, replay.origin)
    replay.fill(job)
    return job


class Life:
    """A job to which one thing after the other happens; what its state does not allow has no effect."""

    def __init__(self) -> None:
        self.job, self.journal = journaled(owner="ada", labels={"a": "b"})
        self.now, self.committed, self.at_commit = 10.0, list[Entry](), self.seen()

    def seen(self) -> tuple[Any, ...]:
        asked = [(each.by, each.defer, each.force) for each in self.journal.requests]
        undo = [(each.name, each.n, each.args, each.kwargs) for each in self.job.undo or ()]
        results = [*self.journal.results]
        return snapshot_of(self.job), undo, self.job.undos, results, asked, self.journal.committing

    def take(self, what: str, number: int) -> None:  # noqa: PLR0912  # one branch an act
        self.now += 0.25
        job, now = self.job, self.now
        try:
            match what:
                case "event":
                    job.apply([*Event][number % len(Event)], now)
                case "ask":
                    causes = [*CancelCause]
                    request = Cancellation(causes[number % 4], "ada", "stop", number % 3 == 0, number % 5 == 0)
                    job.request_cancel(request, now)
                case "deliver":
                    job.deliver(now)
                case "mark" if job.cancel is not None:
                    setattr(job.cancel, ("ignored", "stuck", "pierced", "compensated")[number % 4], True)
                case "enter":
                    job.enter_stage(STAGES[number % 3], now)
                case "leave":
                    job.leave_stage("done", now, raised=bool(number % 2))
                case "note":
                    job.note(f"step {number}", now, details={"n": number} if number % 2 else None)
                case "progress":
                    record = job.progress = job.progress or ProgressRecord()
                    record.done, record.total, record.message = number, number * 2, None if number % 2 else "so far"
                case "child":
                    job.progress = job.progress or ProgressRecord()
                    job.progress.children.append(f"job_{number}")
                    job.progress.child_settled([*JobState][3 + number % 4])
                case "register":
                    job.register(Undo(f"undo_{number % 3}", [number], {"n": number}))
                case "undone" if job.undo:
                    job.undo.pop()
                case "result":
                    passage = (STAGES[number % 3].name, number, {"n": [number]})
                    self.journal.results = [*self.journal.results, passage]
                case "request":
                    self.journal.add_request(Cancellation(CancelCause.USER, str(number), None, number % 2 == 0))
                case "decided" if self.journal.requests:
                    self.journal.remove_request(self.journal.requests[-1])
                case "commit":
                    self.journal.committing = None if number % 2 else "publish"
                case _:
                    pass
        except JobCancelError:
            return

    def entry(self, *, committed: bool) -> None:
        entry = self.journal.changes()
        if committed:
            self.committed.append(Entry(entry.job_id, json.loads(json.dumps(entry.body))))
            self.journal.mark_committed()
            self.at_commit = self.seen()


ACTS = [
    *("event", "ask", "deliver", "mark", "enter", "leave", "note", "progress", "child", "register", "undone"),
    *("result", "request", "decided", "commit"),
]
STEPS = st.lists(st.one_of(st.tuples(st.sampled_from(ACTS), st.integers(0, 30)), st.booleans()), max_size=40)


@settings(deadline=None, max_examples=400)
@given(STEPS)
def test_committed_entries_replay_the_job_as_of_the_last_one(
    steps: list[tuple[str, int] | bool],
) -> None:
    life = Life()
    life.entry(committed=True)
    life.job.apply(Event.STARTED, 10.0)
    for step in steps:
        if isinstance(step, bool):
            life.entry(committed=step)
        else:
            life.take(*step)
    replay = replay_of(life.committed)
    again = filled(replay)
    snapshot, undo, undos, results, asked, committing = life.at_commit
    assert snapshot_of(again) == snapshot
    assert [tuple(each) for each in replay.undo] == [(name, n, args, kwargs) for name, n, args, kwargs in undo]
    assert (again.undos, replay.results) == (undos, results)
    assert [(each.by, each.defer, each.force) for each in replay.requests] == asked
    assert replay.fields.get("committing") == committing


@settings(deadline=None, max_examples=100)
@given(STEPS, st.sampled_from([Event.SUCCEEDED, Event.FAILED]))
def test_the_final_entry_gives_the_settled_job(steps: list[tuple[str, int] | bool], event: Event) -> None:
    life = Life()
    life.job.apply(Event.STARTED, 10.0)
    for step in steps:
        if not isinstance(step, bool):
            life.take(*step)
    if life.job.state in {JobState.RUNNING, JobState.CANCELING}:
        life.job.stage = None
        life.job.failure = Failure(FailureCode.HANDLER_ERROR, "no", {"n": 1}) if event is Event.FAILED else None
        life.job.result = [1]
        life.job.apply(event, life.now + 1)
        replay = replay_of([life.journal.final([1], None)])
        assert snapshot_of(filled(replay)) == snapshot_of(life.job)
        assert (replay.kind, replay.state, replay.origin) == ("ingest", life.job.state, life.job.origin)


def test_jobs_without_owner_labels_key_and_parent_share_one_origin() -> None:
    _, journal = journaled()
    replay = replay_of([journal.changes()])
    assert replay.origin is NO_ORIGIN
    assert replay.requests == []
    assert replay.history is None


def test_a_decoded_request_is_a_users() -> None:
    _, journal = journaled()
    journal.add_request(Cancellation(CancelCause.USER, "ada", "stop", True, True))
    (request,) = replay_of([journal.changes()]).requests
    assert (request.cause, request.by, request.reason) == (CancelCause.USER, "ada", "stop")
    assert (request.defer, request.force, request.outcome) == (True, True, Outcome.CANCELING)
