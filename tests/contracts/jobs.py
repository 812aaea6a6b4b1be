"""Jobs and shorthands for the tests of contracts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from jobcancel import JobState, Snapshot
from jobcancel.contracts import Case, Context, Contract, RateLimit, Reply, Row, error_reply, load, outcome_reply

AT = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
RATE = RateLimit(60, 0, 12.01, 3)


def job(state: str = "running", **fields: Any) -> Snapshot[Any]:
    """Return a job that was submitted at ``AT``."""
    defaults: dict[str, Any] = {"id": "job_1", "kind": "parse", "state": JobState(state), "created_at": AT}
    return Snapshot(**{**defaults, **fields})


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


@cache
def loaded(name: str, variants: tuple[str, ...] = ()) -> Contract:
    return load(name, variants=variants)


def status_and_body(contract: str, case: str, *variants: str, **context: Any) -> tuple[int, Any]:
    """Return status and body of an answer, the body read back from its bytes."""
    defaults: dict[str, Any] = {"job_id": "job_1"}
    return read(outcome_reply(loaded(contract, variants), case, Context(**{**defaults, **context})))


def refused(contract: str, error: str, **context: Any) -> tuple[int, Any]:
    return read(error_reply(loaded(contract), error, Context(**context)))


def read(answer: Reply) -> tuple[int, Any]:
    return answer.status, json.loads(answer.content) if answer.content else None


def marks(contract: str, *variants: str) -> dict[str, str]:
    """Return status, source's letter and mark of every outcome, as a row of the outcome table shows them."""
    letters = {"explicit": "e", "implied": "i", "silent": "s", "status_only": "b"}

    def mark(row: Row) -> str:
        return f"{letters[row.source]} {row.status}{'!' if row.unlisted else ''}"

    outcomes = loaded(contract, variants).outcomes
    return {case.value: mark(outcomes[case]) for case in Case}
