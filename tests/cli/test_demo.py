"""``jobcancel demo`` from start to end on a real repository, with and without a cancel in each stage."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import FAST, Command, git, nothing_is_left, plain_lines, refs

REPORT = {
    "commit": "COMMIT",
    "total": {"files": 7, "lines": 8, "bytes": 58},
    "languages": {
        "Python": {"files": 2, "lines": 4, "bytes": 33},
        "Markdown": {"files": 2, "lines": 3, "bytes": 12},
        "other": {"files": 2, "lines": 0, "bytes": 8},
        "Makefile": {"files": 1, "lines": 1, "bytes": 5},
    },
    "largest": [
        {"path": "src/app.py", "bytes": 27},
        {"path": "README.md", "bytes": 8},
        {"path": "logo.png", "bytes": 8},
        {"path": "src/b|.py", "bytes": 6},
        {"path": "Makefile", "bytes": 5},
        {"path": "caf\u00e9.md", "bytes": 4},
        {"path": "LICENSE", "bytes": 0},
    ],
    "commits": 3,
    "authors": {"Ann": 2, "Bob": 1},
}


def test_a_run_without_a_cancel_prints_a_line_for_each_change(demo: Command) -> None:
    result = demo()
    assert result.exit_code == 0
    # Whether these are printed depends on speed: a watcher misses what happens between two snapshots.
    passing = re.compile(r"analyzing \d/7 |opening_pr 3/3 ")
    assert [line for line in plain_lines(result.stdout) if not passing.match(line)] == [
        "submitted project_ingest_github JOB",
        " Ctrl-C cancels the job; a second Ctrl-C forces the cancel",
        "started running",
        "cloning begins",
        "cloning 0/1 starting git clone",
        "cloning done in T",
        "analyzing begins",
        "analyzing 0/1 reading the log",
        "analyzing done in T",
        "opening_pr begins",
        "opening_pr 0/3 committing the report",
        "opening_pr 1/3 pushing the branch",
        "opening_pr 2/3 opening the pull request",
        "opening_pr done in T",
        "finalizing begins",
        "finalizing 0/1 marking the pull request as ready",
        "pull_request_ready noted number=1 branch=report-JOB",
        "finalizing done in T",
        "succeeded succeeded",
        "succeeded after T",
        "pull request 1: branch report-JOB, commit SHORT",
        " total 7 files 8 lines 58 bytes",
        " Python 2 files 4 lines 33 bytes",
        " Markdown 2 files 3 lines 12 bytes",
        " other 2 files 0 lines 8 bytes",
        " and 1 more languages",
        " largest file: src/app.py, 27 bytes",
        " commits: 3 by 2 authors; 2 by Ann",
        " (--json prints the whole report)",
    ]


def test_a_success_is_on_the_host_and_its_clone_is_removed(demo: Command, workdir: Path, repository: Path) -> None:
    result = demo("--json")
    snapshot = json.loads(result.stdout)
    branch, commit = snapshot["result"]["branch"], snapshot["result"]["commit"]

    assert [path.name for path in workdir.iterdir()] == ["host.git"]
    assert refs(workdir) == [f"refs/heads/{branch}", "refs/pull/1/head", "refs/pull/1/ready"]
    host = workdir / "host.git"
    assert git(host, "rev-parse", branch, "refs/pull/1/head", "refs/pull/1/ready").split() == [commit] * 3
    assert git(host, "rev-parse", f"{commit}^") == git(repository, "rev-parse", "HEAD")
    assert git(host, "log", "-1", "--format=%an <%ae>", commit) == "jobcancel demo <demo@example.invalid>\n"
    added = git(host, "diff", "--name-status", f"{commit}^", commit).split()
    assert added == ["A", "jobcancel-report.json", "A", "jobcancel-report.md"]
    assert json.loads(git(host, "show", f"{commit}:jobcancel-report.json")) == snapshot["result"]["report"]
    assert git(host, "show", f"{commit}:jobcancel-report.md").startswith("# Report\n\nCommit ")


def test_the_report_on_a_known_repository(demo: Command, repository: Path) -> None:
    result = demo("--json")
    report = json.loads(result.stdout)["result"]["report"]
    commit = git(repository, "rev-parse", "HEAD").strip()
    assert report == REPORT | {"commit": commit, "repository": str(repository)}
    assert list(report["languages"]) == ["Python", "Markdown", "other", "Makefile"]
    assert list(report["authors"]) == ["Ann", "Bob"]


def test_json_output_is_only_the_final_snapshot(demo: Command) -> None:
    result = demo("--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    snapshot = json.loads(result.stdout)
    assert (snapshot["kind"], snapshot["state"], snapshot["settled"]) == ("project_ingest_github", "succeeded", True)
    assert snapshot["result"]["pull_request"] == 1
    assert snapshot["cancel"] is None


def test_a_second_run_opens_the_next_pull_request_on_the_same_host(demo: Command, workdir: Path) -> None:
    assert demo().exit_code == 0
    assert json.loads(demo("--json").stdout)["result"]["pull_request"] == 2
    assert [ref for ref in refs(workdir) if ref.endswith("/head")] == ["refs/pull/1/head", "refs/pull/2/head"]


@pytest.mark.parametrize("stage", ["cloning", "analyzing"])
def test_a_cancel_in_a_stage_that_is_interrupted_leaves_nothing(demo: Command, workdir: Path, stage: str) -> None:
    result = demo("--cancel-at", stage)
    assert result.exit_code == 0
    assert "cancel (--cancel-at) canceling (accepted): it is being stopped" in plain_lines(result.stdout)
    assert "remove_clones compensated in T" in plain_lines(result.stdout)
    assert plain_lines(result.stdout)[-1] == (
        f"canceled after T: --cancel-at, it reached {stage}; everything is undone"
    )
    assert nothing_is_left(workdir)


@pytest.mark.parametrize(
    ("stage", "verdict", "end"),
    [
        ("opening_pr", "refused: opening_pr is not interrupted; the job continues", "succeeded after T"),
        (
            "finalizing",
            "deferred (accepted): it takes effect when finalizing ends",
            "succeeded after T: the work finished before the cancel took effect",
        ),
    ],
)
def test_a_cancel_is_refused_in_opening_pr_and_deferred_in_finalizing(
    demo: Command, workdir: Path, stage: str, verdict: str, end: str
) -> None:
    result = demo("--cancel-at", stage)
    assert result.exit_code == 0
    lines = plain_lines(result.stdout)
    assert lines.count(f"cancel (--cancel-at) {verdict}") == 1
    assert end in lines
    assert "refs/pull/1/ready" in refs(workdir)


def test_json_output_has_a_refusal_on_stderr(demo: Command) -> None:
    result = demo("--json", "--cancel-at", "opening_pr")
    assert json.loads(result.stdout)["state"] == "succeeded"
    assert result.stderr == ("cancel (--cancel-at): refused: opening_pr is not interrupted; the job continues\n")


def test_json_output_of_a_canceled_run_has_the_requester(demo: Command, workdir: Path) -> None:
    result = demo("--json", "--cancel-at", "analyzing")
    assert result.exit_code == 0
    snapshot = json.loads(result.stdout)
    assert snapshot["state"] == "canceled"
    assert snapshot["cancel"]["by"] == "--cancel-at"
    assert snapshot["cancel"]["compensated"] is True
    assert nothing_is_left(workdir)


def test_the_current_folder_s_repository_is_the_default(
    command: Command, repository: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository / "src")
    result = command("demo", "--workdir", str(workdir), "--json", *FAST)
    assert json.loads(result.stdout)["result"]["report"]["repository"] == str(repository)


def test_a_sample_repository_is_made_if_there_is_none(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = command("demo", "--json", *FAST)
    assert result.exit_code == 0
    report = json.loads(result.stdout)["result"]["report"]
    assert report["authors"] == {"jobcancel demo": 3}
    assert list(report["languages"]) == ["Python", "Markdown", "Makefile"]
    assert list(tmp_path.iterdir()) == []
