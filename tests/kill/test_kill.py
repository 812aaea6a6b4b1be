"""A few kills on every backend; ``python -m tests.kill`` has as many as wanted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_what_was_answered_outlasts_a_kill_at_any_instant(backend: str, tmp_path: Path) -> None:
    if backend != "asyncio":
        pytest.importorskip(backend)
    command = [sys.executable, "-m", "tests.kill", "--times", "10", "--seed", "1", "--backend", backend]
    run = subprocess.run(
        [*command, "--keep", str(tmp_path / "kept")], cwd=TOP, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "findings: 0" in run.stdout
