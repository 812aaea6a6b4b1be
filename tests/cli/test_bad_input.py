"""What the demo cannot work with: one clear line, exit code 2, nothing left behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Command, git

Refused = Callable[..., str]


@pytest.fixture
def refused(command: Command) -> Refused:
    """The one line that a run with bad input says."""

    def run(*args: str) -> str:
        result = command("demo", *args)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        return result.stderr

    return run


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep temporary folders where a test sees them."""
    monkeypatch.setattr("tempfile.tempdir", str(workdir))


@pytest.mark.parametrize("name", ["nowhere", "-x", "--upload-pack=touch pwned", "ext::sh -c 'touch pwned'", "plain"])
def test_what_is_no_repository_is_named(
    refused: Refused, tmp_path: Path, workdir: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path)
    line = refused("--repo", name)
    assert line.startswith("jobcancel demo: cannot read a git repository at ")
    assert line.endswith("; --repo takes a path or URL that 'git clone' takes\n")
    assert not (tmp_path / "pwned").exists()
    assert list(workdir.iterdir()) == []


def test_a_password_in_a_url_is_not_repeated(refused: Refused) -> None:
    line = refused("--repo", "http://somebody:secret@127.0.0.1:1/repository")
    assert "'http://127.0.0.1:1/repository'" in line
    assert "secret" not in line


def test_a_repository_without_commits_is_named(refused: Refused, tmp_path: Path, workdir: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    assert refused("--repo", str(empty)) == (
        f"jobcancel demo: the repository '{empty}' has no commit to analyze; "
        "commit something there, or name another with --repo\n"
    )
    assert list(workdir.iterdir()) == []


def test_a_missing_git_is_named(
    refused: Refused, repository: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(workdir))
    assert refused("--repo", str(repository)) == (
        "jobcancel demo: there is no git on the PATH; install git, or put its folder on the PATH\n"
    )


def test_an_unknown_stage_is_answered_with_those_there_are(refused: Refused, workdir: Path) -> None:
    assert refused("--cancel-at", "merging") == (
        "jobcancel demo: there is no stage 'merging' to cancel at; "
        "--cancel-at takes one of cloning, analyzing, opening_pr, finalizing\n"
    )
    assert list(workdir.iterdir()) == []


@pytest.mark.parametrize("name", ["missing", "file", "/proc"])
def test_a_folder_that_cannot_be_written_to_is_named(
    refused: Refused, repository: Path, tmp_path: Path, name: str
) -> None:
    if name == "/proc" and sys.platform != "linux":
        pytest.skip("NOT RUN: /proc is what even root cannot write to, on Linux")
    (tmp_path / "file").touch()
    line = refused("--repo", str(repository), "--workdir", str(tmp_path / name))
    assert line.startswith(f"jobcancel demo: cannot write to the folder '{tmp_path / name}' (")
    assert line.endswith("); --workdir takes an existing folder that you may write to\n")


def test_something_else_in_the_host_s_place_is_left_alone(refused: Refused, repository: Path, workdir: Path) -> None:
    mine = workdir / "host.git" / "mine.txt"
    mine.parent.mkdir()
    mine.touch()
    line = refused("--repo", str(repository), "--workdir", str(workdir))
    assert line.startswith(
        f"jobcancel demo: cannot use '{workdir / 'host.git'}' as the host's repository (git rev-parse: "
    )
    assert list(workdir.rglob("*")) == [mine.parent, mine]
