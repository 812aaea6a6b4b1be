"""``jobcancel demo --db``: the next run resumes the job of a killed or interrupted run, or completes its cancel."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobcancel.abc import Entry
from jobcancel.stores import SqliteStore
from tests.hosts.server import until

from .conftest import FAST, Command, Result, git, plain_lines, processes, read_until, refs, replace_git_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: SIGTERM is POSIX")


class Runs:
    """Runs of the demo with one journal; the first run is held in a git command."""

    def __init__(
        self, command: Command, repository: Path, workdir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.db, self.workdir = folder / "demo.db", workdir
        self._command, self._folder, self._monkeypatch = command, folder, monkeypatch
        self._options = ("demo", "--repo", str(repository), "--workdir", str(workdir), "--db", str(self.db), *FAST)

    @contextmanager
    def held_at(self, git_command: str, *printed: str, stubborn: bool = False) -> Generator[subprocess.Popen[str]]:
        """Start a run that stays in a git command, and wait until it has printed the texts.

        Args:
            git_command: The git command.
            *printed: The texts.
            stubborn: Whether the git command ignores SIGTERM.
        """
        # It ends with the demo, also if that is killed. If the demo is killed before the shell has begun, $PPID is
        # another process: then it ends when its own file is removed.
        trap = 'trap "" TERM; ' if stubborn else ""
        stay = f'{trap}while kill -0 $PPID && [ -e "$0" ]; do sleep 0.05; done 2>/dev/null; exit 1'
        replace_git_command(self._folder, git_command, stay, self._monkeypatch)
        command = [sys.executable, "-m", "jobcancel", *self._options]
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                for text in printed:
                    self.wait_for_line(process, text)
                yield process
            finally:
                process.kill()
                process.communicate()
        (self._folder / "bin" / "git").unlink()
        until(lambda: sys.platform != "linux" or processes(self._folder / "bin") == [], "the end of the held git")

    @staticmethod
    def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
        assert process.stdout is not None
        read_until(process.stdout, text)

    def wait_for_results(self, *stages: str) -> str:
        """Wait until the journal has the results of the stages; return the job's id."""
        text = f" and reuses the results of {', '.join(stages)}"
        documents: list[dict[str, Any]] = []

        def has_results() -> bool:
            documents[:] = [json.loads(self.jobs("show", "--json", "job_").stdout)]
            return text in documents[0]["at_restart"]

        until(has_results, text)
        job_id: str = documents[0]["job"]["id"]
        return job_id

    def compensations(self) -> list[Any]:
        """The open compensations of the journal's one job."""
        found: list[Any] = json.loads(self.jobs("show", "--json", "job_").stdout)["compensations"]
        return found

    def jobs(self, *args: str) -> Result:
        return self._command("jobs", "--db", str(self.db), *args)

    def run_again(self, *args: str) -> Result:
        return self._command(*self._options, *args)

    def clones(self) -> list[str]:
        return [path.name for path in self.workdir.iterdir() if path.name.startswith("clone-")]


@pytest.fixture
def runs(command: Command, repository: Path, workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(command, repository, workdir, tmp_path, monkeypatch)


def test_a_killed_run_is_resumed_in_a_second_attempt_that_does_not_clone_again(runs: Runs) -> None:
    with runs.held_at("log", "analyzing begins") as process:
        job_id = runs.wait_for_results("cloning")
        process.kill()
    assert runs.clones() == [f"clone-{job_id}-1"]

    result = runs.run_again()

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"job {job_id} of an earlier run was running: attempt 2 runs and reuses the results of cloning"
    steps = plain_lines(result.stdout)
    assert "interrupted pending" in steps
    assert "cloning reused in T" in steps
    assert len([step for step in steps if step.startswith("analyzing done")]) == 1
    assert "succeeded after T" in steps
    assert [path.name for path in runs.workdir.iterdir()] == ["host.git"]
    assert refs(runs.workdir) == [f"refs/heads/report-{job_id}", "refs/pull/1/head", "refs/pull/1/ready"]
    assert runs.jobs("check").stdout.splitlines()[-1] == "no problems"


def test_a_run_submits_a_new_job_if_the_last_one_has_ended(runs: Runs) -> None:
    first, second = json.loads(runs.run_again("--json").stdout), json.loads(runs.run_again("--json").stdout)
    assert (first["result"]["pull_request"], second["result"]["pull_request"]) == (1, 2)
    assert (first["attempt"], second["attempt"]) == (1, 1)
    listed = runs.jobs("list", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in listed] == [second["id"], first["id"]]


def test_the_next_run_completes_a_cancel_that_was_accepted_before_the_kill(runs: Runs) -> None:
    with runs.held_at("update-ref", "opening_pr 2/3", stubborn=True) as process:
        until(lambda: len(runs.compensations()) == 3, "all compensations in the journal")
        assert len(refs(runs.workdir)) == 1
        process.send_signal(signal.SIGINT)
        runs.wait_for_line(process, "refused: opening_pr is not interrupted; the job continues")
        process.send_signal(signal.SIGINT)
        runs.wait_for_line(process, "canceling (accepted): it is being stopped")
        process.kill()

    result = runs.run_again()

    assert result.exit_code == 130  # Ctrl-C was the reason
    assert ": it is not run again: " in result.stdout.splitlines()[0]
    steps = plain_lines(result.stdout)
    assert [step for step in steps if "compensated" in step] == [
        "delete_ref compensated in T",
        "delete_ref compensated in T",
        "remove_clones compensated in T",
    ]
    assert steps[-1] == "canceled after T: Ctrl-C, interrupted; everything is undone"
    assert [path.name for path in runs.workdir.iterdir()] == ["host.git"]
    assert refs(runs.workdir) == []


@pytest.mark.parametrize("git_command", ["push", "update-ref"])
def test_a_pull_request_that_was_being_opened_is_opened_once(runs: Runs, git_command: str) -> None:
    with runs.held_at(git_command, "opening_pr 2/3" if git_command == "update-ref" else "opening_pr 1/3") as process:
        job_id = runs.wait_for_results("cloning", "analyzing")
        process.kill()
    before = git(runs.workdir / "host.git", "for-each-ref", "--format=%(objectname)").split()

    shown = json.loads(runs.run_again("--json").stdout)

    assert (shown["state"], shown["attempt"], shown["result"]["pull_request"]) == ("succeeded", 2, 1)
    assert refs(runs.workdir) == [f"refs/heads/report-{job_id}", "refs/pull/1/head", "refs/pull/1/ready"]
    assert set(before) <= {shown["result"]["commit"]}  # each attempt makes the same commit


def test_a_job_that_was_killed_past_the_point_of_no_return_fails_with_that_reason(runs: Runs) -> None:
    with runs.held_at("update-ref", "opening_pr 2/3") as process:
        runs.wait_for_results("cloning", "analyzing")
        process.kill()
    committing = {"committing": "finalizing"}
    store = SqliteStore(runs.db)
    store.open()
    (job_id,) = {entry.job_id for entry in store.read()}
    store.append([Entry(job_id, committing)])
    store.close()

    result = runs.run_again()

    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].endswith(
        "it fails (WORKER_LOST): its stage finalizing commits, and is not safe to repeat"
    )
    assert plain_lines(result.stdout)[-1].startswith(
        "failed after T: its process ended in stage 'finalizing', which commits"
    )


def test_sigterm_interrupts_a_run_and_the_next_run_resumes_its_job(runs: Runs) -> None:
    with runs.held_at("log", "analyzing begins") as process:
        process.terminate()
        out, err = process.communicate()
    assert (process.returncode, err) == (143, "")
    assert "SIGTERM: the run ends as soon as the open stage can be interrupted" in out
    assert plain_lines(out)[-1] == "interrupted; start the demo again with the same --db to resume the job"
    assert "compensated" not in out

    result = runs.run_again()

    assert result.exit_code == 0
    assert "was pending: it waits for the start of attempt 2 again, " in result.stdout.splitlines()[0]
    assert "cloning reused in T" in plain_lines(result.stdout)


def test_ctrl_c_cancels_a_run_with_a_journal_too(runs: Runs) -> None:
    with runs.held_at("log", "analyzing begins") as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, err) == (130, "")
    assert plain_lines(out)[-1] == "canceled after T: Ctrl-C, interrupted; everything is undone"
    assert runs.clones() == []
    assert "job_" in runs.run_again().stdout


def test_a_second_run_at_the_same_time_cannot_have_the_same_journal(runs: Runs) -> None:
    with runs.held_at("log", "analyzing begins") as process:
        result = runs.run_again()
        process.kill()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"jobcancel demo: journal {runs.db} is in use by process {process.pid}: ")


def test_the_default_folder_lies_beside_the_journal_and_is_not_removed(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "temporary"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setattr("tempfile.tempdir", str(empty))
    for number in (1, 2):
        result = command("demo", "--db", "../demo.db", "--json", *FAST)
        assert json.loads(result.stdout)["result"]["pull_request"] == number
    assert list(empty.iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "demo.db-work").iterdir()) == [".gitconfig", "host.git", "sample"]


def test_another_service_s_journal_is_refused(command: Command, repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    store = SqliteStore(path)
    store.open()
    store.append([Entry("job_1", {"seq": 1, "kind": "pay", "created_at": 1.0, "state": "running", "attempt": 1})])
    store.close()
    result = command("demo", "--repo", str(repository), "--db", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"jobcancel demo: {path} is another service's journal: its job job_1 is of kind 'pay' and has not ended; "
        "give the demo a journal of its own\n"
    )
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith("-work")] == []


@pytest.mark.parametrize("name", ["missing/demo.db", "other", "."])
def test_a_path_that_cannot_be_a_journal_is_refused_in_one_line(
    command: Command, repository: Path, tmp_path: Path, name: str
) -> None:
    with sqlite3.connect(tmp_path / "other") as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    result = command("demo", "--repo", str(repository), "--db", str(tmp_path / name))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("jobcancel demo: journal ")
    assert result.stderr.count("\n") == 1
    assert not os.path.lexists(tmp_path / "missing")
