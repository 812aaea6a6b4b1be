"""Format a job's history as plain text, for people who read why a test failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from attrs import fields

from jobcancel._core.snapshot import CancelStatus, HistoryEntry, Snapshot

_FLAGS: Final = ("forced", "ignored", "abandoned", "pierced", "stuck", "unresponsive")
_HEADER: Final = ("at", "took", "step", "status", "details")
_NUMBER_COLUMNS: Final = 2


def timeline(snapshot: Snapshot[Any]) -> str:
    """Return the history of a job, settled or open, in a few lines without a newline at the end.

    The first line has its id, kind, state and open stage. Its cancel and its failure follow, if it has them, then its
    history as a table: seconds since the submit, seconds that the step took (empty for an instant and for an open
    stage), step, status, details.
    """
    stage = "" if snapshot.stage is None else f", in stage {snapshot.stage}"
    lines = [f"job {snapshot.id} ({snapshot.kind}): {snapshot.state}{stage}"]
    if snapshot.cancel is not None:
        lines.append(f"  cancel: {_cancel(snapshot, snapshot.cancel)}")
    if snapshot.failure is not None:
        lines.append(f"  failure: {snapshot.failure.code}: {_indented(snapshot.failure.message)}")
    rows = [_row(snapshot.created_at, entry) for entry in snapshot.history]
    return "\n".join([*lines, *(_table([_HEADER, *rows]) if rows else ("  no history yet",))])


def differences(left: Snapshot[Any], right: Snapshot[Any]) -> list[str]:
    """Return the fields in which two snapshots differ, one a line, and both timelines."""
    names = [field.name for field in fields(Snapshot)]
    differing = [name for name in names if getattr(left, name) != getattr(right, name)]
    return [
        *(f"{name}: {getattr(left, name)!r} != {getattr(right, name)!r}" for name in differing if name != "history"),
        *(["history differs"] if "history" in differing else []),
        "left:",
        *timeline(left).splitlines(),
        "right:",
        *timeline(right).splitlines(),
    ]


def _cancel(snapshot: Snapshot[Any], cancel: CancelStatus) -> str:
    parts = [f"cause {cancel.cause}"]
    if cancel.by is not None:
        parts.append(f"by {cancel.by}")
    if cancel.reason is not None:
        parts.append(f"reason {cancel.reason!r}")
    parts += [f"outcome {cancel.outcome}", f"requested {_offset(snapshot.created_at, cancel.requested_at)} s"]
    if cancel.delivered_at is None:
        parts.append("not delivered")
    else:
        parts.append(f"delivered {_offset(snapshot.created_at, cancel.delivered_at)} s")
    parts += [flag for flag in _FLAGS if getattr(cancel, flag)]
    if snapshot.settled and not cancel.compensated:
        parts.append("not compensated")
    return ", ".join(parts)


def _row(created_at: datetime, entry: HistoryEntry) -> tuple[str, ...]:
    took = "" if entry.duration_ms is None else f"{entry.duration_ms / 1000:.3f}"
    details = ", ".join(f"{name}={value!r}" for name, value in entry.details.items())
    return _offset(created_at, entry.at), took, entry.step, entry.status, details


def _offset(created_at: datetime, at: datetime) -> str:
    return f"{(at - created_at).total_seconds():+.3f}"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows with their columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["    " + "  ".join(map(_cell, range(len(row)), row, widths)).rstrip() for row in rows]


def _cell(column: int, text: str, width: int) -> str:
    return text.rjust(width) if column < _NUMBER_COLUMNS else text.ljust(width)


def _indented(text: str) -> str:
    """Return a text with its later lines marked, so that they do not look like lines of the timeline."""
    return text.replace("\n", "\n    | ")
