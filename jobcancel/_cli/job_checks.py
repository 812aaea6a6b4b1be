"""`jobcancel jobs check`: whether a journal is whole, and whether each of its jobs can be, and could have become so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from jobcancel import Event, JobState
from jobcancel._core.job import implied_history
from jobcancel._core.journal import Entry
from jobcancel._core.replay import Replay
from jobcancel._core.states import next_state
from jobcancel.errors import StoreFormatError
from jobcancel.stores.sqlite_reading import JournalFile

from .stored import StoredJob, is_forgotten

EVENTS = {event.value: event for event in Event}
STATES = {state.value for state in JobState}
FORGOTTEN = "forgotten, its key is kept"
# What is raised by entries that say something else than a job's would.
WRONG = (ValueError, TypeError, LookupError, AttributeError, OverflowError)


class Check:
    """A check of all jobs of a journal.

    Attributes:
        entries: How many entries were looked at.
        states: How many jobs are in each state.
        problems: What is wrong, a line each.
    """

    def __init__(self) -> None:
        self.entries = 0
        self.states: Counter[str] = Counter()
        self.problems: list[str] = []
        self._open: dict[str, Replay] = {}
        self._broken: set[str] = set()
        self._final: set[str] = set()
        self._places: set[int] = set()

    def file(self, file: JournalFile) -> Check:
        """Check a journal's file, and all jobs in it."""
        self.problems += file.problems()
        try:
            return self.jobs(file.sound_entries())
        except StoreFormatError as error:
            self.problems.append(f"no more can be read: {error.problem}")
            return self

    def jobs(self, entries: Iterable[Entry]) -> Check:
        """Check all jobs."""
        for job_id, body, _ in entries:
            self.entries += 1
            if job_id in self._final:
                self._add(job_id, "has another entry after its final one")
            elif body is not None and "final" in body:
                self._final.add(job_id)
                if self._open.pop(job_id, None) is not None:
                    self._add(job_id, "has entries before its final one, which should have gone with it")
                self._take(Replay(job_id), body)
            elif body is not None:
                self._take(self._open.setdefault(job_id, Replay(job_id)), body)
        for replay in self._open.values():
            self._judge(replay)
        return self

    def _take(self, replay: Replay, body: dict[str, Any]) -> None:
        if replay.job_id in self._broken:
            return
        try:
            replay.take(body)
        except WRONG as error:
            self._broken.add(replay.job_id)
            self._add(replay.job_id, f"does not replay: {_told(error)}")
        else:
            if replay.final:
                self._judge(replay)

    def _judge(self, replay: Replay) -> None:
        """Check one job whose entries have all been read."""
        if replay.job_id in self._broken:
            return
        try:
            self._place(replay)
            if is_forgotten(replay):
                self.states[FORGOTTEN] += 1
                return
            job = StoredJob(replay)
            job.snapshot.to_dict()
            self.states[job.snapshot.state] += 1
            self.problems += [f"job {replay.job_id}: {wrong}" for wrong in _contradictions(job)]
        except WRONG as error:
            self._add(replay.job_id, f"does not replay: {_told(error)}")

    def _place(self, replay: Replay) -> None:
        place = replay.fields["seq"]
        if place in self._places:
            self._add(replay.job_id, f"has place {place} in the order of submission, as another job has")
        self._places.add(place)

    def _add(self, job_id: str, wrong: str) -> None:
        self.problems.append(f"job {job_id}: {wrong}")


def _contradictions(job: StoredJob) -> list[str]:
    """Return what cannot be true of a job that replays."""
    replay, shown = job.replay, job.snapshot
    found: list[str] = []
    if replay.final and not shown.settled:
        found.append(f"has a final entry, though it is {shown.state}")
    # An abandoned job has settled while its code runs, and has compensations to run when that ends.
    if shown.settled and not replay.final and not (shown.cancel is not None and shown.cancel.abandoned):
        found.append(f"is {shown.state} without a final entry")
    if shown.settled != (shown.settled_at is not None):
        found.append(f"is {shown.state} with{'out' if shown.settled else ''} a time at which it settled")
    if shown.state in {JobState.CANCELING, JobState.CANCELED} and shown.cancel is None:
        found.append(f"is {shown.state}, and no cancel was asked for")
    return found + _illegal(replay)


def _illegal(replay: Replay) -> list[str]:
    """Return where the transitions in a job's history leave the table, or do not lead to its state."""
    fields, history = replay.fields, replay.history
    if history is None:
        _, _, _, requested, _, delivered, *_ = fields.get("cancel") or [None] * 7
        implied = implied_history(replay.state, fields.get("started"), fields.get("settled"), requested, delivered)
        history = [list(entry) for entry in implied]
    state = JobState.PENDING
    for event, _, duration, status, _ in history:
        # Stages have a duration or another status; notes have another.
        if event not in EVENTS or status not in STATES or duration is not None:
            continue
        after = next_state(state, EVENTS[event])
        if after is None or after != status:
            return [f"its history says {event} -> {status}, which is not legal in {state}"]
        state = after
    if state is not replay.state:
        return [f"its history leads to {state}, but it is {replay.state}"]
    return []


def _told(error: Exception) -> str:
    return f"{error}, which is missing or unknown" if isinstance(error, LookupError) else " ".join(str(error).split())
