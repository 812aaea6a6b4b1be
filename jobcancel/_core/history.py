"""A job's history as it is kept, and what need not be: the start, the cancel and the end have their times."""

from __future__ import annotations

from typing import Any, TypeAlias

from .states import JobState

# step, at, duration in seconds, status, details: what ``HistoryEntry`` shows
RawEntry: TypeAlias = tuple[str, float, float | None, str, "dict[str, Any] | None"]


def implied_history(
    state: JobState,
    started: float | None,
    settled: float | None,
    requested: float | None = None,
    delivered: float | None = None,
) -> list[RawEntry]:
    """Return the history of a job to which nothing happened but its start, its cancel and its end.

    Args:
        state: Where it is in its life.
        started: When it left the queue, or None.
        settled: When it settled, or None.
        requested: When its cancel was accepted, or None.
        delivered: When that reached its code, or None.
    """
    history: list[RawEntry] = []
    if started is not None:
        history.append(("started", started, None, "running", None))
    if requested is not None:
        history.append(("cancel_accepted", requested, None, "canceling", None))
    if delivered is not None:
        history.append(("delivered", delivered, None, "noted", None))
    if settled is not None:
        ending = "unwound" if state is JobState.CANCELED else state._value_
        history.append((ending, settled, None, state._value_, None))
    return history
