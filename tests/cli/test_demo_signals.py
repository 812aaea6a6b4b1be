"""Ctrl-C, SIGTERM and a closed output: the job is canceled through the scheduler, and undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobcancel import Snapshot, Verdict
from jobcancel._cli.demo.run import Options, RunningJob, exit_code, run
from jobcancel._cli.demo.views import PlainView
from jobcancel._cli.demo.workspace import new_workspace
from jobcancel.errors import StoreError

from .conftest import FAST, nothing_is_left, processes, read_until, replace_git_command, run_on_terminal


class Interrupting(PlainView):
    """Presses Ctrl-C when the job reaches a stage, and again after each verdict in ``again``."""

    def __init__(self, stage: str, *again: str, number: signal.Signals = signal.SIGINT) -> None:
        super().__init__()
        self._at: str | None = stage
        self._number = number
        self._again = list(again)
        self.outcomes: list[str] = []

    def show(self, snapshot: Snapshot[Any]) -> None:
        if snapshot.stage == self._at and self._at is not None:
            self._at = None
            signal.raise_signal(self._number)

    def show_verdict(self, verdict: Verdict, by: str) -> None:
        self.outcomes.append(f"{by}: {verdict.outcome}")
        if self._again and self._again[0] == verdict.outcome:
            self._again.pop(0)
            signal.raise_signal(self._number)


def test_ctrl_c_cancels_the_job_and_everything_is_undone(repository: Path, workdir: Path) -> None:
    view = Interrupting("cloning")
    with new_workspace(str(repository), workdir) as workspace:
        snapshot = run(workspace, view, Options())
    assert view.outcomes == ["Ctrl-C: canceling"]
    assert (snapshot.state, exit_code(snapshot)) == ("canceled", 130)
    assert nothing_is_left(workdir)


def test_ctrl_c_in_a_stage_that_refuses_it_is_refused_and_the_job_succeeds(repository: Path, workdir: Path) -> None:
    view = Interrupting("opening_pr")
    with new_workspace(str(repository), workdir) as workspace:
        snapshot = run(workspace, view, Options())
    assert view.outcomes == ["Ctrl-C: refused"]
    assert (snapshot.state, exit_code(snapshot)) == ("succeeded", 0)


def test_sigterm_in_a_stage_that_refuses_it_is_deferred_and_the_pull_request_is_undone(
    repository: Path, workdir: Path
) -> None:
    view = Interrupting("opening_pr", number=signal.SIGTERM)
    with new_workspace(str(repository), workdir) as workspace:
        snapshot = run(workspace, view, Options())
    assert view.outcomes == ["SIGTERM: deferred"]
    assert (snapshot.state, exit_code(snapshot)) == ("canceled", 143)
    steps = [(entry.step, entry.status) for entry in snapshot.history]
    assert ("opening_pr", "done") in steps
    assert steps[-4:] == [
        ("delete_ref", "compensated"),
        ("delete_ref", "compensated"),
        ("remove_clones", "compensated"),
        ("unwound", "canceled"),
    ]
    assert nothing_is_left(workdir)


def test_a_second_ctrl_c_forces_a_cancel_that_was_refused(repository: Path, workdir: Path) -> None:
    view = Interrupting("opening_pr", "refused")
    with new_workspace(str(repository), workdir) as workspace:
        snapshot = run(workspace, view, Options())
    assert view.outcomes == ["Ctrl-C: refused", "Ctrl-C: canceling"]
    assert (snapshot.state, exit_code(snapshot)) == ("canceled", 130)
    assert snapshot.cancel is not None
    assert snapshot.cancel.forced
    assert ("opening_pr", "canceled") in [(entry.step, entry.status) for entry in snapshot.history]
    assert nothing_is_left(workdir)


def test_ctrl_c_after_the_point_of_no_return_is_deferred_and_the_job_succeeds(repository: Path, workdir: Path) -> None:
    view = Interrupting("finalizing")
    with new_workspace(str(repository), workdir) as workspace:
        snapshot = run(workspace, view, Options())
    assert view.outcomes == ["Ctrl-C: deferred"]
    assert (snapshot.state, exit_code(snapshot)) == ("succeeded", 0)


class ClosedOutput(PlainView):
    """Its output is closed when the analysis begins."""

    def show(self, snapshot: Snapshot[Any]) -> None:
        if snapshot.stage == "analyzing":
            raise BrokenPipeError


def test_a_closed_output_cancels_the_job(repository: Path, workdir: Path) -> None:
    with new_workspace(str(repository), workdir) as workspace, pytest.raises(BrokenPipeError):
        run(workspace, ClosedOutput(), Options())
    assert nothing_is_left(workdir)


@contextmanager
def started(*args: str, **options: Any) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "jobcancel", "demo", *FAST, *args]
    with subprocess.Popen(command, text=True, stderr=subprocess.PIPE, **options) as process:
        yield process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_the_job_and_sets_the_exit_code(
    repository: Path, workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    # A git that begins to clone and never ends by itself.
    begins = "echo 'Receiving objects:  50% (1/2)' >&2"
    endless = tmp_path / "endless"
    replace_git_command(tmp_path, "clone", f": > {endless}; tail -f {endless} & {begins}; wait", monkeypatch)
    options = ("--repo", str(repository), "--workdir", str(workdir))
    with started(*options, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        read_until(process.stdout, "1/2 receiving objects")
        if sys.platform == "linux":
            assert [line for line in processes(tmp_path) if "bin/git clone --progress" in line]
        process.send_signal(number)
        out, err = process.communicate()
    assert process.returncode == code
    assert "canceling (accepted): it is being stopped" in out
    assert err == ""
    assert processes(tmp_path) == []
    assert nothing_is_left(workdir)


def test_a_closed_pipe_ends_the_process_without_a_traceback(repository: Path, workdir: Path) -> None:
    options = ("--repo", str(repository), "--workdir", str(workdir))
    read_end, write_end = os.pipe()
    os.close(read_end)
    with started(*options, stdout=write_end) as process:
        os.close(write_end)
        _, err = process.communicate()
    assert (process.returncode, err) == (1, "")
    assert nothing_is_left(workdir)


def test_the_live_view_is_drawn_on_a_terminal(repository: Path, workdir: Path) -> None:
    options = ("--repo", str(repository), "--workdir", str(workdir), "--cancel-at", "analyzing")
    drawn = run_on_terminal("demo", *FAST, *options, columns=80)
    assert "\x1b[" in drawn
    assert "finalizing" in drawn
    assert "cancel (--cancel-at): canceling (accepted): it is being stopped" in drawn
    assert "canceled after " in drawn


async def test_a_cancel_that_cannot_be_stored_is_shown_as_not_accepted() -> None:
    async def cancel(job_id: str, **options: Any) -> None:
        raise StoreError("jobs.db", "the disk is full")

    messages: list[str] = []
    scheduler: Any = SimpleNamespace(cancel=cancel)
    view: Any = SimpleNamespace(show_message=messages.append)
    await RunningJob(scheduler, "job_1", view).cancel("Ctrl-C", "interrupted")
    assert messages == ["cancel (Ctrl-C): not accepted, because it cannot be stored: journal jobs.db: the disk is full"]
