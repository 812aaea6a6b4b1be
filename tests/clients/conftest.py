"""Where the vendors' public clients are, and how one is run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Client = Callable[..., "subprocess.CompletedProcess[str]"]

# Whatever a client asks of any host but ours goes nowhere: the discard port of the loopback takes no connection.
NOWHERE = "http://127.0.0.1:9"
PATIENCE_S = 120  # the larger ones take long to be imported


def installed(name: str, command: str) -> Path:
    """The client's command; without it a CI run fails, and any other says so."""
    folder = os.environ.get("JOBCANCEL_CLIENTS")
    path = Path(folder or "") / name / "bin" / command
    if folder is None or not path.exists():
        missing = f"NOT RUN: the client {name} ({path if folder else 'JOBCANCEL_CLIENTS'} is not there); see install.py"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def running(command: Path, home: Path, variables: dict[str, str]) -> Client:
    """Return what runs a client with nothing of ours in its environment."""
    environment = {
        "PATH": os.defpath,
        "HOME": str(home),
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1",
        "LANG": "C.UTF-8",
        "POLARS_TABLE_WIDTH": "1000",  # Sutro's client draws its tables with polars
        **variables,
    }

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *args],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run
