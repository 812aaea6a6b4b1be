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
from jobcancel._core.journal import FORMAT, Entry, JobJournal, encode_tombstone
from jobcancel._core.packing import Facts
from jobcancel._core.replay import Replay
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


def test_the_first_entry_says_who_the_job_is_and_what_it_was_called_with() -> None:
    job = JobRecord("job_1", 7, SPEC, 100.0, 10.0, Origin("ada", {"a": "b"}, "k", "job_0"))
    journal = JobJournal(job, [1], {"depth": 2}, 5.0)
    assert journal.entry() == Entry(
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
    journal.committed()


def test_what_is_not_said_of_a_job_is_left_out_of_its_first_entry() -> None:
    _, journal = journaled()
    assert journal.entry().body == {
        "seq": 7,
        "kind": "ingest",
        "created_at": 100.0,
        "state": "pending",
        "attempt": 1,
    }


def test_the_first_entry_of_a_job_to_which_much_has_happened_says_it_all() -> None:
    job, journal = journaled()
    job.apply(Event.STARTED, 11.0)
    job.note("step", 12.0)
    job.progress = ProgressRecord(None, None, None, ["job_2"])
    journal.results = [("load", 0, "x")]
    job.failure = Failure(FailureCode.HANDLER_ERROR, "no", {"type": "E"})
    body = body_of(journal.entry())
    assert body["history"] == [["started", 1.0, None, "running", None], ["step", 2.0, None, "noted", None]]
    assert (body["children"], body["results"]) == (["job_2"], [["load", 0, "x"]])
    assert body["failure"] == ["HANDLER_ERROR", "no", {"type": "E"}]


def test_what_is_kept_can_be_asked() -> None:
    job, journal = journaled()
    assert (journal.was_written("state"), journal.knows_undo) == (None, True)
    assert (journal.starting, journal.finished) == (False, False)
    job.register(Undo("refund", [], {}))
    journal.starting = True
    assert body_of(journal.entry())["starting"] is True
    assert (journal.was_written("state"), journal.knows_undo) == (None, False)
    journal.committed()
    assert (journal.was_written("state"), journal.was_written("starting"), journal.knows_undo) == (
        "pending",
        True,
        True,
    )
    journal.starting = False
    assert journal.entry().body == {"starting": None}


def test_jobs_that_wait_share_what_was_said_of_where_they_stand() -> None:
    said = list[object]()
    for _ in range(2):
        _, journal = journaled()
        journal.entry()
        journal.committed()
        said.append(journal._written)  # pyright: ignore[reportPrivateUsage]  # memory is all that it saves
    assert said[0] is said[1]


def test_compensations_that_have_run_are_known_and_later_ones_are_not() -> None:
    job, journal = journaled()
    job.register(Undo("refund", [], {}))
    journal.entry()
    journal.committed()
    known = [journal.knows_undo]
    job.register(Undo("delete", [], {}))
    known.append(journal.knows_undo)
    job.undo = []
    known.append(journal.knows_undo)
    job.undo = None
    known.append(journal.knows_undo)
    job.register(Undo("delete", [], {}))
    known.append(journal.knows_undo)
    assert known == [True, False, True, True, False]


def test_a_request_that_is_answered_is_asked_no_longer_and_its_twin_still_is() -> None:
    _, journal = journaled()
    first, second = (Cancellation(CancelCause.USER, "ada") for _ in range(2))
    journal.ask(first)
    journal.ask(second)
    journal.answer(first)
    (left,) = journal.asked
    assert left is second


def test_the_format_of_the_files_that_are_out_there_is_the_first() -> None:
    assert FORMAT == 1


def test_an_entry_says_what_has_changed_since_the_last_one_that_was_kept() -> None:
    job, journal = journaled()
    journal.entry()
    journal.committed()
    assert journal.entry().body == {}
    job.apply(Event.STARTED, 11.0)
    assert journal.entry().body == {"state": "running", "started": 1.0}
    job.enter_stage(STAGES[0], 12.0)
    assert journal.entry().body == {"state": "running", "started": 1.0, "stage": ["load", 2.0, False]}
    journal.committed()
    job.leave_stage("done", 15.0, raised=False)
    assert journal.entry().body == {
        "stage": None,
        "history": [["started", 1.0, None, "running", None], ["load", 2.0, 3.0, "done", None]],
    }


def test_an_entry_tells_of_a_cancel_what_it_was_and_what_became_of_it() -> None:
    job, journal = journaled()
    job.apply(Event.STARTED, 11.0)
    journal.entry()
    journal.committed()
    job.request_cancel(Cancellation(CancelCause.USER, "ada", "stop"), 12.0)
    job.deliver(13.0)
    body = body_of(journal.entry())
    assert body["cancel"] == ["user", "ada", "stop", 2.0, "canceling", 3.0, []]
    assert job.cancel is not None
    job.cancel.stuck = job.cancel.pierced = True
    assert body_of(journal.entry())["cancel"][-1] == ["pierced", "stuck"]


def test_an_entry_tells_of_requests_that_are_not_decided_and_of_a_stage_that_is_about_to_commit() -> None:
    _, journal = journaled()
    journal.entry()
    journal.committed()
    journal.ask(Cancellation(CancelCause.USER, "ada", None, True, False))
    journal.committing = "publish"
    assert journal.entry().body == {"asked": [["ada", None, True, False]], "committing": "publish"}
    journal.committed()
    journal.asked = ()
    journal.committing = None
    assert journal.entry().body == {"asked": None, "committing": None}


def test_an_entry_tells_which_undos_stay_and_which_are_new() -> None:
    job, journal = journaled()
    job.register(Undo("refund", [5], {"to": "ada"}))
    job.register(partial(print, "tidy"))
    assert body_of(journal.entry())["undo"] == [0, [["refund", 1, [5], {"to": "ada"}], ["print", 0, [], {}]]]
    journal.committed()
    assert journal.entry().body == {}
    assert job.undo is not None
    job.undo.pop()
    assert journal.entry().body == {"undo": [1, []]}
    journal.committed()
    job.register(Undo("delete", [], {}))
    assert journal.entry().body == {"undos": 2, "undo": [1, [["delete", 2, [], {}]]]}
    journal.committed()
    job.undo = None
    assert journal.entry().body == {"undo": [0, []]}


def test_what_grows_of_a_job_that_waits_is_said_once() -> None:
    job, journal = journaled()
    job.register(partial(print, "tidy"))
    assert body_of(journal.entry())["undo"] == [0, [["print", 0, [], {}]]]
    journal.committed()
    assert journal.entry().body == {}


def test_the_final_entry_says_all_that_is_kept_and_nothing_follows_it() -> None:
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
def test_a_stage_that_is_declared_no_longer_is_replayed_by_its_name(gone: Stage) -> None:
    job, journal = journaled()
    job.apply(Event.STARTED, 11.0)
    job.enter_stage(gone, 12.0)
    again = replayed([journal.entry()])
    assert again.stage == gone
    assert again.stage_at == 12.0


def test_a_stage_is_replayed_as_it_is_declared() -> None:
    job, journal = journaled()
    job.apply(Event.STARTED, 11.0)
    job.enter_stage(STAGES[1], 12.0)
    assert replayed([journal.entry()]).stage is STAGES[1]


def test_a_replay_gives_the_whole_job_with_its_times_on_this_process_s_clock() -> None:
    job, journal = journaled(owner="ada", key="k")
    job.apply(Event.STARTED, 11.0)
    replay = replay_of([journal.entry()])
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
        self.now, self.kept, self.at_kept = 10.0, list[Entry](), self.seen()

    def seen(self) -> tuple[Any, ...]:
        asked = [(each.by, each.defer, each.force) for each in self.journal.asked]
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
                    self.journal.ask(Cancellation(CancelCause.USER, str(number), None, number % 2 == 0))
                case "decided" if self.journal.asked:
                    self.journal.answer(self.journal.asked[-1])
                case "commit":
                    self.journal.committing = None if number % 2 else "publish"
                case _:
                    pass
        except JobCancelError:
            return

    def entry(self, *, kept: bool) -> None:
        entry = self.journal.entry()
        if kept:
            self.kept.append(Entry(entry.job_id, json.loads(json.dumps(entry.body))))
            self.journal.committed()
            self.at_kept = self.seen()


ACTS = [
    *("event", "ask", "deliver", "mark", "enter", "leave", "note", "progress", "child", "register", "undone"),
    *("result", "request", "decided", "commit"),
]
STEPS = st.lists(st.one_of(st.tuples(st.sampled_from(ACTS), st.integers(0, 30)), st.booleans()), max_size=40)


@settings(deadline=None, max_examples=400)
@given(STEPS)
def test_the_entries_that_were_kept_give_the_job_as_it_was_at_the_last_of_them(
    steps: list[tuple[str, int] | bool],
) -> None:
    life = Life()
    life.entry(kept=True)
    life.job.apply(Event.STARTED, 10.0)
    for step in steps:
        if isinstance(step, bool):
            life.entry(kept=step)
        else:
            life.take(*step)
    replay = replay_of(life.kept)
    again = filled(replay)
    snapshot, undo, undos, results, asked, committing = life.at_kept
    assert snapshot_of(again) == snapshot
    assert [tuple(each) for each in replay.undo] == [(name, n, args, kwargs) for name, n, args, kwargs in undo]
    assert (again.undos, replay.results) == (undos, results)
    assert [(each.by, each.defer, each.force) for each in replay.asked] == asked
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


def test_a_job_of_which_nothing_was_said_shares_the_origin_that_all_such_jobs_have() -> None:
    _, journal = journaled()
    replay = replay_of([journal.entry()])
    assert replay.origin is NO_ORIGIN
    assert replay.asked == []
    assert replay.history is None


def test_a_request_that_was_kept_is_a_users() -> None:
    _, journal = journaled()
    journal.ask(Cancellation(CancelCause.USER, "ada", "stop", True, True))
    (request,) = replay_of([journal.entry()]).asked
    assert (request.cause, request.by, request.reason) == (CancelCause.USER, "ada", "stop")
    assert (request.defer, request.force, request.outcome) == (True, True, Outcome.CANCELING)
