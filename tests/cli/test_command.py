"""The command itself: how it is started, its diagram, and what it says when its extra is missing."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import jobcancel
from jobcancel._cli import main

from .conftest import Command


def test_the_diagram_is_the_library_s(command: Command) -> None:
    result = command("diagram")
    assert result.exit_code == 0
    assert result.stdout == jobcancel.mermaid()
    assert result.stdout.startswith("stateDiagram-v2\n    [*] --> pending\n")


def test_the_module_can_be_run() -> None:
    command = [sys.executable, "-m", "jobcancel", "diagram"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, jobcancel.mermaid())


def test_importing_the_module_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    import_module("jobcancel.__main__")
    assert capsys.readouterr().out == ""


def test_without_arguments_the_commands_are_listed(command: Command) -> None:
    result = command()
    assert "demo" in result.stdout + result.stderr
    assert "diagram" in result.stdout + result.stderr


@pytest.mark.parametrize("missing", ["typer", "rich.console"])
def test_a_missing_extra_is_named_with_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "jobcancel._cli.app")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"jobcancel: the command needs {missing}: pip install 'jobcancel[cli]'\n"


def test_any_other_missing_module_is_a_bug_and_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "jobcancel._cli.app")
    monkeypatch.setitem(sys.modules, "jobcancel._cli.demo", None)
    with pytest.raises(ModuleNotFoundError, match="demo"):
        main()
