"""A diagonal of the matrix; ``python -m tests.endings`` runs all of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

GROUPS = ("hosts", "generators", "openings", "blocking", "servers", "answers", "values")
# At least so many cells there are: a table that came out empty would pass.
CELLS = {"hosts": 22, "generators": 5, "openings": 6, "blocking": 4, "servers": 5, "answers": 20, "values": 70}


@pytest.mark.parametrize("group", GROUPS)
def test_18_however_the_host_ends_the_scheduler_ends_too(group: str) -> None:
    command = [sys.executable, "-m", "tests.endings", "--diagonal", "--json", "--group", group]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.stderr == ""
    cells = [json.loads(line) for line in run.stdout.splitlines()]
    assert [cell for cell in cells if cell["problems"]] == []
    assert len(cells) >= CELLS[group]
    assert run.returncode == 0
