"""No claim of a vendor's document is without a test."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.conformance.claims import CLAIMS, HOSTS

HERE = Path(__file__).parent
EACH = [pytest.param(test, id=f"{vendor}: {claim}") for vendor, rows in CLAIMS.items() for claim, test in rows]


@cache
def named_in(path: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("test", EACH)
def test_a_claim_has_its_test(test: str) -> None:
    if test != HOSTS:
        file, name = test.split("::")
        assert name in named_in((HERE / file).resolve())


def test_a_claim_is_listed_once() -> None:
    for rows in CLAIMS.values():
        assert len({claim for claim, _ in rows}) == len(rows)


def test_only_five_claims_are_left_to_the_host() -> None:
    left = [(vendor, claim) for vendor, rows in CLAIMS.items() for claim, test in rows if test == HOSTS]
    assert left == [
        ("layers", "under the name bootstrapJobId"),
        ("tensorpool", "a WebSocket's first message carries the key"),
        ("dafty", "a generation answers 202 with a job"),
        ("dafty", "INSUFFICIENT_CREDITS and SUBSCRIPTION_REQUIRED are 402"),
        ("dafty", "USAGE_LIMIT_EXCEEDED and CONCURRENT_LIMIT_REACHED too"),
    ]
