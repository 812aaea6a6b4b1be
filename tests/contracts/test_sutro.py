"""Sutro: every answer, written out."""

from __future__ import annotations

from typing import Any

import pytest

from jobcancel import Failure, FailureCode, Progress
from jobcancel.contracts import Context, Policies, Tenancy, job_document, load, outcome_reply, success_reply

from .jobs import AT, after, job, marks, refused, status_and_body

NO = "Job job_1 could not be cancelled because "


def test_every_row_has_the_status_and_the_mark_of_the_table() -> None:
    assert marks("sutro") == {
        "pending_canceled": "e 200",
        "canceling": "e 200",
        "already_canceling": "s 200",
        "already_canceled": "i 200",
        "already_completed": "e 200",
        "already_failed": "i 200",
        "refused": "s 200",
        "not_found": "e 200",
        "forbidden": "s 200",
        "malformed_id": "s 200",
        "unauthenticated": "s 401",
        "rate_limited": "s 429",
        "internal_error": "s 500",
    }


@pytest.mark.parametrize(
    ("case", "status", "cancelled", "message"),
    [
        ("pending_canceled", 200, True, "Job job_1 has been successfully cancelled"),
        ("canceling", 200, True, "Job job_1 has been successfully cancelled"),
        ("already_canceling", 200, False, NO + "it is already being cancelled"),
        ("already_canceled", 200, False, NO + "it has already been cancelled"),
        ("already_completed", 200, False, NO + "it has already completed"),
        ("already_failed", 200, False, NO + "it has already failed"),
        ("refused", 200, False, NO + "its current stage does not allow it"),
        ("not_found", 200, False, "Job job_1 not found"),
        ("forbidden", 200, False, "Job job_1 not found"),
        ("malformed_id", 200, False, "Job job_1 not found"),
        ("unauthenticated", 401, False, "A valid API key is required"),
        ("rate_limited", 429, False, "Too many requests"),
        ("internal_error", 500, False, "Internal server error"),
    ],
)
def test_an_outcome_has_the_written_reply(case: str, status: int, cancelled: bool, message: str) -> None:
    assert status_and_body("sutro", case) == (status, {"cancelled": cancelled, "message": message})


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("unknown_route", 404, "Not found"),
        ("method_not_allowed", 405, "Method not allowed"),
        ("invalid_request", 400, "The request is not valid"),
        ("idempotency_conflict", 409, "The idempotency key was used with other arguments"),
        ("closed", 503, "The service is shutting down"),
    ],
)
def test_an_error_has_the_written_reply(name: str, status: int, message: str) -> None:
    assert refused("sutro", name) == (status, {"message": message})


def test_whatever_is_not_found_is_404_in_the_variant_alone() -> None:
    changed = {"not_found": "e 404", "forbidden": "s 404", "malformed_id": "s 404"}
    assert marks("sutro", "not_found_404") == {**marks("sutro"), **changed}
    for case in changed:
        assert status_and_body("sutro", case, "not_found_404") == (
            404,
            {"cancelled": False, "message": "Job job_1 not found"},
        )


def test_the_contract_has_the_documents_settings() -> None:
    contract = load("sutro")
    assert contract.auth.ways == ({"authorization": "Key "},)
    assert contract.tenancy == Tenancy(foreign="not_found")
    assert contract.policies == Policies(on_shielded_stage="defer")
    assert contract.keys is None
    assert outcome_reply(contract, "unauthenticated").headers == {"WWW-Authenticate": "Key"}


def test_the_routes_are_the_documents_and_in_the_variant_the_sdks_too() -> None:
    def served(*variants: str) -> list[tuple[str, tuple[str, ...], str]]:
        return [(r.op, r.methods, r.path) for r in load("sutro", variants=variants).routes]

    assert served() == [
        ("cancel", ("POST",), "/job-cancel/{job_id}"),
        ("get", ("GET",), "/job-status/{job_id}"),
        ("get", ("GET",), "/jobs/{job_id}"),
        ("list", ("GET",), "/list-jobs"),
    ]
    assert served("sdk") == [
        ("cancel", ("POST", "GET"), "/job-cancel/{job_id}"),
        ("get", ("GET",), "/job-status/{job_id}"),
        ("get", ("GET",), "/jobs/{job_id}"),
        ("list", ("GET",), "/list-jobs"),
        ("cancel", ("GET", "POST"), "/v1/job-cancel/{job_id}"),
        ("get", ("GET",), "/v1/job-status/{job_id}"),
        ("get", ("GET",), "/v1/jobs/{job_id}"),
        ("list", ("GET",), "/v1/list-jobs"),
    ]


@pytest.mark.parametrize("case", ["not_found", "forbidden", "malformed_id"])
@pytest.mark.parametrize(
    ("variants", "read", "cancel"),
    [
        ((), (200, {"cancelled": False, "message": "Job job_1 not found"}), 200),
        (("sdk",), (404, {"message": "Job job_1 not found"}), 200),
        (("sdk", "not_found_404"), (404, {"message": "Job job_1 not found"}), 404),
    ],
)
def test_an_unknown_job_is_no_status_for_the_sdk_to_read(
    case: str, variants: tuple[str, ...], read: tuple[int, Any], cancel: int
) -> None:
    contract, context = load("sutro", variants=variants), Context(job_id="job_1")
    shown, asked = outcome_reply(contract, case, context, op="get"), outcome_reply(contract, case, context)
    assert (shown.status, shown.body) == read
    assert (asked.status, asked.body) == (cancel, {"cancelled": False, "message": "Job job_1 not found"})


@pytest.mark.parametrize(
    ("state", "word", "sdk"),
    [
        ("pending", "pending", "QUEUED"),
        ("running", "running", "RUNNING"),
        ("canceling", "cancelling", "CANCELLING"),
        ("succeeded", "completed", "SUCCEEDED"),
        ("partially_succeeded", "completed", "SUCCEEDED"),
        ("failed", "failed", "FAILED"),
        ("canceled", "cancelled", "CANCELLED"),
    ],
)
def test_a_state_is_shown_in_sutros_words_and_in_its_sdks(state: str, word: str, sdk: str) -> None:
    assert job_document(load("sutro"), job(state))["status"] == word
    assert job_document(load("sutro", variants=["sdk"]), job(state))["status"] == sdk


@pytest.mark.parametrize("variants", [(), ("sdk",), ("sdk", "not_found_404")])
def test_what_the_sdk_reads(variants: tuple[str, ...]) -> None:
    contract = load("sutro", variants=variants)
    status, one, listed = contract.routes[-3:]
    failed = job(
        "failed",
        started_at=AT,
        settled_at=after(1),
        progress=Progress(1, 4),
        result={"input_tokens": 3},
        failure=Failure(FailureCode.HANDLER_ERROR, "boom"),
    )
    word = "FAILED" if variants else "failed"
    body: dict[str, Any] = {
        "job_id": "job_1",
        "kind": "parse",
        "status": word,
        "stage": None,
        "datetime_created": "2024-05-01T12:00:00.123456Z",
        "datetime_added": "2024-05-01T12:00:00.123456Z",
        "datetime_started": "2024-05-01T12:00:00.123456Z",
        "datetime_completed": "2024-05-01T12:00:01.123456Z",
        "progress": 0.25,
        "num_rows": 4,
        "input_tokens": 3,
        "output_tokens": None,
        "job_cost": None,
        "result": {"input_tokens": 3},
        "failure_reason": {"code": "HANDLER_ERROR", "message": "boom"},
    }
    assert success_reply(contract, status, Context(job=failed)).body == {"job_status": {"job_1": word}}
    assert success_reply(contract, one, Context(job=failed)).body == {"job": body}
    assert success_reply(contract, listed, Context(jobs=[failed])).body == {"jobs": [body]}
