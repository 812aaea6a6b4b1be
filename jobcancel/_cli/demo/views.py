"""How a run is shown: a protocol for all views, and the two without a terminal, plain lines and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Protocol, Self

import typer

from jobcancel import HistoryEntry, Progress, Snapshot, Verdict

from .describe import (
    CTRL_C,
    CTRL_C_AGAIN,
    describe_entry,
    describe_progress,
    describe_verdict,
    ended_at,
    summary,
)
from .ingest import Ingested

PROGRESS_LINES: Final = 4  # for each thing that is counted, to keep a log short


class View(AbstractContextManager["View", None], Protocol):
    """Shows a run; entered while the job runs."""

    def show(self, snapshot: Snapshot[Any]) -> None:
        """Show the job after a change."""
        ...

    def show_verdict(self, verdict: Verdict, by: str) -> None:
        """Show the answer to a cancel request."""
        ...

    def show_message(self, text: str) -> None:
        """Show a message about the run."""
        ...

    def show_end(self, snapshot: Snapshot[Ingested]) -> None:
        """Show how the job or the run ended; called after the view was left."""
        ...


def now() -> datetime:
    """Return the time (UTC)."""
    return datetime.now(UTC)


class PlainView:
    """Prints a line for each change, with the seconds since the job was submitted.

    Args:
        clock: Returns the time (UTC).
    """

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._created_at: datetime | None = None
        self._printed: Sequence[HistoryEntry] = ()
        self._stage: str | None = None
        self._progress: object = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def show(self, snapshot: Snapshot[Any]) -> None:
        """Print what has changed since the last snapshot."""
        if self._created_at is None:
            self._created_at = snapshot.created_at
            self._line(self._created_at, "submitted", f"{snapshot.kind} {snapshot.id}")
            self._line(self._created_at, "", CTRL_C)
        ended, open_stage = split_history(snapshot)
        lines = [(ended_at(entry), entry.step, describe_entry(entry)) for entry in ended if entry not in self._printed]
        if open_stage is not None and snapshot.stage != self._stage:
            lines.append((open_stage.at, open_stage.step, "begins"))
        for at, step, text in sorted(lines, key=lambda line: line[0]):
            self._line(at, step, text)
        self._printed = ended
        self._stage = snapshot.stage
        if snapshot.stage is not None and snapshot.progress is not None:
            self._show_progress(snapshot.stage, snapshot.progress)

    def show_verdict(self, verdict: Verdict, by: str) -> None:
        """Print the verdict."""
        self._line(self._clock(), "cancel", f"({by}) {describe_verdict(verdict)}")
        if by == "Ctrl-C":
            self._line(self._clock(), "", CTRL_C_AGAIN)

    def show_message(self, text: str) -> None:
        """Print the message."""
        typer.echo(text)

    def show_end(self, snapshot: Snapshot[Ingested]) -> None:
        """Print the summary."""
        for line in summary(snapshot):
            typer.echo(line)

    def _show_progress(self, stage: str, progress: Progress) -> None:
        reached = (stage, progress.total, int(progress.done / (progress.total or 1) * PROGRESS_LINES))
        if reached != self._progress:
            self._progress = reached
            self._line(self._clock(), stage, describe_progress(progress))

    def _line(self, at: datetime, step: str, text: str) -> None:
        seconds = (at - (self._created_at or at)).total_seconds()
        typer.echo(f"{seconds:8.3f} s  {step:<18} {text}")


class JsonView:
    """Prints the final snapshot alone on standard output; verdicts and messages go to standard error."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def show(self, snapshot: Snapshot[Any]) -> None:
        """Print nothing."""

    def show_verdict(self, verdict: Verdict, by: str) -> None:
        """Print the verdict on standard error."""
        typer.echo(f"cancel ({by}): {describe_verdict(verdict)}", err=True)

    def show_message(self, text: str) -> None:
        """Print the message on standard error."""
        typer.echo(text, err=True)

    def show_end(self, snapshot: Snapshot[Ingested]) -> None:
        """Print the snapshot."""
        typer.echo(json.dumps(snapshot.to_dict(), indent=2))


def split_history(snapshot: Snapshot[Any]) -> tuple[Sequence[HistoryEntry], HistoryEntry | None]:
    """Return the entries of steps that have ended, and the entry of the open stage or None."""
    opened = [entry for entry in snapshot.history if entry.step == snapshot.stage and entry.status == "running"][-1:]
    ended = [entry for entry in snapshot.history if entry not in opened]
    return ended, opened[0] if opened else None
