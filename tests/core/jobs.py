"""Records for the tests of the pure core."""

from __future__ import annotations

from typing import Any

from jobcancel import CancelCause, JobState, OnCancel
from jobcancel._core.decision import Cancellation
from jobcancel._core.job import JobRecord
from jobcancel._core.specs import KindSpec, Stage


class ObservedRecord(JobRecord):
    """A record that lists its changes, if it is ``observed``: the state and the stage it is in after each."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.changes: list[tuple[str, str | None]] = []

    def changed(self) -> None:
        self.changes.append((self.state.value, self.stage_name))


def job_in(state: str = "running", *, undo: list[Any] | None = None, **kind: Any) -> ObservedRecord:
    """Return a job in ``state`` with an empty history, submitted at 100 s UTC, which is 1 s on its clock."""
    job = ObservedRecord("job_1", 1, KindSpec(name="ingest", **kind), 100.0, 1.0, undo=undo)
    job.state, job.history = JobState(state), []
    return job


def stage(on_cancel: str = "interrupt", *, commits: bool = False) -> Stage:
    return Stage("work", on_cancel=OnCancel(on_cancel), commits=commits)


def user(**options: Any) -> Cancellation:
    return Cancellation(CancelCause.USER, **options)


def timeout() -> Cancellation:
    return Cancellation(CancelCause.TIMEOUT)
