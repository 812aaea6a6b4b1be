"""What the views show of a job, whatever happens to it."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from jobcancel import (
    CancelCause,
    CancelStatus,
    Failure,
    FailureCode,
    HistoryEntry,
    JobState,
    Outcome,
    Progress,
    Snapshot,
    Verdict,
)
from jobcancel._cli.app import choose_view
from jobcancel._cli.demo import exit_code
from jobcancel._cli.ingest import Ingested, project_ingest_github
from jobcancel._cli.live import LiveView
from jobcancel._cli.view import PlainView, describe_progress, describe_verdict, summary

BEGUN = datetime(2001, 1, 1, tzinfo=UTC)


def entry(step: str, at_s: float, status: str, took_ms: float | None = None) -> HistoryEntry:
    return HistoryEntry(step, BEGUN + timedelta(seconds=at_s), took_ms, status, {})


def canceled(*, compensated: bool) -> CancelStatus:
    return CancelStatus(
        CancelCause.USER,
        "interrupted",
        "Ctrl-C",
        BEGUN,
        Outcome.CANCELING,
        BEGUN,
        forced=False,
        ignored=False,
        abandoned=False,
        pierced=False,
        compensated=compensated,
        stuck=False,
        unresponsive=False,
    )


def job(state: JobState, *history: HistoryEntry, **fields: Any) -> Snapshot[Any]:
    return Snapshot(id="job_1", kind="project_ingest_github", state=state, created_at=BEGUN, history=history, **fields)


def drawn(*snapshots: Snapshot[Any]) -> list[str]:
    """What stays on a terminal."""
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=False)
    stages = project_ingest_github.stages.values()
    with LiveView(console, stages, clock=lambda: BEGUN + timedelta(seconds=7)) as view:
        for snapshot in snapshots:
            view.changed(snapshot)
            if snapshot.stage == "opening_pr":
                view.answered(Verdict("job_1", Outcome.REFUSED, JobState.RUNNING, "opening_pr"), "--cancel-at")
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_the_live_view_shows_stages_progress_time_verdict_and_history() -> None:
    history = (
        entry("started", 0, "running"),
        entry("cloning", 0, "done", 1500),
        entry("analyzing", 1.5, "failed", 500),
        entry("opening_pr", 2, "running"),
    )
    progress = Progress(1, 2, "pushing")
    lines = drawn(job(JobState.RUNNING, *history, stage="opening_pr", progress=progress))
    assert lines == [
        "project_ingest_github  job_1  running  7.0 s",
        "\u2713 cloning    interrupt       done in 1.500 s",
        "\u2717 analyzing  interrupt       failed in 0.500 s",
        lines[3],
        "\u00b7 finalizing refuse, commits",
        "cancel (--cancel-at): refused: the stage opening_pr must not be interrupted; the job goes on",
        "history",
        "    0.000 s started    running",
        "    1.500 s cloning    done in 1.500 s",
        "    2.000 s analyzing  failed in 0.500 s",
        "    2.000 s opening_pr running",
    ]
    assert lines[3].split()[1:3] == ["opening_pr", "refuse"]
    assert lines[3].endswith(" 1/2 pushing")


def test_the_live_view_shows_a_stage_that_has_said_nothing_yet() -> None:
    lines = drawn(job(JobState.RUNNING, entry("cloning", 0, "running"), stage="cloning"))
    assert lines[1].split()[1:] == ["cloning", "interrupt"]


def test_the_live_view_shows_nothing_before_there_is_a_job() -> None:
    assert "".join(drawn()) == ""


def test_the_clock_stops_when_the_job_is_settled() -> None:
    settled = job(JobState.SUCCEEDED, settled_at=BEGUN + timedelta(seconds=3))
    assert drawn(settled)[0] == "project_ingest_github  job_1  succeeded  3.0 s"


def test_a_stage_that_ended_between_two_looks_is_told_by_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainView(clock=lambda: BEGUN) as view:
        view.changed(job(JobState.RUNNING, entry("cloning", 0, "running"), stage="cloning"))
        view.changed(job(JobState.RUNNING, entry("cloning", 0, "done", 1000), entry("analyzing", 1, "done", 500)))
    assert capsys.readouterr().out.splitlines() == [
        "   0.000 s  submitted          project_ingest_github job_1",
        "   0.000 s  cloning            begins",
        "   1.000 s  cloning            done in 1.000 s",
        "   1.500 s  analyzing          done in 0.500 s",
    ]


def test_a_stage_that_ends_after_a_note_in_it_is_printed_once_and_so_is_the_note(
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted = entry("halfway", 0.5, "noted")
    with PlainView(clock=lambda: BEGUN) as view:
        view.changed(job(JobState.RUNNING, entry("cloning", 0, "running"), noted, stage="cloning"))
        view.changed(job(JobState.RUNNING, entry("cloning", 0, "done", 1000), noted))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "   0.000 s  cloning            begins",
        "   0.500 s  halfway            noted",
        "   1.000 s  cloning            done in 1.000 s",
    ]


def test_a_log_is_not_flooded_with_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainView(clock=lambda: BEGUN) as view:
        for done in range(1001):
            progress = Progress(done, 1000, "files")
            view.changed(job(JobState.RUNNING, entry("cloning", 0, "running"), stage="cloning", progress=progress))
    told = [line.split()[3] for line in capsys.readouterr().out.splitlines()[2:]]
    assert told == ["0/1000", "250/1000", "500/1000", "750/1000", "1000/1000"]


@pytest.mark.parametrize(
    ("progress", "text"),
    [(Progress(3), "3 "), (Progress(3, 4, "a\x1b[2Jb"), "3/4 a?[2Jb")],
)
def test_progress_is_told_without_what_a_terminal_would_act_on(progress: Progress, text: str) -> None:
    assert describe_progress(progress) == text


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome.CANCELED, "canceled (accepted): it had not begun, and never will"),
        (Outcome.CANCELING, "canceling (accepted): it is being stopped"),
        (Outcome.DEFERRED, "deferred (accepted): it will stop after the stage opening_pr"),
        (Outcome.REFUSED, "refused: the stage opening_pr must not be interrupted; the job goes on"),
        (Outcome.ALREADY_CANCELING, "already_canceling (accepted): it is being stopped already"),
        (Outcome.ALREADY_TERMINAL, "already_terminal: too late, it has ended"),
    ],
)
def test_every_verdict_is_explained(outcome: Outcome, text: str) -> None:
    assert describe_verdict(Verdict("job_1", outcome, JobState.RUNNING, "opening_pr")) == text


def test_a_verdict_between_stages_names_none() -> None:
    verdict = Verdict("job_1", Outcome.DEFERRED, JobState.CANCELING)
    assert describe_verdict(verdict) == "deferred (accepted): it will stop after the stage"


def test_what_could_not_be_undone_is_said() -> None:
    snapshot = job(JobState.CANCELED, cancel=canceled(compensated=False), settled_at=BEGUN + timedelta(seconds=1))
    assert list(summary(snapshot)) == [
        "canceled after 1.000 s: Ctrl-C, interrupted; some of what it did could not be undone"
    ]


def test_many_authors_are_cut_short() -> None:
    sizes: Any = {"files": 0, "lines": 0, "bytes": 0}
    report: Any = {
        "repository": "r",
        "commit": "c",
        "total": sizes,
        "languages": {},
        "largest": [],
        "commits": 12,
        "authors": {f"author {number}": 1 for number in range(12)},
    }
    result: Any = {"pull_request": 1, "branch": "b", "commit": "c", "report": report}
    lines = list(summary(job(JobState.SUCCEEDED, result=result)))
    assert lines[-2:] == ["             1  author 9", "  and 2 authors more"]


@pytest.mark.parametrize(
    ("snapshot", "code"),
    [
        (job(JobState.SUCCEEDED), 0),
        (job(JobState.FAILED, failure=Failure(FailureCode.HANDLER_ERROR, "no")), 1),
        (job(JobState.CANCELED, cancel=canceled(compensated=True)), 130),
        (job(JobState.CANCELED), 1),
    ],
)
def test_the_exit_code_tells_how_it_ended(snapshot: Snapshot[Ingested], code: int) -> None:
    assert exit_code(snapshot) == code


def test_a_terminal_gets_the_live_view_and_a_dumb_one_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(choose_view(as_json=False), LiveView)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(choose_view(as_json=False), PlainView)


def test_a_run_that_was_interrupted_says_how_it_goes_on() -> None:
    waiting = job(JobState.PENDING, entry("interrupted", 1, "pending"), attempt=2)
    assert list(summary(waiting)) == [
        "interrupted; it goes on as attempt 2 when the demo is started with the same --db"
    ]
    assert exit_code(waiting) == 143


def test_the_live_view_shows_reused_and_interrupted_stages_and_what_is_told() -> None:
    history = (entry("cloning", 0, "reused", 0), entry("analyzing", 1, "interrupted"))
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=False)
    with LiveView(console, project_ingest_github.stages.values(), clock=lambda: BEGUN) as view:
        view.told("job_1 of an earlier run goes on")
        view.changed(job(JobState.RUNNING, *history, attempt=2))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert "\u2713 cloning    interrupt       reused in 0.000 s" in lines
    assert "\u25a0 analyzing  interrupt       interrupted" in lines
    assert "job_1 of an earlier run goes on" in lines
