"""Failures while the demo runs, and its isolation from others' refs and the user's hooks and configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Command, nothing_is_left, plain_lines, refs, replace_git_command


@pytest.mark.parametrize(
    ("git_command", "script_line", "failure"),
    [
        ("clone", "echo 'fatal: the disk \033[31mis full' >&2; exit 128", "git clone: fatal: the disk ?[31mis full"),
        ("push", "exit 1", "git push: it gave no reason"),
    ],
)
def test_a_failed_run_prints_the_reason_exits_with_1_and_leaves_nothing(
    demo: Command,
    tmp_path: Path,
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    git_command: str,
    script_line: str,
    failure: str,
) -> None:
    replace_git_command(tmp_path, git_command, script_line, monkeypatch)
    result = demo()
    assert result.exit_code == 1
    assert plain_lines(result.stdout)[-1] == f"failed after T: {failure}"
    assert result.stderr == ""
    assert nothing_is_left(workdir)


def test_a_pull_request_number_taken_by_another_is_not_deleted(
    demo: Command, tmp_path: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    other = f"{real} hash-object -w --stdin </dev/null"
    replace_git_command(
        tmp_path, "update-ref", f"[ -e taken ] || {real} update-ref $2 $({other}); : > taken", monkeypatch
    )
    result = demo()
    assert result.exit_code == 1
    assert "git update-ref: fatal: " in plain_lines(result.stdout)[-1]
    assert refs(workdir) == ["refs/pull/1/head"]


def test_the_user_s_git_configuration_hooks_and_variables_are_ignored(
    demo: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks, marker = tmp_path / "hooks", tmp_path / "a hook ran"
    hooks.mkdir()
    for name in ("pre-commit", "post-checkout", "pre-push", "post-receive", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\n: > '{marker}'\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "config"
    config.write_text(
        f"[core]\n    hooksPath = {hooks}\n[user]\n    useConfigOnly = true\n[commit]\n    gpgSign = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert demo().exit_code == 0
    assert not marker.exists()
