"""The live view of the job on a terminal: stages, progress, time and history, drawn anew ten times a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from jobcancel import HistoryEntry, JobState, Progress, Snapshot, Stage, Verdict

from .ingest import Ingested
from .view import describe, describe_progress, describe_verdict, ended_at, now, summary

MARKS = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "timed_out": ("✗", "red"),
    "canceled": ("■", "yellow"),
    "reused": ("✓", "green"),
    "interrupted": ("■", "yellow"),
}
COLORS = {
    JobState.PENDING: "dim",
    JobState.RUNNING: "cyan",
    JobState.CANCELING: "yellow",
    JobState.SUCCEEDED: "green",
    JobState.PARTIALLY_SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.CANCELED: "yellow",
}
FRAMES_PER_SECOND = 10
BAR_WIDTH = 24


class LiveView:
    """Draws the job; what stays on the terminal is how it ended.

    Args:
        console: Where to draw.
        stages: The kind's stages, in order.
        clock: Gives the time (UTC).
    """

    def __init__(self, console: Console, stages: Iterable[Stage], clock: Callable[[], datetime] = now) -> None:
        self._console, self._stages, self._clock = console, tuple(stages), clock
        self._snapshot: Snapshot[Any] | None = None
        self._told: list[str] = []
        self._spinner = Spinner("dots", style="cyan")  # one for all frames: it turns by its own clock
        # It draws in a thread of its own, so the time goes on while nothing changes.
        self._live = Live(get_renderable=self._frame, console=console, refresh_per_second=FRAMES_PER_SECOND)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def changed(self, snapshot: Snapshot[Any]) -> None:
        """Draw this from now on."""
        self._snapshot = snapshot

    def answered(self, verdict: Verdict, asked_by: str) -> None:
        """Draw the verdict too."""
        self._told.append(f"cancel ({asked_by}): {describe_verdict(verdict)}")

    def told(self, text: str) -> None:
        """Draw it too."""
        self._told.append(text)

    def ended(self, snapshot: Snapshot[Ingested]) -> None:
        """Print what came of it, below the last drawing."""
        for line in summary(snapshot):
            self._console.print(Text(line))

    def _frame(self) -> RenderableType:
        snapshot = self._snapshot
        if snapshot is None:
            return Text("")
        parts: list[RenderableType] = [self._heading(snapshot), self._stage_table(snapshot)]
        parts += [Text(line, style="bold yellow") for line in self._told]
        return Group(*parts, Text("history", style="dim"), _history_table(snapshot))

    def _heading(self, snapshot: Snapshot[Any]) -> Text:
        elapsed = ((snapshot.settled_at or self._clock()) - snapshot.created_at).total_seconds()
        state = (str(snapshot.state), f"bold {COLORS[snapshot.state]}")
        return Text.assemble((snapshot.kind, "bold"), "  ", (snapshot.id, "dim"), "  ", state, f"  {elapsed:.1f} s")

    def _stage_table(self, snapshot: Snapshot[Any]) -> Table:
        """Draw a row for each stage: what became of it, what a cancel meets there, how far it is."""
        entries = {entry.step: entry for entry in snapshot.history}
        table = _grid()
        for stage in self._stages:
            entry = entries.get(stage.name)
            meets = f"{stage.on_cancel}, commits" if stage.commits else str(stage.on_cancel)
            mark, far = self._mark_and_progress(entry, snapshot.progress)
            table.add_row(mark, stage.name, Text(meets, style="dim"), far)
        return table

    def _mark_and_progress(
        self, entry: HistoryEntry | None, progress: Progress | None
    ) -> tuple[RenderableType, RenderableType]:
        if entry is None:
            return Text("·", style="dim"), Text("")
        if entry.status == "running":
            return self._spinner, Text("") if progress is None else _progress_bar(progress)
        mark, color = MARKS[entry.status]
        return Text(mark, style=color), Text(describe(entry), style=color)


def _progress_bar(progress: Progress) -> Table:
    bar = ProgressBar(progress.total, progress.done, width=BAR_WIDTH)
    far = _grid()
    far.add_row(bar, describe_progress(progress))
    return far


def _history_table(snapshot: Snapshot[Any]) -> Table:
    table = _grid()
    for entry in snapshot.history:
        seconds = (ended_at(entry) - snapshot.created_at).total_seconds()
        table.add_row(Text(f"{seconds:9.3f} s", style="dim"), entry.step, describe(entry))
    return table


def _grid() -> Table:
    """Return a table without lines, whose rows are one line each whatever a repository's names are."""
    table = Table.grid(padding=(0, 1))
    for _ in range(4):
        table.add_column(no_wrap=True, overflow="ellipsis")
    return table
