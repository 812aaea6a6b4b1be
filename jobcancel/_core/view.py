"""From a job's fields, as ``packing`` gives them, to its snapshot.

A module of its own, so that it is loaded when a scheduler is entered and not when one is imported: creating its
classes takes a third of the time of importing everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from .decision import Outcome
from .endings import Failure
from .job import JobRecord, RawEntry, implied_history
from .packing import NOTHING_RARE, Settled, fields_of
from .policies import CancelCause, FailureCode
from .snapshot import BatchProgress, CancelStatus, HistoryEntry, Progress, Snapshot
from .states import JobState

_STAGE_ENDS: Final = frozenset({"done", "failed", "timed_out", "canceled", "abandoned", "interrupted"})
_INSIDE: Final = frozenset({"noted", "canceling"})  # no stage begins after an accepted cancel


def snapshot_of(job: JobRecord | Settled) -> Snapshot[Any]:
    """Return a snapshot of a job."""
    fields = job.fields if isinstance(job, Settled) else fields_of(job)
    _, state, kind, owner, labels, created_at, created, started, settled, history, *rest = fields
    key, parent_id, stage, failure, cancel, progress, attempt = rest or (*NOTHING_RARE, 1)
    if history is None:
        requested, delivered = (None, None) if cancel is None else (cancel[3], cancel[5])
        history = implied_history(JobState(state), started, settled, requested, delivered)

    def utc(at: float) -> datetime:
        """Turn an instant of the monotonic clock into UTC, by the job's own anchor."""
        return datetime.fromtimestamp(created_at + (at - created), UTC)

    return Snapshot(
        id=job.id,
        kind=kind,
        owner=owner,
        labels=dict(labels or {}),
        parent_id=parent_id,
        key=key,
        attempt=attempt,
        state=JobState(state),
        stage=stage,
        created_at=utc(created),
        started_at=None if started is None else utc(started),
        settled_at=None if settled is None else utc(settled),
        progress=progress_of(progress),
        result=job.result,
        failure=None if failure is None else Failure(FailureCode(failure[0]), failure[1], failure[2]),
        cancel=None if cancel is None else _cancel_status(cancel, utc),
        history=tuple(
            HistoryEntry(step, utc(at), None if duration is None else duration * 1000, status, dict(details or {}))
            for step, at, duration, status, details in _in_order_of_time(history, stage)
        ),
    )


def _in_order_of_time(history: list[RawEntry], open_stage: str | None) -> list[RawEntry]:
    """Return a history in the order of time: a stage or a compensation stands where it began.

    Stages and compensations are recorded when they end, an open stage last. They do not overlap: none began before
    the one before it ended. At the same instant, the start of a stage comes before notes.
    """
    ordered: list[RawEntry] = []
    ended, last = 0, len(history) - 1
    for number, entry in enumerate(history):
        _, at, duration, status, _ = entry
        place = len(ordered)
        lasted = duration is not None or status == "interrupted" or (open_stage is not None and number == last)
        if lasted:
            stage = status in _STAGE_ENDS or duration is None
            while place > ended and _follows(ordered[place - 1], at, inside=stage):
                place -= 1
            ended = len(ordered) + 1
        ordered.insert(place, entry)
    return ordered


def _follows(entry: RawEntry, at: float, *, inside: bool) -> bool:
    """Return whether an entry comes after what began at ``at``; ``inside``: as a stage does."""
    _, happened, _, status, _ = entry
    return happened > at or (inside and happened == at and status in _INSIDE)


def _cancel_status(fields: tuple[Any, ...], utc: Callable[[float], datetime]) -> CancelStatus:
    cause, reason, by, requested, outcome, delivered, *marks = fields
    delivered_at = None if delivered is None else utc(delivered)
    return CancelStatus(CancelCause(cause), reason, by, utc(requested), Outcome(outcome), delivered_at, *marks)


def progress_of(fields: tuple[Any, ...] | None) -> Progress | None:
    """Return the view of what ``ProgressRecord.plain`` gave.

    A job that has reported no progress of its own shows that of its batches: how many children settled, of all.
    """
    if fields is None:
        return None
    done, total, message, children, succeeded, failed, canceled = fields
    batch = None
    if children:
        size, settled = len(children), succeeded + failed + canceled
        batch = BatchProgress(size, succeeded, failed, canceled, size - settled, children)
        if done is None:
            done, total = settled, size
    return Progress(done if done is not None else 0, total, message, batch)
