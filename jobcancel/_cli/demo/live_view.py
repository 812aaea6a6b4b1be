"""The live view of a run on a terminal: stages, progress, time and events, redrawn ten times a second.

It fits a terminal of 80 columns and 24 lines, together with the summary that is printed below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from jobcancel import HistoryEntry, JobState, Progress, Snapshot, Stage, Verdict

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
from .views import now

MARKS: Final = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "timed_out": ("✗", "red"),
    "canceled": ("■", "yellow"),
    "reused": ("✓", "green"),
    "interrupted": ("■", "yellow"),
}
COLORS: Final = {
    JobState.PENDING: "dim",
    JobState.RUNNING: "cyan",
    JobState.CANCELING: "yellow",
    JobState.SUCCEEDED: "green",
    JobState.PARTIALLY_SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.CANCELED: "yellow",
}
FRAMES_PER_SECOND: Final = 10
BAR_WIDTH: Final = 16
LINES_BESIDE_EVENTS: Final = 3  # their heading, the hint, and the line of the cursor
FEWEST_EVENTS: Final = 3  # shown however small the terminal is


class LiveView:
    """Draws the job. Its last drawing stays on the terminal.

    Args:
        console: The terminal.
        stages: The kind's stages, in order.
        clock: Returns the time (UTC).
    """

    def __init__(self, console: Console, stages: Iterable[Stage], clock: Callable[[], datetime] = now) -> None:
        self._console, self._stages, self._clock = console, tuple(stages), clock
        self._snapshot: Snapshot[Any] | None = None
        self._messages: list[str] = []
        self._hint = CTRL_C
        self._spinner = Spinner("dots", style="cyan")  # one for all frames: it turns by its own clock
        # It draws in a thread of its own, so that the time advances while nothing changes.
        self._live = Live(get_renderable=self._frame, console=console, refresh_per_second=FRAMES_PER_SECOND)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, snapshot: Snapshot[Any]) -> None:
        """Draw this snapshot from now on."""
        self._snapshot = snapshot

    def show_verdict(self, verdict: Verdict, by: str) -> None:
        """Draw the verdict too."""
        self._messages.append(f"cancel ({by}): {describe_verdict(verdict)}")
        if by == "Ctrl-C":
            self._hint = CTRL_C_AGAIN

    def show_message(self, text: str) -> None:
        """Draw the message too."""
        self._messages.append(text)

    def show_end(self, snapshot: Snapshot[Ingested]) -> None:
        """Print the summary below the last drawing."""
        for line in summary(snapshot):
            self._console.print(Text(line))

    def _frame(self) -> RenderableType:
        snapshot = self._snapshot
        if snapshot is None:
            return Text("")
        parts: list[RenderableType] = [self._heading(snapshot), self._stage_table(snapshot)]
        parts += [Text(line, style="bold yellow") for line in self._messages]
        used = sum(len(self._console.render_lines(part, pad=False)) for part in parts)
        parts += self._events(snapshot, self._console.height - used - LINES_BESIDE_EVENTS)
        if not snapshot.settled:
            # The last line, and a short one: the terminal appends its ^C to it.
            parts.append(Text(self._hint, style="dim"))
        return Group(*parts)

    def _heading(self, snapshot: Snapshot[Any]) -> Text:
        elapsed = ((snapshot.settled_at or self._clock()) - snapshot.created_at).total_seconds()
        state = (str(snapshot.state), f"bold {COLORS[snapshot.state]}")
        return Text.assemble((snapshot.kind, "bold"), "  ", (snapshot.id, "dim"), "  ", state, f"  {elapsed:.1f} s")

    def _stage_table(self, snapshot: Snapshot[Any]) -> Table:
        """Draw a row for each stage: its mark, its cancel policy, its progress."""
        entries = {entry.step: entry for entry in snapshot.history}
        table = _grid()
        for stage in self._stages:
            entry = entries.get(stage.name)
            policy = f"{stage.on_cancel}, commits" if stage.commits else str(stage.on_cancel)
            mark, progress = self._mark_and_progress(entry, snapshot.progress)
            table.add_row(mark, stage.name, Text(policy, style="dim"), progress)
        return table

    def _mark_and_progress(
        self, entry: HistoryEntry | None, progress: Progress | None
    ) -> tuple[RenderableType, RenderableType]:
        if entry is None:
            return Text("·", style="dim"), Text("")
        if entry.status == "running":
            return self._spinner, Text("") if progress is None else _progress_bar(progress)
        mark, color = MARKS[entry.status]
        return Text(mark, style=color), Text(describe_entry(entry), style=color)

    def _events(self, snapshot: Snapshot[Any], rows: int) -> list[Text]:
        """Return the newest steps beside the stages, in the order of time, as many as there are rows for."""
        stages = {stage.name for stage in self._stages}
        events = [entry for entry in snapshot.history if entry.step not in stages]
        hidden = max(0, len(events) - max(rows, FEWEST_EVENTS))
        lines = [Text("events" + (f" ({hidden} earlier ones not shown)" if hidden else ""), style="dim")]
        for entry in events[hidden:]:
            seconds = (ended_at(entry) - snapshot.created_at).total_seconds()
            line = Text.assemble((f"{seconds:9.3f} s", "dim"), f"  {entry.step:<18} {describe_entry(entry)}")
            line.no_wrap, line.overflow = True, "ellipsis"
            lines.append(line)
        return lines


def _progress_bar(progress: Progress) -> Table:
    bar = ProgressBar(progress.total, progress.done, width=BAR_WIDTH)
    table = _grid()
    table.add_row(bar, describe_progress(progress))
    return table


def _grid() -> Table:
    """Return a table without lines; each row is one line, however long a repository's names are."""
    table = Table.grid(padding=(0, 1))
    for _ in range(4):
        table.add_column(no_wrap=True, overflow="ellipsis")
    return table
