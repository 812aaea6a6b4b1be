"""`jobcancel contracts`: the answers side by side, and the variants."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from io import StringIO
from pathlib import Path

import attrs
import pytest
from rich.console import Console

from jobcancel._cli.outcomes import cell, draw
from jobcancel.contracts import Row, Source, load

from .conftest import Command
from .test_interrupts import read_terminal

CASES = [
    "pending_canceled",
    "canceling",
    "already_canceling",
    "already_canceled",
    "already_completed",
    "already_failed",
    "refused",
    "not_found",
    "forbidden",
    "malformed_id",
    "unauthenticated",
    "rate_limited",
    "internal_error",
]


def rows(stdout: str) -> dict[tuple[str, str], str]:
    *lines, legend = stdout.splitlines()
    assert legend.startswith("e: the vendor's document says it")
    fields = [line.split("\t") for line in lines]
    return {(contract, what): says for contract, what, says in fields}


def test_all_contracts_are_told_line_by_line_where_there_is_no_terminal(command: Command) -> None:
    result = command("contracts")
    assert (result.exit_code, result.stderr) == (0, "")
    told = rows(result.stdout)
    for contract in ("dafty", "dex", "layers", "sutro", "tensorpool"):
        assert [what for name, what in told if name == contract and what in CASES] == CASES
    assert told["layers", "canceling"] == "e 202 accepted=true"
    assert told["layers", "already_completed"] == "e 200 accepted=false reason=ALREADY_COMPLETED"
    assert told["layers", "refused"].startswith("e 409 code=CONFLICT subcode=JOB_CANCEL_UNAVAILABLE")
    assert told["tensorpool", "already_completed"] == "b 400 {message}"
    assert told["dafty", "not_found"] == "e 404 code=NOT_FOUND"
    assert told["dafty", "canceling"] == "i 200 data=J"
    assert told["dex", "canceling"] == "b 202 J"
    assert told["dex", "refused"].startswith("s 409! ")
    assert told["sutro", "not_found"] == "e 200 cancelled=false"
    assert told["layers", "variant prose_subcode"]
    assert told["sutro", "variant sdk"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (Row(status=202, source=Source.SILENT), "s 202"),
        (Row(status=200, body="$job", source=Source.EXPLICIT), "e 200 J"),
        (
            Row(status=422, body={"detail": [{"type": "value_error", "msg": "no id"}]}, source=Source.IMPLIED),
            "i 422 type=value_error",
        ),
        (
            Row(status=418, body={"a": "$message", "b": "two words"}, source=Source.STATUS_ONLY, unlisted=True),
            "b 418! {a, b}",
        ),
    ],
)
def test_a_row_is_told_in_short(row: Row, says: str) -> None:
    assert cell(row) == says


def test_a_contract_without_variants_is_drawn_without_their_table() -> None:
    told = StringIO()
    draw([attrs.evolve(load("dex"), variants={})], Console(file=told, width=200))
    assert "outcome" in told.getvalue()
    assert "variant" not in told.getvalue()


def test_one_contract_is_shown_alone(command: Command) -> None:
    told = rows(command("contracts", "dex").stdout)
    assert {name for name, _ in told} == {"dex"}


def test_an_unknown_contract_is_one_line(command: Command) -> None:
    result = command("contracts", "dexx")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("jobcancel contracts: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "drawn"), [("", "variant"), ("layers", "prose_subcode")])
def test_a_terminal_gets_tables(tmp_path: Path, name: str, drawn: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "jobcancel", "contracts", *filter(None, [name])]
    env = os.environ | {"TERM": "xterm", "COLUMNS": "200"}
    with subprocess.Popen(command, env=env, stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        while chunk := read_terminal(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert "┃" in shown.decode()
    assert drawn in shown.decode()
    assert "202 accepted=true" in shown.decode()
