"""A job's history as plain text, for people who read why a test failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from attrs import fields

from jobcancel._core.snapshot import CancelStatus, HistoryEntry, Snapshot

_MARKS: Final = ("forced", "ignored", "abandoned", "pierced", "stuck", "unresponsive")
_HEADER: Final = ("at", "took", "step", "status", "details")
_RIGHT: Final = 2  # the columns that are numbers


def timeline(snapshot: Snapshot[Any]) -> str:
    """Return the story of a job, settled or open, in a few lines without a newline at the end.

    First what it is and where it stands, then its cancel and its failure if it has one, then its history as a table:
    seconds since it was submitted, seconds that it took (empty for an instant and for a stage that is open), step,
    status, details.
    """
    stage = "" if snapshot.stage is None else f", in stage {snapshot.stage}"
    lines = [f"job {snapshot.id} ({snapshot.kind}): {snapshot.state}{stage}"]
    if snapshot.cancel is not None:
        lines.append(f"  cancel: {_cancel(snapshot, snapshot.cancel)}")
    if snapshot.failure is not None:
        lines.append(f"  failure: {snapshot.failure.code}: {_inside(snapshot.failure.message)}")
    rows = [_row(snapshot.created_at, entry) for entry in snapshot.history]
    return "\n".join([*lines, *(_table([_HEADER, *rows]) if rows else ("  nothing has happened to it yet",))])


def differences(left: Snapshot[Any], right: Snapshot[Any]) -> list[str]:
    """Return in which fields two snapshots differ, a line each, and the timelines of both."""
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
    said = [f"cause {cancel.cause}"]
    if cancel.by is not None:
        said.append(f"by {cancel.by}")
    if cancel.reason is not None:
        said.append(f"reason {cancel.reason!r}")
    said += [f"outcome {cancel.outcome}", f"requested {_offset(snapshot.created_at, cancel.requested_at)} s"]
    if cancel.delivered_at is None:
        said.append("not delivered")
    else:
        said.append(f"delivered {_offset(snapshot.created_at, cancel.delivered_at)} s")
    said += [mark for mark in _MARKS if getattr(cancel, mark)]
    if snapshot.settled and not cancel.compensated:
        said.append("not compensated")
    return ", ".join(said)


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
    return text.rjust(width) if column < _RIGHT else text.ljust(width)


def _inside(text: str) -> str:
    """Return a text of several lines so that it does not look like lines of ours."""
    return text.replace("\n", "\n    | ")
