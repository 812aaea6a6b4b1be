"""The one way from a job's fields, as ``packing`` gives them, to the snapshot that is shown.

Apart from both, so that it is loaded when a scheduler is entered, and not when one is imported: to make its records
takes a third of the time that all the rest does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from .causes import CancelCause, Failure, FailureCode
from .decision import Outcome
from .history import implied_history
from .packing import NOTHING_RARE
from .snapshot import BatchProgress, CancelStatus, HistoryEntry, Progress, Snapshot
from .states import JobState


def shown(job_id: str, fields: tuple[Any, ...], result: Any) -> Snapshot[Any]:
    """Return the snapshot."""
    _, state, kind, owner, labels, created_at, created, started, settled, history, *rest = fields
    key, parent_id, stage, failure, cancel, progress, attempt = rest or (*NOTHING_RARE, 1)
    if history is None:
        requested, delivered = (None, None) if cancel is None else (cancel[3], cancel[5])
        history = implied_history(JobState(state), started, settled, requested, delivered)

    def utc(at: float) -> datetime:
        """Turn an instant of the monotonic clock into UTC, by the job's own anchor."""
        return datetime.fromtimestamp(created_at + (at - created), UTC)

    return Snapshot(
        id=job_id,
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
        result=result,
        failure=None if failure is None else Failure(FailureCode(failure[0]), failure[1], failure[2]),
        cancel=None if cancel is None else _cancel_status(cancel, utc),
        history=tuple(
            HistoryEntry(step, utc(at), None if duration is None else duration * 1000, status, dict(details or {}))
            for step, at, duration, status, details in history
        ),
    )


def _cancel_status(fields: tuple[Any, ...], utc: Callable[[float], datetime]) -> CancelStatus:
    cause, reason, by, requested, outcome, delivered, *marks = fields
    delivered_at = None if delivered is None else utc(delivered)
    return CancelStatus(CancelCause(cause), reason, by, utc(requested), Outcome(outcome), delivered_at, *marks)


def progress_of(fields: tuple[Any, ...] | None) -> Progress | None:
    """Return what ``ProgressRecord.plain`` gave as the record that is shown.

    A job that said nothing of its own progress shows that of its batches: children settled, of all.
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
