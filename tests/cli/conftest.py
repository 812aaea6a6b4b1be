"""A repository to clone, a folder to work in, and what a run leaves there."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from jobcancel._cli import main


class Result(NamedTuple):
    """How a command ended, and its output."""

    exit_code: object
    stdout: str
    stderr: str


Command = Callable[..., Result]
FAST = ("--stage-seconds", "0")

# Two authors, one of them through the mailmap; times are fixed, so that the hashes are.
COMMITS = (
    ("Ann", "2001-01-01T00:00:00Z", {"src/app.py": b"import sys\n\nprint(sys.argv)", "README.md": b"# Title\n"}),
    ("Bob", "2001-01-02T00:00:00Z", {"logo.png": b"\x89PNG\0\n\n\n", "Makefile": b"all:\n", "LICENSE": b""}),
    ("Ann", "2001-01-03T00:00:00Z", {"src/b|.py": b"x = 1\n", "caf\u00e9.md": b"a\nb\n"}),
)


def git(folder: Path, *args: str, **env: str) -> str:
    """Run git for a test and return its output."""
    home = {"HOME": str(folder), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *args], cwd=folder, env=os.environ | home | env, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of three commits, with a symbolic link to a file outside."""
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    (path / "link.py").symlink_to("/etc/passwd")
    for author, date, files in COMMITS:
        for name, content in files.items():
            file = path / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        git(path, "add", "--all")
        who = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": "a@example.invalid", "GIT_AUTHOR_DATE": date}
        committer = {"GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.invalid", "GIT_COMMITTER_DATE": date}
        git(path, "commit", "--quiet", "--message", "A change", **who, **committer)
    return path


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """An empty folder for the clone and the host."""
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``jobcancel`` in this process."""

    def run(*args: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["jobcancel", *args])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Result(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def demo(command: Command, repository: Path, workdir: Path) -> Command:
    """Run ``jobcancel demo`` on the repository, in this process and without pauses."""

    def run(*args: str) -> Result:
        return command("demo", "--repo", str(repository), "--workdir", str(workdir), *FAST, *args)

    return run


def read_terminal(end: int) -> bytes:
    """What was written to a terminal; empty when its other end is closed, which Linux reports as an error."""
    try:
        return os.read(end, 65536)
    except OSError:
        return b""


def read_until(lines: IO[str], text: str) -> str:
    """Read lines until one has a text, spaces aside, and return that; a process that ends before it fails the test."""
    for line in iter(lines.readline, ""):
        if text in " ".join(line.split()):
            return line
    raise AssertionError(f"the output ended without {text!r}")


def run_on_terminal(*args: str, columns: int) -> str:
    """Run ``jobcancel`` in a process with a terminal of 24 lines, and return all that it wrote."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "jobcancel", *args]
    env = os.environ | {"TERM": "xterm", "COLUMNS": str(columns), "LINES": "24"}
    with subprocess.Popen(command, env=env, stdout=theirs) as process:
        os.close(theirs)
        written = b""
        while chunk := read_terminal(ours):
            written += chunk
    os.close(ours)
    assert process.returncode == 0
    return written.decode()


def refs(workdir: Path) -> list[str]:
    """The host's branches and pull requests."""
    return git(workdir / "host.git", "for-each-ref", "--format=%(refname)").split()


def processes(workdir: Path) -> list[str]:
    """The command lines of this machine's processes that contain the folder; empty where there is no /proc."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # the process has ended in the meantime
        if str(workdir) in line:
            found.append(line)
    return found


def nothing_is_left(workdir: Path) -> bool:
    """Whether a run left nothing but an empty host."""
    assert [path.name for path in workdir.iterdir()] == ["host.git"]
    assert refs(workdir) == []
    assert processes(workdir) == []
    return True


def replace_git_command(folder: Path, command: str, script_line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a git first on the PATH that runs a line of shell script before one git command."""
    script = folder / "bin" / "git"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nif [ "$1" = {command} ]; then {script_line}; fi\nexec {shutil.which("git")} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")


def plain_lines(stdout: str) -> list[str]:
    """The plain lines without times, durations, ids, hashes and git's own progress."""
    lines = [re.sub(r"^ +\d+\.\d{3} s  ", "", line) for line in stdout.splitlines()]
    lines = [re.sub(r" (in|after) \d+\.\d{3} s", r" \1 T", line) for line in lines]
    lines = [
        re.sub(r"job_\w+", "JOB", re.sub(r"\b[0-9a-f]{8}$", "SHORT", re.sub(r"[0-9a-f]{40}", "COMMIT", line)))
        for line in lines
    ]
    return [re.sub(r"  +", " ", line) for line in lines if not re.search(r"\d (\w+ objects|resolving|updating)", line)]
