"""``jobcancel demo`` from start to end: on a real repository, with a cancel in each stage, and with failures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import Command, git, nothing_is_left, refs, told

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


def test_a_run_without_a_cancel_tells_each_change_on_a_line(demo: Command) -> None:
    result = demo()
    assert result.exit_code == 0
    # Whether these are seen is a matter of speed: a watcher misses what lies between two looks.
    passing = re.compile(r"analyzing \d/7 |opening_pr 3/3 ")
    assert [line for line in told(result.stdout) if not passing.match(line)] == [
        "submitted project_ingest_github JOB",
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
        "finalizing 0/1 marking the pull request ready",
        "pull_request_ready noted number=1 branch=report-JOB",
        "finalizing done in T",
        "succeeded succeeded",
        "succeeded after T",
        "pull request 1, branch report-JOB, commit COMMIT",
        " total 7 files 8 lines 58 bytes",
        " Python 2 files 4 lines 33 bytes",
        " Markdown 2 files 3 lines 12 bytes",
        " other 2 files 0 lines 8 bytes",
        " Makefile 1 files 1 lines 5 bytes",
        "largest files",
        " 27 bytes src/app.py",
        " 8 bytes README.md",
        " 8 bytes logo.png",
        " 6 bytes src/b|.py",
        " 5 bytes Makefile",
        " 4 bytes caf\u00e9.md",
        " 0 bytes LICENSE",
        "3 commits",
        " 2 Ann",
        " 1 Bob",
    ]


def test_what_succeeded_is_on_the_host_and_the_clone_is_gone(demo: Command, workdir: Path, repository: Path) -> None:
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


def test_the_analysis_of_a_known_repository_is_this(demo: Command, repository: Path) -> None:
    result = demo("--json")
    report = json.loads(result.stdout)["result"]["report"]
    commit = git(repository, "rev-parse", "HEAD").strip()
    assert report == REPORT | {"commit": commit, "repository": str(repository)}
    assert list(report["languages"]) == ["Python", "Markdown", "other", "Makefile"]
    assert list(report["authors"]) == ["Ann", "Bob"]


def test_json_is_the_final_snapshot_alone(demo: Command) -> None:
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
def test_a_cancel_in_a_stage_that_stops_at_once_leaves_nothing(demo: Command, workdir: Path, stage: str) -> None:
    result = demo("--cancel-at", stage)
    assert result.exit_code == 0
    assert "cancel (--cancel-at) canceling (accepted): it is being stopped" in told(result.stdout)
    assert "remove_clones compensated in T" in told(result.stdout)
    assert told(result.stdout)[-1] == (f"canceled after T: --cancel-at, it reached {stage}; all that it did is undone")
    assert nothing_is_left(workdir)


@pytest.mark.parametrize("stage", ["opening_pr", "finalizing"])
def test_a_cancel_in_a_stage_that_refuses_is_refused_and_the_job_goes_on(
    demo: Command, workdir: Path, stage: str
) -> None:
    result = demo("--cancel-at", stage)
    assert result.exit_code == 0
    lines = told(result.stdout)
    assert lines.count(f"cancel (--cancel-at) refused: the stage {stage} must not be interrupted; the job goes on") == 1
    assert "succeeded after T" in lines
    assert "refs/pull/1/ready" in refs(workdir)


def test_json_tells_a_refusal_as_an_error_and_the_snapshot_alone_on_stdout(demo: Command) -> None:
    result = demo("--json", "--cancel-at", "opening_pr")
    assert json.loads(result.stdout)["state"] == "succeeded"
    assert result.stderr == (
        "cancel (--cancel-at): refused: the stage opening_pr must not be interrupted; the job goes on\n"
    )


def test_json_of_a_canceled_run_says_who_asked(demo: Command, workdir: Path) -> None:
    result = demo("--json", "--cancel-at", "analyzing")
    assert result.exit_code == 0
    snapshot = json.loads(result.stdout)
    assert snapshot["state"] == "canceled"
    assert snapshot["cancel"]["by"] == "--cancel-at"
    assert snapshot["cancel"]["compensated"] is True
    assert nothing_is_left(workdir)


def test_the_repository_around_the_current_folder_is_the_default(
    command: Command, repository: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository / "src")
    result = command("demo", "--workdir", str(workdir), "--json")
    assert json.loads(result.stdout)["result"]["report"]["repository"] == str(repository)


def test_without_a_repository_around_a_small_one_is_made(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = command("demo", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)["result"]["report"]
    assert report["authors"] == {"jobcancel demo": 3}
    assert list(report["languages"]) == ["Python", "Markdown", "Makefile"]
    assert list(tmp_path.iterdir()) == []
