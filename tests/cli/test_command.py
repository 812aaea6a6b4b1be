"""The `jobcancel` command: how it is started, its version and diagram, and a missing extra."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

import jobcancel
from jobcancel._cli import main

from .conftest import Command


def test_diagram_prints_the_library_s_diagram(command: Command) -> None:
    result = command("diagram")
    assert result.exit_code == 0
    assert result.stdout == jobcancel.mermaid()
    assert result.stdout.startswith("stateDiagram-v2\n    [*] --> pending\n")


def test_the_version_is_the_package_s(command: Command) -> None:
    result = command("--version")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"jobcancel {version('jobcancel')}\n"


def test_the_module_can_be_run() -> None:
    command = [sys.executable, "-m", "jobcancel", "diagram"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, jobcancel.mermaid())


def test_importing_the_module_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    import_module("jobcancel.__main__")
    assert capsys.readouterr().out == ""


def test_the_commands_are_listed_without_arguments(command: Command) -> None:
    result = command()
    assert "demo" in result.stdout + result.stderr
    assert "diagram" in result.stdout + result.stderr


def forget_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the command line's modules, so that they are imported again."""
    for name in list(sys.modules):
        if name.startswith("jobcancel._cli."):
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("missing", ["typer", "rich.console"])
def test_a_missing_extra_is_reported_with_the_install_command(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_command_line(monkeypatch)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"jobcancel: the command needs {missing}: pip install 'jobcancel[cli]'\n"


def test_another_missing_module_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_command_line(monkeypatch)
    monkeypatch.setitem(sys.modules, "jobcancel._cli.demo.run", None)
    with pytest.raises(ModuleNotFoundError, match=r"demo\.run"):
        main()
