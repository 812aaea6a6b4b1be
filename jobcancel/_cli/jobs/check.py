"""`jobcancel jobs check`: whether a journal is sound, and whether each job's entries are possible and consistent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from jobcancel import Event, JobState
from jobcancel._core.job import implied_history
from jobcancel._core.journal import Entry, Replay
from jobcancel._core.states import next_state
from jobcancel.errors import StoreFormatError
from jobcancel.stores.sqlite_reading import JournalFile

from .stored import StoredJob, is_forgotten

FORGOTTEN: Final = "past retention, only the key is stored"
REPLAY_ERRORS: Final = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What a replay raises for entries that cannot be those of a job."""
_EVENTS: Final = {event.value: event for event in Event}
_STATES: Final = {state.value for state in JobState}


class Check:
    """A check of all jobs of a journal.

    Attributes:
        entries: The number of entries read.
        states: The number of jobs in each state.
        problems: The problems found, a line each.
    """

    def __init__(self) -> None:
        self.entries = 0
        self.states: Counter[str] = Counter()
        self.problems: list[str] = []
        self._open: dict[str, Replay] = {}
        self._broken: set[str] = set()
        self._final: set[str] = set()
        self._sequence_numbers: set[int] = set()

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
                    self._add(job_id, "has entries before its final one, which should have been removed")
                self._replay(Replay(job_id), body)
            elif body is not None:
                self._replay(self._open.setdefault(job_id, Replay(job_id)), body)
        for replay in self._open.values():
            self._check_job(replay)
        return self

    def _replay(self, replay: Replay, body: dict[str, Any]) -> None:
        if replay.job_id in self._broken:
            return
        try:
            replay.take(body)
        except REPLAY_ERRORS as error:
            self._broken.add(replay.job_id)
            self._add(replay.job_id, f"cannot be replayed: {_reason(error)}")
        else:
            if replay.final:
                self._check_job(replay)

    def _check_job(self, replay: Replay) -> None:
        """Check one job whose entries have all been read."""
        if replay.job_id in self._broken:
            return
        try:
            self._check_sequence_number(replay)
            if is_forgotten(replay):
                self.states[FORGOTTEN] += 1
                return
            job = StoredJob(replay)
            job.snapshot.to_dict()
            self.states[job.snapshot.state] += 1
            self.problems += [f"job {replay.job_id}: {problem}" for problem in _contradictions(job)]
        except REPLAY_ERRORS as error:
            self._add(replay.job_id, f"cannot be replayed: {_reason(error)}")

    def _check_sequence_number(self, replay: Replay) -> None:
        number = replay.fields["seq"]
        if number in self._sequence_numbers:
            self._add(replay.job_id, f"has the sequence number {number}, which another job has too")
        self._sequence_numbers.add(number)

    def _add(self, job_id: str, problem: str) -> None:
        self.problems.append(f"job {job_id}: {problem}")


def _contradictions(job: StoredJob) -> list[str]:
    """Return what cannot be true about a job that can be replayed."""
    replay, snapshot = job.replay, job.snapshot
    found: list[str] = []
    if replay.final and not snapshot.settled:
        found.append(f"has a final entry, though it is {snapshot.state}")
    # An abandoned job has settled while its code runs. Its compensations run when the code ends.
    if snapshot.settled and not replay.final and not (snapshot.cancel is not None and snapshot.cancel.abandoned):
        found.append(f"is {snapshot.state} without a final entry")
    if snapshot.settled != (snapshot.settled_at is not None):
        found.append(f"is {snapshot.state} with{'out' if snapshot.settled else ''} a settlement time")
    if snapshot.state in {JobState.CANCELING, JobState.CANCELED} and snapshot.cancel is None:
        found.append(f"is {snapshot.state} without a cancel request")
    return found + _illegal_transitions(replay)


def _illegal_transitions(replay: Replay) -> list[str]:
    """Return where a job's history breaks the transition table, or does not lead to the job's state."""
    fields, history = replay.fields, replay.history
    if history is None:
        _, _, _, requested, _, delivered, *_ = fields.get("cancel") or [None] * 7
        implied = implied_history(replay.state, fields.get("started"), fields.get("settled"), requested, delivered)
        history = [list(entry) for entry in implied]
    state = JobState.PENDING
    for event, _, duration, status, _ in history:
        # Entries of stages have a duration or another status; notes have another status.
        if event not in _EVENTS or status not in _STATES or duration is not None:
            continue
        after = next_state(state, _EVENTS[event])
        if after is None or after != status:
            return [f"its history has {event} -> {status}, which is not legal in {state}"]
        state = after
    if state is not replay.state:
        return [f"its history leads to {state}, but it is {replay.state}"]
    return []


def _reason(error: Exception) -> str:
    return f"{error}, which is missing or unknown" if isinstance(error, LookupError) else " ".join(str(error).split())
