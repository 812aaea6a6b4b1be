"""TensorPool: every body is a JSON object with a message; an accepted job is canceling first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.acts import Act
from tests.conformance.bench import Bench
from tests.conformance.matchers import AnyText, with_id
from tests.conformance.situations import arrange
from tests.conformance.vendors import TENSORPOOL, TOKENS

CANCELING = {"job_id": "{id}", "message": AnyText(), "status": "canceling"}
CANCELED = {"job_id": "{id}", "message": AnyText(), "status": "canceled"}
ERROR = {"message": AnyText()}

OUTCOMES = [
    ("pending_canceled", 202, CANCELING),
    ("pending_canceled, with something to undo", 202, CANCELING),
    ("canceling", 202, CANCELING),
    ("canceling, held by a stage that defers", 202, CANCELING),
    ("already_canceling", 202, CANCELING),
    ("already_canceled", 200, CANCELED),
    ("already_completed", 400, ERROR),
    ("already_completed, in part", 400, ERROR),
    ("already_failed", 400, ERROR),
    ("already_failed, by expiry", 400, ERROR),
    ("already_failed, by timeout", 400, ERROR),
    ("refused", 202, CANCELING),  # deferred by default
    ("not_found", 404, ERROR),
    ("foreign", 403, ERROR),
    ("malformed_id", 400, ERROR),
    ("unauthenticated", 403, ERROR),
    ("unauthenticated, wrong key", 403, ERROR),
    ("rate_limited", 429, ERROR),
    ("internal_error", 500, ERROR),
]


@pytest.mark.parametrize(("situation", "status", "expected"), OUTCOMES, ids=[row[0] for row in OUTCOMES])
async def test_an_outcome_is_answered_as_the_document_says(
    bench: Bench, situation: str, status: int, expected: Any
) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    asked = await arrange(tensorpool, situation)

    answer = await tensorpool.cancel(asked.job_id, asked.headers)

    assert (answer.status, answer.body) == (status, with_id(asked.job_id, expected))
    assert answer.header("content-type") == "application/json"


async def test_a_refusal_is_400_if_the_host_lets_a_stage_refuse(bench: Bench) -> None:
    tensorpool = await bench.serve(TENSORPOOL, refuse=True)
    asked = await arrange(tensorpool, "refused")

    answer = await tensorpool.cancel(asked.job_id)

    assert (answer.status, answer.body) == (400, ERROR)
    assert await tensorpool.final(asked.job_id) == "succeeded"


async def test_a_stage_that_refuses_defers_and_the_job_ends_canceled_after_it(bench: Bench) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    job_id, act = await tensorpool.running(Act(stage="publishing"))

    accepted = await tensorpool.cancel(job_id)
    held = await tensorpool.get(job_id)

    assert (accepted.status, held.body["status"]) == (202, "canceling")
    assert await tensorpool.final(job_id) == "canceled"
    assert act.ended is False  # the stage was completed, what comes after it was not


@pytest.mark.parametrize("situation", ["unauthenticated", "unauthenticated, wrong key"])
async def test_variant_unauthenticated_401_answers_a_missing_key_with_401(bench: Bench, situation: str) -> None:
    tensorpool = await bench.serve(TENSORPOOL, "unauthenticated_401")
    asked = await arrange(tensorpool, situation)

    answer = await tensorpool.cancel(asked.job_id, asked.headers)

    assert (answer.status, answer.body) == (401, ERROR)
    assert (await tensorpool.cancel(TENSORPOOL.unknown)).status == 404


@pytest.mark.parametrize("authorization", [f"Key {TOKENS['alice']}", TOKENS["alice"], "Bearer", "Bearer ", ""])
async def test_a_key_in_another_form_is_no_key(bench: Bench, authorization: str) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    answer = await tensorpool.cancel(TENSORPOOL.unknown, {"authorization": authorization})
    assert (answer.status, answer.body) == (403, ERROR)


async def test_a_pending_job_passes_through_canceling_and_is_canceled_at_the_poll(bench: Bench) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    job_id = await tensorpool.pending()

    answer = await tensorpool.cancel(job_id)
    await tensorpool.scheduler.wait(job_id)

    assert answer.body["status"] == "canceling"
    assert (await tensorpool.get(job_id)).body["status"] == "canceled"


async def test_a_cancel_of_a_canceled_job_is_idempotent(bench: Bench) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    job_id, _ = await tensorpool.running()

    statuses = [(await tensorpool.cancel(job_id)).status]
    await tensorpool.scheduler.wait(job_id)
    statuses += [(await tensorpool.cancel(job_id)).status for _ in range(2)]

    assert statuses == [202, 200, 200]


async def status_of(bench: Bench, situation: str) -> str:
    tensorpool = await bench.serve(TENSORPOOL)
    asked = await arrange(tensorpool, situation)
    answer = await tensorpool.get(asked.job_id)
    assert answer.status == 200
    assert answer.body["job_id"] == asked.job_id
    word: str = answer.body["status"]
    return word


@pytest.mark.parametrize(
    ("situation", "word"),
    [
        ("pending_canceled", "pending"),
        ("canceling", "running"),
        ("already_canceling", "canceling"),
        ("already_completed", "completed"),
        ("already_completed, in part", "completed"),
        ("already_failed", "error"),  # the user's code
        ("already_failed, by expiry", "failed"),  # the infrastructure
        ("already_failed, by timeout", "failed"),
        ("already_canceled", "canceled"),
    ],
)
async def test_a_poll_shows_the_state_in_the_vendors_word(bench: Bench, situation: str, word: str) -> None:
    assert await status_of(bench, situation) == word


@pytest.mark.parametrize(
    ("situation", "status"), [("not_found", 404), ("foreign", 403), ("malformed_id", 400), ("unauthenticated", 403)]
)
async def test_a_poll_of_a_hidden_job_has_a_message(bench: Bench, situation: str, status: int) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    asked = await arrange(tensorpool, situation)
    answer = await tensorpool.get(asked.job_id, asked.headers)
    assert (answer.status, answer.body) == (status, ERROR)


async def test_the_root_answers_with_a_json_object(bench: Bench) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    answer = await tensorpool.send("POST", "/health")
    assert answer.status == 200
    assert isinstance(answer.body, dict)


async def test_healthz_needs_no_key(bench: Bench) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    answer = await tensorpool.send("GET", "/healthz", {})
    assert answer.status == 200
    assert isinstance(answer.body, dict)


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("POST", "/"), ("DELETE", "/job/cancel/x")])
async def test_every_error_is_a_json_object_with_a_message(bench: Bench, method: str, path: str) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    answer = await tensorpool.send(method, path)
    assert answer.status in {404, 405}
    assert answer.body == ERROR


async def test_a_query_that_is_not_valid_is_a_422_that_says_where(bench: Bench) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    answer = await tensorpool.send("GET", "/job/list?limit=many")
    assert answer.status == 422
    (problem,) = answer.body["detail"]
    assert problem == {"loc": ["query", "limit"], "msg": AnyText("limit"), "type": "value_error"}
