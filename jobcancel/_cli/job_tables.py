"""Jobs of a journal as tables: drawn on a terminal, else fields separated by tabs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobcancel import Snapshot
from jobcancel._core.decision import Cancellation

from .restart import after_restart
from .stored import StoredJob
from .view import printable

COLUMNS = ("id", "kind", "state", "stage", "attempt", "created", "settled or age", "cancel")
WHOLE = frozenset({"id", "state"})  # what is copied, and what would be ambiguous if it were cut
TIMELINE = ("time", "step", "duration", "status", "details")


def draw(columns: Sequence[str], rows: Iterable[Sequence[str]], *, terminal: bool) -> None:
    """Print a table with its heading."""
    if not terminal:
        for row in (columns, *rows):
            typer.echo("\t".join(row))
        return
    table = Table()
    for name in columns:
        table.add_column(name, no_wrap=name in WHOLE)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def row_of(job: Snapshot[Any], now: datetime) -> Sequence[str]:
    """Return a job's row in the list."""
    settled = f"{(now - job.created_at).total_seconds():.0f} s old" if job.settled_at is None else time(job.settled_at)
    return (
        printable(job.id),
        job.kind,
        job.state.value,
        printable(job.stage or "-"),
        str(job.attempt),
        time(job.created_at),
        settled,
        cancel_of(job),
    )


def cancel_of(job: Snapshot[Any]) -> str:
    """Return in short what was asked of a job."""
    if job.cancel is None:
        return "-"
    by = "" if job.cancel.by is None else f" by {printable(job.cancel.by)}"
    return f"{job.cancel.outcome}, {job.cancel.cause}{by}"


def facts(job: StoredJob) -> Iterator[tuple[str, str]]:
    """Give what there is to know of a job beside its timeline, name by name."""
    shown = job.snapshot.to_dict()
    for name in ("id", "kind", "state", "stage", "attempt", "owner", "key", "parent_id"):
        yield from _fact(name, shown[name])
    for name in ("created_at", "started_at", "settled_at"):
        yield from _fact(name, None if shown[name] is None else time(getattr(job.snapshot, name)))
    for name in ("labels", "progress", "result", "failure", "cancel"):
        yield from _fact(name, shown[name] or None)
    for number, request in enumerate(job.requests, 1):
        yield from _fact(f"request {number}, not decided", _request(request))
    for name, n, args, kwargs in reversed(job.undos):
        if n:
            yield "compensation left", f"{_call(name, args, kwargs)}, token {job.snapshot.id}:{name}:{n}"
        else:
            yield "compensation lost", f"{printable(name)}: a function without a name, which ends with its process"
    yield from _fact("at a restart", after_restart(job))


def timeline_of(job: Snapshot[Any]) -> Iterator[Sequence[str]]:
    """Give the rows of a job's timeline; an open stage has no duration."""
    for entry in job.history:
        took = "" if entry.duration_ms is None else f"{entry.duration_ms / 1000:.3f} s"
        details = " ".join(f"{name}={value}" for name, value in entry.details.items())
        yield time(entry.at), printable(entry.step), took, entry.status, printable(details)


def document(job: StoredJob) -> dict[str, Any]:
    """Return all of it as one JSON document."""
    return {
        "job": job.snapshot.to_dict(),
        "requests": [
            {"by": each.by, "reason": each.reason, "defer": each.defer, "force": each.force} for each in job.requests
        ],
        "compensations": [
            {"name": name, "args": args, "kwargs": kwargs, "token": f"{job.snapshot.id}:{name}:{n}" if n else None}
            for name, n, args, kwargs in reversed(job.undos)
        ],
        "at_restart": after_restart(job),
    }


def time(at: datetime) -> str:
    """Return a time in UTC to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fact(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is not None:
        yield name, printable(value if isinstance(value, str) else json.dumps(value))


def _request(request: Cancellation) -> str:
    marks = [mark for mark in ("defer", "force") if getattr(request, mark)]
    return f"by {request.by or 'nobody named'}: {', '.join([request.reason or 'no reason given', *marks])}"


def _call(name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    given = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
    return printable(f"{name}({', '.join(given)})")
