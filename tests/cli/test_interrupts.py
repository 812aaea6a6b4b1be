"""Ctrl-C, SIGTERM and a reader that goes away: the job is canceled through the scheduler, and undone."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobcancel import Snapshot, Verdict
from jobcancel._cli.demo import exit_code, run
from jobcancel._cli.preflight import prepared
from jobcancel._cli.view import PlainView

from .conftest import nothing_is_left, processes, wrapped_git


class Interrupting(PlainView):
    """Presses Ctrl-C when a stage is reached, and then for each answer in ``again``."""

    def __init__(self, stage: str, *again: str) -> None:
        super().__init__()
        self._at: str | None = stage
        self._again = list(again)
        self.outcomes: list[str] = []

    def changed(self, snapshot: Snapshot[Any]) -> None:
        if snapshot.stage == self._at and self._at is not None:
            self._at = None
            signal.raise_signal(signal.SIGINT)

    def answered(self, verdict: Verdict, asked_by: str) -> None:
        self.outcomes.append(f"{asked_by}: {verdict.outcome}")
        if self._again and self._again[0] == verdict.outcome:
            self._again.pop(0)
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_cancels_and_everything_is_undone(repository: Path, workdir: Path) -> None:
    view = Interrupting("cloning")
    with prepared(str(repository), workdir) as place:
        snapshot = run(place, view, None)
    assert view.outcomes == ["Ctrl-C: canceling"]
    assert (snapshot.state, exit_code(snapshot)) == ("canceled", 130)
    assert nothing_is_left(workdir)


def test_ctrl_c_in_a_refusing_stage_waits_for_its_end_and_undoes_the_pull_request(
    repository: Path, workdir: Path
) -> None:
    view = Interrupting("opening_pr")
    with prepared(str(repository), workdir) as place:
        snapshot = run(place, view, None)
    assert view.outcomes == ["Ctrl-C: deferred"]
    assert (snapshot.state, exit_code(snapshot)) == ("canceled", 130)
    steps = [(entry.step, entry.status) for entry in snapshot.history]
    assert ("opening_pr", "done") in steps
    assert steps[-4:] == [
        ("delete_ref", "compensated"),
        ("delete_ref", "compensated"),
        ("remove_clones", "compensated"),
        ("unwound", "canceled"),
    ]
    assert nothing_is_left(workdir)


def test_a_second_ctrl_c_forces_a_refusing_stage_to_end(repository: Path, workdir: Path) -> None:
    view = Interrupting("opening_pr", "deferred")
    with prepared(str(repository), workdir) as place:
        snapshot = run(place, view, None)
    assert view.outcomes == ["Ctrl-C: deferred", "Ctrl-C: canceling"]
    assert (snapshot.state, exit_code(snapshot)) == ("canceled", 130)
    assert snapshot.cancel is not None
    assert snapshot.cancel.forced
    assert ("opening_pr", "canceled") in [(entry.step, entry.status) for entry in snapshot.history]
    assert nothing_is_left(workdir)


def test_ctrl_c_after_the_point_of_no_return_lets_the_job_succeed(repository: Path, workdir: Path) -> None:
    view = Interrupting("finalizing")
    with prepared(str(repository), workdir) as place:
        snapshot = run(place, view, None)
    assert view.outcomes == ["Ctrl-C: deferred"]
    assert (snapshot.state, exit_code(snapshot)) == ("succeeded", 0)


class Leaving(PlainView):
    """A reader that closes the pipe when the analysis begins."""

    def changed(self, snapshot: Snapshot[Any]) -> None:
        if snapshot.stage == "analyzing":
            raise BrokenPipeError


def test_a_reader_that_goes_away_cancels_the_job(repository: Path, workdir: Path) -> None:
    with prepared(str(repository), workdir) as place, pytest.raises(BrokenPipeError):
        run(place, Leaving(), None)
    assert nothing_is_left(workdir)


@contextmanager
def started(*args: str, **options: Any) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "jobcancel", "demo", *args]
    with subprocess.Popen(command, text=True, stderr=subprocess.PIPE, **options) as process:
        yield process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_the_command_cancels_and_sets_the_exit_code(
    repository: Path, workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    # A git that begins to clone and never finishes: the signal alone ends it.
    begins = "echo 'Receiving objects:  50% (1/2)' >&2"
    endless = tmp_path / "endless"
    wrapped_git(tmp_path, "clone", f": > {endless}; tail -f {endless} & {begins}; wait", monkeypatch)
    options = ("--repo", str(repository), "--workdir", str(workdir))
    with started(*options, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while "1/2 receiving objects" not in process.stdout.readline():
            pass
        if sys.platform == "linux":
            assert [line for line in processes(tmp_path) if "bin/git clone --progress" in line]
        process.send_signal(number)
        out, err = process.communicate()
    assert process.returncode == code
    assert "canceling (accepted): it is being stopped" in out
    assert err == ""
    assert processes(tmp_path) == []
    assert nothing_is_left(workdir)


def test_a_closed_pipe_ends_the_command_without_a_traceback(repository: Path, workdir: Path) -> None:
    options = ("--repo", str(repository), "--workdir", str(workdir))
    read_end, write_end = os.pipe()
    os.close(read_end)
    with started(*options, stdout=write_end) as process:
        os.close(write_end)
        _, err = process.communicate()
    assert (process.returncode, err) == (1, "")
    assert nothing_is_left(workdir)


def test_a_terminal_gets_the_live_view(repository: Path, workdir: Path) -> None:
    ours, theirs = pty.openpty()
    options = ("--repo", str(repository), "--workdir", str(workdir), "--cancel-at", "analyzing")
    env = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    with started(*options, env=env, stdout=theirs) as process:
        os.close(theirs)
        drawn = b""
        while chunk := read_terminal(ours):
            drawn += chunk
    os.close(ours)
    assert process.returncode == 0
    shown = drawn.decode()
    assert "\x1b[" in shown
    assert "finalizing" in shown
    assert "cancel (--cancel-at): canceling (accepted): it is being stopped" in shown
    assert "canceled after " in shown


def read_terminal(end: int) -> bytes:
    """What was written; nothing when the other end is closed, which Linux reports as an error."""
    try:
        return os.read(end, 65536)
    except OSError:
        return b""
