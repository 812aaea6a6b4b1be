"""Jobs of a journal as table rows, as facts and as a JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobcancel import Snapshot
from jobcancel._cli.terminal import printable
from jobcancel._core.decision import Cancellation

from .restart import describe_restart
from .stored import StoredJob

COLUMNS: Final = ("id", "kind", "state", "stage", "age", "attempt", "created", "settled", "cancel")
TIMELINE: Final = ("time", "step", "duration", "status", "details")

_GIVE_WAY: Final = ("created", "settled", "attempt", "cancel", "age")
"""Columns that are left out of a list on a narrow terminal, in this order."""
_SHORTENED: Final = ("kind", "stage")
"""Columns whose cells are cut when that is not enough. Ids and states are always whole."""
_GAP: Final = 2
_SHORTEST: Final = 4
_AGE_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


def draw_list(rows: Sequence[Mapping[str, str]], console: Console) -> None:
    """Draw a list of jobs that fits the terminal's width; under it, name the columns that did not fit."""
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) if rows else len(name) for name in COLUMNS}
    left_out: list[str] = []
    for name in _GIVE_WAY:
        if _excess(widths, console) > 0:
            del widths[name]
            left_out.append(name)
    for name in _SHORTENED:
        widths[name] = min(widths[name], max(_SHORTEST, widths[name] - max(0, _excess(widths, console))))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for name, width in widths.items():
        table.add_column(name, min_width=width, no_wrap=True)
    for row in rows:
        table.add_row(*(_cut(row[name], width) for name, width in widths.items()))
    console.print(table)
    if left_out:
        console.print(Text(f"left out for lack of width: {', '.join(left_out)}", style="dim"))


def _excess(widths: Mapping[str, int], console: Console) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1) - console.width


def _cut(cell: str, width: int) -> Text:
    text = Text(cell)
    text.truncate(width, overflow="ellipsis")
    return text


def row_of(job: Snapshot[Any], now: datetime) -> dict[str, str]:
    """Return a job's row in the list, by column."""
    return {
        "id": printable(job.id),
        "kind": job.kind,
        "state": job.state.value,
        "stage": printable(job.stage or "-"),
        "age": _age((now - job.created_at).total_seconds()),
        "attempt": str(job.attempt),
        "created": _time(job.created_at),
        "settled": "-" if job.settled_at is None else _time(job.settled_at),
        "cancel": _cancel_of(job),
    }


def _age(seconds: float) -> str:
    for size, unit in _AGE_UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _cancel_of(job: Snapshot[Any]) -> str:
    if job.cancel is None:
        return "-"
    by = "" if job.cancel.by is None else f" by {printable(job.cancel.by)}"
    return f"{job.cancel.outcome}, {job.cancel.cause}{by}"


def facts(job: StoredJob) -> Iterator[tuple[str, str]]:
    """Yield the facts about a job, except its timeline, as name and value."""
    fields = job.snapshot.to_dict()
    for name in ("id", "kind", "state", "stage", "attempt", "owner", "key", "parent_id"):
        yield from _fact(name, fields[name])
    for name in ("created_at", "started_at", "settled_at"):
        yield from _fact(name, None if fields[name] is None else _time(getattr(job.snapshot, name)))
    for name in ("labels", "progress", "result", "failure", "cancel"):
        yield from _fact(name, fields[name] or None)
    for number, request in enumerate(job.undecided_requests, 1):
        yield from _fact(f"undecided request {number}", _request(request))
    for name, n, args, kwargs in reversed(job.open_compensations):
        if n:
            yield "open compensation", f"{_call(name, args, kwargs)}, token {job.snapshot.id}:{name}:{n}"
        else:
            yield "lost compensation", f"{printable(name)}: a function without a registered name ends with its process"
    yield from _fact("at a restart", describe_restart(job))


def timeline_of(job: Snapshot[Any]) -> Iterator[Sequence[str]]:
    """Yield the rows of a job's timeline; an open stage has no duration."""
    for entry in job.history:
        duration = "" if entry.duration_ms is None else f"{entry.duration_ms / 1000:.3f} s"
        details = " ".join(f"{name}={value}" for name, value in entry.details.items())
        yield _time(entry.at), printable(entry.step), duration, entry.status, printable(details)


def document(job: StoredJob) -> dict[str, Any]:
    """Return the job and what is left to do as one JSON document."""
    return {
        "job": job.snapshot.to_dict(),
        "requests": [
            {"by": request.by, "reason": request.reason, "defer": request.defer, "force": request.force}
            for request in job.undecided_requests
        ],
        "compensations": [
            {"name": name, "args": args, "kwargs": kwargs, "token": f"{job.snapshot.id}:{name}:{n}" if n else None}
            for name, n, args, kwargs in reversed(job.open_compensations)
        ],
        "at_restart": describe_restart(job),
    }


def _time(at: datetime) -> str:
    """Return a time in UTC to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fact(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is not None:
        yield name, printable(value if isinstance(value, str) else json.dumps(value))


def _request(request: Cancellation) -> str:
    options = [option for option in ("defer", "force") if getattr(request, option)]
    return f"by {request.by or 'an unnamed requester'}: {', '.join([request.reason or 'no reason given', *options])}"


def _call(name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    arguments = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
    return printable(f"{name}({', '.join(arguments)})")
