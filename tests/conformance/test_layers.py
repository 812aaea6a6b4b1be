"""Layers: accepted, or why not; a refusal names the stage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.bench import Bench
from tests.conformance.matchers import AnyText, Matching, with_id
from tests.conformance.situations import arrange
from tests.conformance.vendors import LAYERS, TOKENS, bearer

REQUEST = Matching(r"req_[0-7][0-9A-HJKMNP-TV-Z]{25}")
ACCEPTED = {"jobId": "{id}", "accepted": True}


def error(code: str, **details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": AnyText(), "requestId": REQUEST, **details}}


def already(reason: str) -> dict[str, Any]:
    return {"jobId": "{id}", "accepted": False, "reason": reason}


OUTCOMES = [
    ("pending_canceled", 202, ACCEPTED),
    ("pending_canceled, with something to undo", 202, ACCEPTED),
    ("canceling", 202, ACCEPTED),
    ("canceling, held by a stage that defers", 202, ACCEPTED),
    ("already_canceling", 202, ACCEPTED),
    ("already_canceled", 200, already("ALREADY_CANCELED")),
    ("already_completed", 200, already("ALREADY_COMPLETED")),
    ("already_completed, in part", 200, already("ALREADY_COMPLETED")),
    ("already_failed", 200, already("ALREADY_FAILED")),
    ("already_failed, by expiry", 200, already("ALREADY_FAILED")),
    ("already_failed, by timeout", 200, already("ALREADY_FAILED")),
    (
        "refused",
        409,
        {
            "error": {
                "code": "CONFLICT",
                "message": "Job cannot be canceled during this stage.",
                "requestId": REQUEST,
                "details": {"subcode": "JOB_CANCEL_UNAVAILABLE", "jobId": "{id}", "stage": "finalizing"},
            }
        },
    ),
    ("not_found", 404, error("NOT_FOUND")),
    ("foreign", 404, error("NOT_FOUND")),
    ("malformed_id", 404, error("NOT_FOUND")),
    ("unauthenticated", 401, error("UNAUTHENTICATED")),
    ("unauthenticated, wrong key", 401, error("UNAUTHENTICATED")),
    ("rate_limited", 429, error("RATE_LIMITED")),
    ("internal_error", 500, {"error": {"code": Matching("[A-Z_]+"), "message": AnyText(), "requestId": REQUEST}}),
]


@pytest.mark.parametrize(("situation", "status", "expected"), OUTCOMES, ids=[row[0] for row in OUTCOMES])
async def test_an_outcome_is_answered_as_the_document_says(
    bench: Bench, situation: str, status: int, expected: Any
) -> None:
    layers = await bench.serve(LAYERS)
    asked = await arrange(layers, situation)

    answer = await layers.cancel(asked.job_id, asked.headers)

    assert (answer.status, answer.body) == (status, with_id(asked.job_id, expected))
    assert answer.header("content-type") == "application/json"
    if "error" in answer.body:
        assert answer.header("x-request-id") == answer.body["error"]["requestId"]


async def test_a_key_without_the_scope_may_not_cancel(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    job_id, _ = await layers.running()

    answer = await layers.cancel(job_id, bearer(TOKENS["viewer"]))

    assert (answer.status, answer.body) == (403, error("FORBIDDEN_SCOPE"))
    assert await layers.final(job_id) == "succeeded"


async def test_a_key_without_the_cancel_scope_may_poll(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    job_id, _ = await layers.running()
    assert (await layers.get(job_id, bearer(TOKENS["viewer"]))).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {TOKENS['alice'].removeprefix('lp_')}",
        f"Basic {TOKENS['alice']}",
        f"Key {TOKENS['alice']}",
        TOKENS["alice"],
        "Bearer",
        "Bearer ",
        "",
    ],
)
async def test_a_key_in_another_form_is_no_key(bench: Bench, authorization: str) -> None:
    layers = await bench.serve(LAYERS)
    job_id, _ = await layers.running()
    answer = await layers.cancel(job_id, {"authorization": authorization})
    assert (answer.status, answer.body) == (401, error("UNAUTHENTICATED"))


@pytest.mark.parametrize("job_id", ["job_123", "job_81ARZ3NDEKTSV4RRFFQ69G5FAV", "job_01ARZ3NDEKTSV4RRFFQ69G5FAI", "x"])
async def test_an_id_that_is_no_ulid_is_not_looked_up(bench: Bench, job_id: str) -> None:
    layers = await bench.serve(LAYERS)
    layers.scheduler.calls.clear()

    answer = await layers.cancel(job_id)

    assert (answer.status, answer.body) == (404, error("NOT_FOUND"))
    assert layers.scheduler.calls == []


async def test_jobs_get_ids_in_the_vendors_form(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    assert await layers.pending() == Matching(r"job_[0-7][0-9A-HJKMNP-TV-Z]{25}")


async def test_variant_prose_subcode_names_the_refusal_as_the_prose_does(bench: Bench) -> None:
    layers = await bench.serve(LAYERS, "prose_subcode")
    asked = await arrange(layers, "refused")

    answer = await layers.cancel(asked.job_id)

    assert answer.status == 409
    assert answer.body["error"]["code"] == "CONFLICT"
    assert answer.body["error"]["details"] == {
        "subcode": "STAGE_NOT_CANCELABLE",
        "jobId": asked.job_id,
        "stage": "finalizing",
    }
