"""A short soak on every backend, each in a process of its own: a run listens to the whole process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_random_jobs_under_load_agree_with_the_books_of_the_soak(backend: str) -> None:
    if backend != "asyncio":
        pytest.importorskip(backend)
    command = [sys.executable, "-m", "tests.soak", "--jobs", "3000", "--seed", "1", "--backend", backend]
    run = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "findings: 0" in run.stdout
