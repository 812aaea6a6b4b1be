"""Who is told what happens to the job: as plain lines, one for each change, or as JSON at its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import islice
from types import TracebackType
from typing import Any, Protocol, Self

import typer

from jobcancel import HistoryEntry, JobState, Outcome, Progress, Snapshot, Verdict

from .ingest import Ingested

PROGRESS_LINES = 4  # for each thing counted, that a log is not flooded
AUTHORS_SHOWN = 10
MEANING = {
    Outcome.CANCELED: "it had not begun, and never will",
    Outcome.CANCELING: "it is being stopped",
    Outcome.DEFERRED: "it will stop after {stage}",
    Outcome.REFUSED: "{stage} must not be interrupted; the job goes on",
    Outcome.ALREADY_CANCELING: "it is being stopped already",
    Outcome.ALREADY_TERMINAL: "too late, it has ended",
}


class View(AbstractContextManager["View", None], Protocol):
    """Somebody who is told; open while the job runs."""

    def changed(self, snapshot: Snapshot[Any]) -> None:
        """The job is like this now."""
        ...

    def answered(self, verdict: Verdict, asked_by: str) -> None:
        """Somebody asked for a cancel and was told this."""
        ...

    def told(self, text: str) -> None:
        """Something is to be known of the run that is no change of the job."""
        ...

    def ended(self, snapshot: Snapshot[Ingested]) -> None:
        """The job, or the run, has ended like this; told after closing."""
        ...


def now() -> datetime:
    """Return the time (UTC)."""
    return datetime.now(UTC)


class PlainView:
    """Prints a line for each change, with the seconds since the job was submitted.

    Args:
        clock: Gives the time (UTC).
    """

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._begun: datetime | None = None
        self._printed: Sequence[HistoryEntry] = ()
        self._stage: str | None = None
        self._far: object = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def changed(self, snapshot: Snapshot[Any]) -> None:
        """Print what is new since the last look."""
        if self._begun is None:
            self._begun = snapshot.created_at
            self._line(self._begun, "submitted", f"{snapshot.kind} {snapshot.id}")
        over, open_stage = ended_entries(snapshot)
        lines = [(ended_at(entry), entry.step, describe(entry)) for entry in over if entry not in self._printed]
        if open_stage is not None and snapshot.stage != self._stage:
            lines.append((open_stage.at, open_stage.step, "begins"))
        for at, what, text in sorted(lines, key=lambda line: line[0]):
            self._line(at, what, text)
        self._printed = over
        self._stage = snapshot.stage
        if snapshot.stage is not None and snapshot.progress is not None:
            self._advance(snapshot.stage, snapshot.progress)

    def answered(self, verdict: Verdict, asked_by: str) -> None:
        """Print the verdict."""
        self._line(self._clock(), "cancel", f"({asked_by}) {describe_verdict(verdict)}")

    def told(self, text: str) -> None:
        """Print it."""
        typer.echo(text)

    def ended(self, snapshot: Snapshot[Ingested]) -> None:
        """Print what came of it."""
        for line in summary(snapshot):
            typer.echo(line)

    def _advance(self, stage: str, progress: Progress) -> None:
        far = (stage, progress.total, int(progress.done / (progress.total or 1) * PROGRESS_LINES))
        if far != self._far:
            self._far = far
            self._line(self._clock(), stage, describe_progress(progress))

    def _line(self, at: datetime, what: str, text: str) -> None:
        seconds = (at - (self._begun or at)).total_seconds()
        typer.echo(f"{seconds:8.3f} s  {what:<18} {text}")


class JsonView:
    """Prints the final snapshot alone on standard output; verdicts, which may leave no trace in it, as errors."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def changed(self, snapshot: Snapshot[Any]) -> None:
        """Say nothing."""

    def answered(self, verdict: Verdict, asked_by: str) -> None:
        """Print the verdict on standard error."""
        typer.echo(f"cancel ({asked_by}): {describe_verdict(verdict)}", err=True)

    def told(self, text: str) -> None:
        """Print it on standard error."""
        typer.echo(text, err=True)

    def ended(self, snapshot: Snapshot[Ingested]) -> None:
        """Print the snapshot."""
        typer.echo(json.dumps(snapshot.to_dict(), indent=2))


def ended_entries(snapshot: Snapshot[Any]) -> tuple[Sequence[HistoryEntry], HistoryEntry | None]:
    """Return the entries of what is over, and the open stage's, if there is one."""
    opened = [entry for entry in snapshot.history if entry.step == snapshot.stage and entry.status == "running"][-1:]
    over = [entry for entry in snapshot.history if entry not in opened]
    return over, opened[0] if opened else None


def ended_at(entry: HistoryEntry) -> datetime:
    """Return when something was over."""
    return entry.at + timedelta(milliseconds=entry.duration_ms or 0)


def describe(entry: HistoryEntry) -> str:
    """Return what became of something, how long it took, and what was noted."""
    took = "" if entry.duration_ms is None else f" in {entry.duration_ms / 1000:.3f} s"
    noted = "".join(f" {name}={value}" for name, value in entry.details.items())
    return f"{entry.status}{took}{noted}"


def describe_progress(progress: Progress) -> str:
    """Return how far the job is."""
    total = "" if progress.total is None else f"/{progress.total:g}"
    return f"{progress.done:g}{total} {printable(progress.message or '')}"


def describe_verdict(verdict: Verdict) -> str:
    """Return the answer to a request, and what it means."""
    stage = "the stage" if verdict.stage is None else f"the stage {verdict.stage}"
    accepted = " (accepted)" if verdict.accepted else ""
    return f"{verdict.outcome}{accepted}: {MEANING[verdict.outcome].format(stage=stage)}"


def printable(text: str) -> str:
    """Return a text that a repository gave, without what a terminal would act on."""
    return "".join(char if char.isprintable() else "?" for char in text)


def summary(snapshot: Snapshot[Ingested]) -> Iterator[str]:
    """Give what came of the job, line by line."""
    if not snapshot.settled:
        yield f"interrupted; it goes on as attempt {snapshot.attempt} when the demo is started with the same --db"
        return
    took = ((snapshot.settled_at or snapshot.created_at) - snapshot.created_at).total_seconds()
    ending = f"{snapshot.state} after {took:.3f} s"
    if snapshot.failure is not None:
        ending += f": {printable(snapshot.failure.message)}"
    elif snapshot.state is JobState.CANCELED and snapshot.cancel is not None:
        undone = (
            "all that it did is undone" if snapshot.cancel.compensated else "some of what it did could not be undone"
        )
        ending += f": {snapshot.cancel.by}, {snapshot.cancel.reason}; {undone}"
    yield ending
    if snapshot.result is not None:
        yield from describe_result(snapshot.result)


def describe_result(result: Ingested) -> Iterator[str]:
    """Give the pull request and the report, line by line."""
    report = result["report"]
    yield f"pull request {result['pull_request']}, branch {result['branch']}, commit {result['commit']}"
    for language, sizes in [("total", report["total"]), *report["languages"].items()]:
        yield f"  {language:<12} {sizes['files']:>8} files {sizes['lines']:>10} lines {sizes['bytes']:>12} bytes"
    yield "largest files"
    for file in report["largest"]:
        yield f"  {file['bytes']:>12} bytes  {printable(file['path'])}"
    yield f"{report['commits']} commits"
    authors = report["authors"]
    for author, count in islice(authors.items(), AUTHORS_SHOWN):
        yield f"  {count:>12}  {printable(author)}"
    if len(authors) > AUTHORS_SHOWN:
        yield f"  and {len(authors) - AUTHORS_SHOWN} authors more"
