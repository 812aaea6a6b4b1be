"""The demo's views and its summary, for every end of a job."""

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
from jobcancel._cli.demo.command import choose_view
from jobcancel._cli.demo.describe import describe_progress, describe_verdict, summary
from jobcancel._cli.demo.ingest import Ingested, project_ingest_github
from jobcancel._cli.demo.live_view import LiveView
from jobcancel._cli.demo.run import exit_code
from jobcancel._cli.demo.views import PlainView

CREATED = datetime(2001, 1, 1, tzinfo=UTC)
JOB_ID = "job_01M8MTF1RT5PG8SQCG02BR74JZ"


def entry(step: str, at_s: float, status: str, duration_ms: float | None = None) -> HistoryEntry:
    return HistoryEntry(step, CREATED + timedelta(seconds=at_s), duration_ms, status, {})


def canceled(*, compensated: bool) -> CancelStatus:
    return CancelStatus(
        CancelCause.USER,
        "interrupted",
        "Ctrl-C",
        CREATED,
        Outcome.CANCELING,
        CREATED,
        forced=False,
        ignored=False,
        abandoned=False,
        pierced=False,
        compensated=compensated,
        stuck=False,
        unresponsive=False,
    )


def job(state: JobState, *history: HistoryEntry, **fields: Any) -> Snapshot[Any]:
    return Snapshot(id=JOB_ID, kind="project_ingest_github", state=state, created_at=CREATED, history=history, **fields)


def draw(
    *snapshots: Snapshot[Any], verdict: Verdict | None = None, by: str = "--cancel-at", message: str = ""
) -> list[str]:
    """The last drawing on a terminal of 80 columns and 24 lines, and the summary if the job has settled."""
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=False)
    stages = project_ingest_github.stages.values()
    with LiveView(console, stages, clock=lambda: CREATED + timedelta(seconds=7)) as view:
        for snapshot in snapshots:
            view.show(snapshot)
        if verdict is not None:
            view.show_verdict(verdict, by)
        if message:
            view.show_message(message)
    file.write("\n")  # rich ends its last drawing so on a terminal only
    if snapshots and snapshots[-1].settled:
        view.show_end(snapshots[-1])
    return [line.rstrip() for line in file.getvalue().splitlines()]


REFUSED = Verdict(JOB_ID, Outcome.REFUSED, JobState.RUNNING, "opening_pr")


def test_the_live_view_shows_stages_progress_time_verdict_events_and_the_next_key() -> None:
    history = (
        entry("started", 0, "running"),
        entry("cloning", 0, "done", 1500),
        entry("analyzing", 1.5, "failed", 500),
        entry("opening_pr", 2, "running"),
    )
    progress = Progress(1, 2, "pushing")
    lines = draw(job(JobState.RUNNING, *history, stage="opening_pr", progress=progress), verdict=REFUSED)
    assert lines == [
        f"project_ingest_github  {JOB_ID}  running  7.0 s",
        "\u2713 cloning    interrupt      done in 1.500 s",
        "\u2717 analyzing  interrupt      failed in 0.500 s",
        lines[3],
        "\u00b7 finalizing defer, commits",
        "cancel (--cancel-at): refused: opening_pr is not interrupted; the job continues",
        "events",
        "    0.000 s  started            running",
        "Ctrl-C cancels the job; a second Ctrl-C forces the cancel",
    ]
    assert lines[3].split()[1:3] == ["opening_pr", "refuse"]
    assert lines[3].endswith(" 1/2 pushing")


def test_the_live_view_shows_a_stage_without_progress() -> None:
    lines = draw(job(JobState.RUNNING, entry("cloning", 0, "running"), stage="cloning"))
    assert lines[1].split()[1:] == ["cloning", "interrupt"]


def test_the_live_view_shows_nothing_before_the_first_snapshot() -> None:
    assert "".join(draw()) == ""


def test_the_live_view_shows_the_whole_time_of_a_settled_job() -> None:
    settled = job(JobState.SUCCEEDED, settled_at=CREATED + timedelta(seconds=3))
    assert draw(settled)[0] == f"project_ingest_github  {JOB_ID}  succeeded  3.0 s"


def test_a_stage_that_ended_between_two_snapshots_is_printed_with_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainView(clock=lambda: CREATED) as view:
        view.show(job(JobState.RUNNING, entry("cloning", 0, "running"), stage="cloning"))
        view.show(job(JobState.RUNNING, entry("cloning", 0, "done", 1000), entry("analyzing", 1, "done", 500)))
    assert capsys.readouterr().out.splitlines() == [
        f"   0.000 s  submitted          project_ingest_github {JOB_ID}",
        "   0.000 s                     Ctrl-C cancels the job; a second Ctrl-C forces the cancel",
        "   0.000 s  cloning            begins",
        "   1.000 s  cloning            done in 1.000 s",
        "   1.500 s  analyzing          done in 0.500 s",
    ]


def test_a_stage_that_ends_after_a_note_in_it_is_printed_once_and_so_is_the_note(
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted = entry("halfway", 0.5, "noted")
    with PlainView(clock=lambda: CREATED) as view:
        view.show(job(JobState.RUNNING, entry("cloning", 0, "running"), noted, stage="cloning"))
        view.show(job(JobState.RUNNING, entry("cloning", 0, "done", 1000), noted))
    assert capsys.readouterr().out.splitlines()[2:] == [
        "   0.000 s  cloning            begins",
        "   0.500 s  halfway            noted",
        "   1.000 s  cloning            done in 1.000 s",
    ]


def test_progress_is_printed_at_each_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainView(clock=lambda: CREATED) as view:
        for done in range(1001):
            progress = Progress(done, 1000, "files")
            view.show(job(JobState.RUNNING, entry("cloning", 0, "running"), stage="cloning", progress=progress))
    shown = [line.split()[3] for line in capsys.readouterr().out.splitlines()[3:]]
    assert shown == ["0/1000", "250/1000", "500/1000", "750/1000", "1000/1000"]


@pytest.mark.parametrize(
    ("progress", "text"),
    [(Progress(3), "3 "), (Progress(3, 4, "a\x1b[2Jb"), "3/4 a?[2Jb")],
)
def test_progress_is_shown_without_control_characters(progress: Progress, text: str) -> None:
    assert describe_progress(progress) == text


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome.CANCELED, "canceled (accepted): it had not begun, and never will"),
        (Outcome.CANCELING, "canceling (accepted): it is being stopped"),
        (Outcome.DEFERRED, "deferred (accepted): it takes effect when opening_pr ends"),
        (Outcome.REFUSED, "refused: opening_pr is not interrupted; the job continues"),
        (Outcome.ALREADY_CANCELING, "already_canceling (accepted): it is being stopped already"),
        (Outcome.ALREADY_TERMINAL, "already_terminal: too late, the job has ended"),
    ],
)
def test_every_verdict_is_explained(outcome: Outcome, text: str) -> None:
    assert describe_verdict(Verdict(JOB_ID, outcome, JobState.RUNNING, "opening_pr")) == text


def test_a_verdict_without_a_stage_names_none() -> None:
    verdict = Verdict(JOB_ID, Outcome.DEFERRED, JobState.CANCELING)
    assert describe_verdict(verdict) == "deferred (accepted): it takes effect when the open stage ends"


@pytest.mark.parametrize(
    ("history", "compensated", "reason"),
    [
        ([entry("cloning", 0, "canceled", 1)], True, "everything is undone"),
        ([entry("cloning", 0, "canceled", 1)], False, "something could not be undone"),
        ([entry("finalizing", 0, "canceled", 1)], True, "the pull request is not undone"),
    ],
)
def test_the_summary_of_a_canceled_job_says_what_is_undone(
    history: list[HistoryEntry], compensated: bool, reason: str
) -> None:
    cancel, settled_at = canceled(compensated=compensated), CREATED + timedelta(seconds=1)
    snapshot = job(JobState.CANCELED, *history, cancel=cancel, settled_at=settled_at)
    assert list(summary(snapshot)) == [f"canceled after 1.000 s: Ctrl-C, interrupted; {reason}"]


def result(*, languages: int, authors: int) -> Any:
    sizes: Any = {"files": 1, "lines": 2, "bytes": 3}
    report: Any = {
        "repository": "r",
        "commit": "c",
        "total": sizes,
        "languages": {f"L{number}": sizes for number in range(languages)},
        "largest": [{"path": "a\x1b[2Jb.py", "bytes": 3}, {"path": "c.py", "bytes": 1}],
        "commits": 12,
        "authors": {f"author {number}": 12 // authors for number in range(authors)},
    }
    return {"pull_request": 1, "branch": f"report-{JOB_ID}", "commit": "0123456789" * 4, "report": report}


def test_a_summary_of_many_languages_and_authors_is_short() -> None:
    settled_at = CREATED + timedelta(seconds=1)
    snapshot = job(JobState.SUCCEEDED, result=result(languages=5, authors=3), settled_at=settled_at)
    assert list(summary(snapshot)) == [
        "succeeded after 1.000 s",
        f"pull request 1: branch report-{JOB_ID}, commit 01234567",
        "  total               1 files          2 lines            3 bytes",
        "  L0                  1 files          2 lines            3 bytes",
        "  L1                  1 files          2 lines            3 bytes",
        "  L2                  1 files          2 lines            3 bytes",
        "  and 2 more languages",
        "  largest file: a?[2Jb.py, 3 bytes",
        "  commits: 12 by 3 authors; 4 by author 0",
        "  (--json prints the whole report)",
    ]


def test_a_summary_of_few_languages_and_one_author() -> None:
    lines = list(summary(job(JobState.SUCCEEDED, result=result(languages=3, authors=1))))
    assert lines[-4:] == [
        "  L2                  1 files          2 lines            3 bytes",
        "  largest file: a?[2Jb.py, 3 bytes",
        "  commits: 12 by author 0",
        "  (--json prints the whole report)",
    ]


def test_a_cancel_that_came_too_late_is_in_the_summary() -> None:
    cancel, settled_at = canceled(compensated=True), CREATED + timedelta(seconds=1)
    snapshot = job(JobState.SUCCEEDED, cancel=cancel, settled_at=settled_at)
    assert list(summary(snapshot)) == ["succeeded after 1.000 s: the work finished before the cancel took effect"]


STAGES = ("cloning", "analyzing", "opening_pr", "finalizing")


def test_the_last_drawing_and_the_summary_fit_a_terminal_of_80_columns_and_24_lines() -> None:
    steps = (entry("started", 0, "running"), *(entry(stage, 1, "done", 3000) for stage in STAGES))
    ends = [entry(step, 4, "noted") for step in ("pull_request_ready", "cancel_accepted", "delivered", "succeeded")]
    fields: Any = {"cancel": canceled(compensated=True), "result": result(languages=5, authors=3)}
    deferred = Verdict(JOB_ID, Outcome.DEFERRED, JobState.RUNNING, "finalizing")
    settled = job(JobState.SUCCEEDED, *steps, *ends, settled_at=CREATED + timedelta(seconds=12), **fields)

    lines = draw(settled, verdict=deferred, by="Ctrl-C")

    assert len(lines) < 24
    assert [line for line in lines if len(line) > 80] == []
    assert lines[0].endswith("succeeded  12.0 s")
    assert lines[-1] == "  (--json prints the whole report)"


def test_the_live_view_shows_the_newest_of_many_events() -> None:
    events = [entry(f"note_{number}", number, "noted") for number in range(30)]
    lines = draw(job(JobState.RUNNING, *events))
    assert len(lines) < 24
    assert lines[5] == "events (14 earlier ones not shown)"
    assert lines[-2:] == [
        "   29.000 s  note_29            noted",
        "Ctrl-C cancels the job; a second Ctrl-C forces the cancel",
    ]


def test_a_long_event_is_cut_to_one_line() -> None:
    long = HistoryEntry("pull_request_ready", CREATED, None, "noted", {"branch": "b" * 80})
    lines = draw(job(JobState.RUNNING, long))
    assert lines[6] == "    0.000 s  pull_request_ready noted branch=" + "b" * 34 + "\u2026"


def test_after_a_first_ctrl_c_the_live_view_says_that_the_next_one_forces() -> None:
    lines = draw(job(JobState.RUNNING), verdict=REFUSED, by="Ctrl-C")
    assert lines[5] == "cancel (Ctrl-C): refused: opening_pr is not interrupted; the job continues"
    assert lines[-1] == "Ctrl-C again forces the cancel, also in a stage that refuses or defers it"


def test_after_a_first_ctrl_c_the_plain_view_says_that_the_next_one_forces(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainView(clock=lambda: CREATED) as view:
        view.show_verdict(REFUSED, "--cancel-at")
        view.show_verdict(REFUSED, "Ctrl-C")
    assert [line[11:].strip() for line in capsys.readouterr().out.splitlines()] == [
        "cancel             (--cancel-at) refused: opening_pr is not interrupted; the job continues",
        "cancel             (Ctrl-C) refused: opening_pr is not interrupted; the job continues",
        "Ctrl-C again forces the cancel, also in a stage that refuses or defers it",
    ]


@pytest.mark.parametrize(
    ("snapshot", "code"),
    [
        (job(JobState.SUCCEEDED), 0),
        (job(JobState.FAILED, failure=Failure(FailureCode.HANDLER_ERROR, "no")), 1),
        (job(JobState.CANCELED, cancel=canceled(compensated=True)), 130),
        (job(JobState.CANCELED), 1),
    ],
)
def test_the_exit_code_of_each_end(snapshot: Snapshot[Ingested], code: int) -> None:
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


def test_the_summary_of_an_interrupted_run_says_how_to_resume_it() -> None:
    pending = job(JobState.PENDING, entry("interrupted", 1, "pending"), attempt=2)
    assert list(summary(pending)) == ["interrupted; start the demo again with the same --db to resume the job"]
    assert exit_code(pending) == 143


def test_the_live_view_shows_reused_and_interrupted_stages_and_messages() -> None:
    history = (entry("cloning", 0, "reused", 0), entry("analyzing", 1, "interrupted"))
    lines = draw(job(JobState.RUNNING, *history, attempt=2), message="the job of an earlier run is resumed")
    assert lines[1] == "\u2713 cloning    interrupt      reused in 0.000 s"
    assert lines[2] == "\u25a0 analyzing  interrupt      interrupted"
    assert lines[5] == "the job of an earlier run is resumed"
