"""Input that the demo cannot use: one clear line, exit code 2, nothing left behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobcancel._cli.bad_input import BadInputError
from jobcancel._cli.demo.workspace import new_workspace

from .conftest import Command, git

Refused = Callable[..., str]


@pytest.fixture
def refused(command: Command) -> Refused:
    """Run the demo with bad input and return its one line."""

    def run(*args: str) -> str:
        result = command("demo", *args)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        return result.stderr

    return run


@pytest.fixture(autouse=True)
def temporary_folders(tmp_path: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put temporary folders where a test sees them."""
    monkeypatch.setattr("tempfile.tempdir", str(workdir))


@pytest.mark.parametrize("name", ["nowhere", "-x", "--upload-pack=touch pwned", "ext::sh -c 'touch pwned'", "plain"])
def test_a_path_without_a_repository_is_refused(
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
    line = refused("--repo", "http://user:secret@127.0.0.1:1/repository")
    assert "'http://127.0.0.1:1/repository'" in line
    assert "secret" not in line


def test_a_repository_without_commits_is_refused(refused: Refused, tmp_path: Path, workdir: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    assert refused("--repo", str(empty)) == (
        f"jobcancel demo: the repository '{empty}' has no commit to analyze; "
        "commit something there, or name another with --repo\n"
    )
    assert list(workdir.iterdir()) == []


def test_a_missing_git_is_reported(
    refused: Refused, repository: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(workdir))
    assert refused("--repo", str(repository)) == (
        "jobcancel demo: there is no git on the PATH; install git, or put its folder on the PATH\n"
    )


def test_an_unknown_stage_is_refused_with_the_known_ones(refused: Refused, workdir: Path) -> None:
    assert refused("--cancel-at", "merging") == (
        "jobcancel demo: there is no stage 'merging' to cancel at; "
        "--cancel-at takes one of cloning, analyzing, opening_pr, finalizing\n"
    )
    assert list(workdir.iterdir()) == []


@pytest.mark.parametrize("name", ["missing", "file", "/proc"])
def test_a_folder_without_write_permission_is_refused(
    refused: Refused, repository: Path, tmp_path: Path, name: str
) -> None:
    if name == "/proc" and sys.platform != "linux":
        pytest.skip("NOT RUN: only on Linux, where even root cannot write to /proc")
    (tmp_path / "file").touch()
    line = refused("--repo", str(repository), "--workdir", str(tmp_path / name))
    assert line.startswith(f"jobcancel demo: cannot write to the folder '{tmp_path / name}' (")
    assert line.endswith("); --workdir takes an existing folder that you may write to\n")


def test_another_folder_in_place_of_the_host_is_not_touched(refused: Refused, repository: Path, workdir: Path) -> None:
    file = workdir / "host.git" / "file.txt"
    file.parent.mkdir()
    file.touch()
    line = refused("--repo", str(repository), "--workdir", str(workdir))
    assert line.startswith(
        f"jobcancel demo: cannot use '{workdir / 'host.git'}' as the host's repository (git rev-parse: "
    )
    assert list(workdir.rglob("*")) == [file.parent, file]


@pytest.mark.parametrize("seconds", ["-1", "nan", "3601", "fast"])
def test_a_stage_duration_that_cannot_be_used_is_refused(refused: Refused, seconds: str) -> None:
    line = refused("--stage-seconds", seconds)
    assert line.startswith("jobcancel demo: Invalid value for '--stage-seconds': ")


def test_a_journal_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(BadInputError, match="cannot make the folder"),
        new_workspace(None, None, tmp_path / "file" / "jobs.db"),
    ):
        pass
