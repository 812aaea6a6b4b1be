"""A job's history as it is kept, and what of it need not be kept: the start and the end say themselves."""

from __future__ import annotations

from typing import Any, TypeAlias

from .states import JobState

# step, at, duration in seconds, status, details: what ``HistoryEntry`` shows
RawEntry: TypeAlias = tuple[str, float, float | None, str, "dict[str, Any] | None"]


def implied_history(state: JobState, started: float | None, settled: float | None) -> list[RawEntry]:
    """Return the history of a job to which nothing happened but its start and its end: its times say all of it."""
    begun = () if started is None else (("started", started, None, "running", None),)
    return [*begun] if settled is None else [*begun, (state._value_, settled, None, state._value_, None)]
