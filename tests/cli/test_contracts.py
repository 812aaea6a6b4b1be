"""`jobcancel contracts`: the answers side by side, and the variants."""

from __future__ import annotations

from io import StringIO

import attrs
import pytest
from rich.console import Console

from jobcancel._cli.contracts import draw, summarize
from jobcancel.contracts import Row, Source, load

from .conftest import Command, run_on_terminal

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
    assert legend.startswith("e: stated in the vendor's document")
    fields = [line.split("\t") for line in lines]
    return {(contract, what): text for contract, what, text in fields}


def test_all_contracts_are_printed_line_by_line_without_a_terminal(command: Command) -> None:
    result = command("contracts")
    assert (result.exit_code, result.stderr) == (0, "")
    printed = rows(result.stdout)
    for contract in ("dafty", "dex", "layers", "sutro", "tensorpool"):
        assert [what for name, what in printed if name == contract and what in CASES] == CASES
    assert printed["layers", "canceling"] == "e 202 accepted=true"
    assert printed["layers", "already_completed"] == "e 200 accepted=false reason=ALREADY_COMPLETED"
    assert printed["layers", "refused"].startswith("e 409 code=CONFLICT subcode=JOB_CANCEL_UNAVAILABLE")
    assert printed["tensorpool", "already_completed"] == "b 400 {message}"
    assert printed["dafty", "not_found"] == "e 404 code=NOT_FOUND"
    assert printed["dafty", "canceling"] == "i 200 data=J"
    assert printed["dex", "canceling"] == "b 202 J"
    assert printed["dex", "refused"].startswith("s 409! ")
    assert printed["sutro", "not_found"] == "e 200 cancelled=false"
    assert printed["layers", "variant prose_subcode"]
    assert printed["sutro", "variant sdk"]


@pytest.mark.parametrize(
    ("row", "text"),
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
def test_a_row_is_summarized(row: Row, text: str) -> None:
    assert summarize(row) == text


def test_a_contract_without_variants_is_drawn_without_their_table() -> None:
    drawn = StringIO()
    draw([attrs.evolve(load("dex"), variants={})], Console(file=drawn, width=200))
    assert "outcome" in drawn.getvalue()
    assert "variant" not in drawn.getvalue()


def test_one_contract_is_shown_alone(command: Command) -> None:
    printed = rows(command("contracts", "dex").stdout)
    assert {name for name, _ in printed} == {"dex"}


def test_an_unknown_contract_is_refused_in_one_line(command: Command) -> None:
    result = command("contracts", "dexx")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("jobcancel contracts: ")
    assert result.stderr.count("\n") == 1


def test_a_terminal_gets_tables() -> None:
    drawn = run_on_terminal("contracts", columns=200)
    assert "\u2503" in drawn
    assert "prose_subcode" in drawn
    assert "202 accepted=true" in drawn
