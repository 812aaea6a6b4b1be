"""The demo's output in words: history entries, progress, verdicts and the summary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from jobcancel import HistoryEntry, JobState, Outcome, Progress, Snapshot, Verdict
from jobcancel._cli.terminal import printable

from .ingest import Ingested, project_ingest_github

CTRL_C: Final = "Ctrl-C cancels the job; a second Ctrl-C forces the cancel"
CTRL_C_AGAIN: Final = "Ctrl-C again forces the cancel, also in a stage that refuses or defers it"
LANGUAGES_SHOWN: Final = 3  # the live view and the summary fit a terminal of 24 lines
COMMIT_DIGITS: Final = 8
COMMITTING: Final = {stage.name for stage in project_ingest_github.stages.values() if stage.commits}
MEANING: Final = {
    Outcome.CANCELED: "it had not begun, and never will",
    Outcome.CANCELING: "it is being stopped",
    Outcome.DEFERRED: "it takes effect when {stage} ends",
    Outcome.REFUSED: "{stage} is not interrupted; the job continues",
    Outcome.ALREADY_CANCELING: "it is being stopped already",
    Outcome.ALREADY_TERMINAL: "too late, the job has ended",
}


def ended_at(entry: HistoryEntry) -> datetime:
    """Return when a step ended."""
    return entry.at + timedelta(milliseconds=entry.duration_ms or 0)


def describe_entry(entry: HistoryEntry) -> str:
    """Return a step's status, its duration and its details."""
    duration = "" if entry.duration_ms is None else f" in {entry.duration_ms / 1000:.3f} s"
    details = "".join(f" {name}={value}" for name, value in entry.details.items())
    return f"{entry.status}{duration}{printable(details)}"


def describe_progress(progress: Progress) -> str:
    """Return the progress of the open stage."""
    total = "" if progress.total is None else f"/{progress.total:g}"
    return f"{progress.done:g}{total} {printable(progress.message or '')}"


def describe_verdict(verdict: Verdict) -> str:
    """Return the answer to a cancel request, and its meaning."""
    accepted = " (accepted)" if verdict.accepted else ""
    return f"{verdict.outcome}{accepted}: {MEANING[verdict.outcome].format(stage=verdict.stage or 'the open stage')}"


def summary(snapshot: Snapshot[Ingested]) -> Iterator[str]:
    """Yield how the job or the run ended, line by line, each at most 80 characters but for long names."""
    if not snapshot.settled:
        yield "interrupted; start the demo again with the same --db to resume the job"
        return
    duration = ((snapshot.settled_at or snapshot.created_at) - snapshot.created_at).total_seconds()
    yield f"{snapshot.state} after {duration:.3f} s{_reason(snapshot)}"
    if snapshot.result is not None:
        yield from _describe_result(snapshot.result)


def _reason(snapshot: Snapshot[Any]) -> str:
    """Return why the job ended as it did."""
    if snapshot.failure is not None:
        return f": {printable(snapshot.failure.message)}"
    if snapshot.cancel is None:
        return ""
    if snapshot.state is not JobState.CANCELED:
        return ": the work finished before the cancel took effect"
    if any(entry.step in COMMITTING for entry in snapshot.history):
        undone = "the pull request is not undone"
    elif snapshot.cancel.compensated:
        undone = "everything is undone"
    else:
        undone = "something could not be undone"
    return f": {snapshot.cancel.by}, {snapshot.cancel.reason}; {undone}"


def _describe_result(result: Ingested) -> Iterator[str]:
    report = result["report"]
    yield f"pull request {result['pull_request']}: branch {result['branch']}, commit {result['commit'][:COMMIT_DIGITS]}"
    languages = list(report["languages"].items())
    for language, sizes in [("total", report["total"]), *languages[:LANGUAGES_SHOWN]]:
        yield f"  {language:<12} {sizes['files']:>8} files {sizes['lines']:>10} lines {sizes['bytes']:>12} bytes"
    if len(languages) > LANGUAGES_SHOWN:
        yield f"  and {len(languages) - LANGUAGES_SHOWN} more languages"
    largest, authors = report["largest"][0], report["authors"]
    yield f"  largest file: {printable(largest['path'])}, {largest['bytes']} bytes"
    author, count = next(iter(authors.items()))
    who = printable(author) if len(authors) == 1 else f"{len(authors)} authors; {count} by {printable(author)}"
    yield f"  commits: {report['commits']} by {who}"
    yield "  (--json prints the whole report)"
