"""TensorPool: every answer, written out."""

from __future__ import annotations

from typing import Any

import pytest

from jobcancel import Failure, FailureCode
from jobcancel.contracts import Context, Policies, Tenancy, job_document, load, outcome_reply, success_reply

from .jobs import AT, RATE, after, job, marks, refused, status_and_body


def accepted(message: str, status: str) -> dict[str, str]:
    return {"job_id": "job_1", "message": message, "status": status}


def test_every_row_has_the_status_and_the_mark_of_the_table() -> None:
    assert marks("tensorpool") == {
        "pending_canceled": "e 202",
        "canceling": "e 202",
        "already_canceling": "s 202",
        "already_canceled": "b 200",
        "already_completed": "b 400",
        "already_failed": "b 400",
        "refused": "s 400",
        "not_found": "b 404",
        "forbidden": "b 403",
        "malformed_id": "b 400",
        "unauthenticated": "s 403",
        "rate_limited": "s 429!",
        "internal_error": "b 500",
    }


@pytest.mark.parametrize(
    ("case", "status", "body"),
    [
        ("pending_canceled", 202, accepted("Job job_1 cancellation initiated", "canceling")),
        ("canceling", 202, accepted("Job job_1 cancellation initiated", "canceling")),
        ("already_canceling", 202, accepted("Job job_1 is already being canceled", "canceling")),
        ("already_canceled", 200, accepted("Job job_1 is already canceled", "canceled")),
        ("already_completed", 400, {"message": "Job job_1 cannot be canceled: it has already completed"}),
        ("already_failed", 400, {"message": "Job job_1 cannot be canceled: it has already failed"}),
        ("refused", 400, {"message": "Job job_1 cannot be canceled in its current stage"}),
        ("not_found", 404, {"message": "Job job_1 not found"}),
        ("forbidden", 403, {"message": "Access to job job_1 denied"}),
        ("malformed_id", 400, {"message": "Malformed job id"}),
        ("unauthenticated", 403, {"message": "A valid API key is required"}),
        ("rate_limited", 429, {"message": "Too many requests"}),
        ("internal_error", 500, {"message": "Internal server error"}),
    ],
)
def test_an_outcome_has_the_written_reply(case: str, status: int, body: Any) -> None:
    assert status_and_body("tensorpool", case) == (status, body)


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("unknown_route", 404, {"message": "Not found"}),
        ("method_not_allowed", 405, {"message": "Method not allowed"}),
        (
            "invalid_request",
            422,
            {"detail": [{"loc": ["body", "kind"], "msg": "The request is not valid", "type": "value_error"}]},
        ),
        ("idempotency_conflict", 409, {"message": "The idempotency key was used with other arguments"}),
        ("closed", 503, {"message": "The service is shutting down"}),
    ],
)
def test_an_error_has_the_written_reply(name: str, status: int, body: Any) -> None:
    location = ("body", "kind") if name == "invalid_request" else ()
    assert refused("tensorpool", name, location=location) == (status, body)


def test_a_missing_key_is_401_in_the_variant_alone() -> None:
    assert marks("tensorpool", "unauthenticated_401") == {**marks("tensorpool"), "unauthenticated": "s 401!"}
    contract = load("tensorpool", variants=["unauthenticated_401"])
    assert outcome_reply(contract, "unauthenticated").headers == {"WWW-Authenticate": "Bearer"}
    assert outcome_reply(load("tensorpool"), "unauthenticated").headers == {}


def test_the_contract_has_the_documents_settings() -> None:
    contract = load("tensorpool")
    assert contract.auth.ways == ({"authorization": "Bearer "},)
    assert (contract.auth.token_pattern, contract.auth.cancel_scope, contract.keys) == (None, None, None)
    assert contract.tenancy == Tenancy(foreign="forbidden")
    assert contract.policies == Policies(on_shielded_stage="defer", via_canceling=True)
    assert contract.ids.pattern.fullmatch("j-1")
    assert not contract.ids.pattern.fullmatch("a b")
    assert contract.kinds == {}
    assert outcome_reply(contract, "rate_limited", Context(rate=RATE)).headers == {"Retry-After": "3"}


def test_the_routes_are_those_that_the_command_line_calls() -> None:
    routes = [(r.op, r.methods, r.path, r.authenticated) for r in load("tensorpool").routes]
    assert routes == [
        ("cancel", ("POST",), "/job/cancel/{job_id}", True),
        ("get", ("GET",), "/job/info/{job_id}", True),
        ("list", ("GET",), "/job/list", True),
        ("health", ("POST",), "/health", True),
        ("health", ("GET",), "/healthz", False),
    ]


@pytest.mark.parametrize(
    ("state", "code", "word"),
    [
        ("pending", None, "pending"),
        ("running", None, "running"),
        ("canceling", None, "canceling"),
        ("succeeded", None, "completed"),
        ("partially_succeeded", None, "completed"),
        ("failed", None, "failed"),
        ("failed", FailureCode.HANDLER_ERROR, "error"),
        ("failed", FailureCode.TIMED_OUT, "failed"),
        ("failed", FailureCode.WORKER_LOST, "failed"),
        ("canceled", None, "canceled"),
    ],
)
def test_a_failure_of_the_users_code_is_an_error_and_any_other_failed(
    state: str, code: FailureCode | None, word: str
) -> None:
    failure = code and Failure(code, "no")
    assert job_document(load("tensorpool"), job(state, failure=failure))["status"] == word


def test_what_the_command_line_reads_of_a_job_and_of_a_list() -> None:
    contract = load("tensorpool")
    _, info, listed, health, healthz = contract.routes
    one = job("failed", started_at=AT, settled_at=after(1), failure=Failure(FailureCode.HANDLER_ERROR, "boom\nat x"))
    body = {
        "job_id": "job_1",
        "kind": "parse",
        "status": "error",
        "stage": None,
        "created_at": "2024-05-01T12:00:00.123Z",
        "started_at": "2024-05-01T12:00:00.123Z",
        "finished_at": "2024-05-01T12:00:01.123Z",
        "progress": 0.0,
        "result": None,
        "error": {"code": "HANDLER_ERROR", "message": "boom"},
    }
    assert success_reply(contract, info, Context(job=one)).body == {
        "message": "Job job_1: error",
        "job_id": "job_1",
        "status": "error",
        "job_info": body,
    }
    page = success_reply(contract, listed, Context(jobs=[one, job(id="job_2")], cursor="7")).body
    assert page["message"] == "job_1  error  parse\njob_2  running  parse"
    assert (page["jobs"][0], page["jobs"][1]["job_id"], page["cursor"]) == (body, "job_2", "7")
    assert success_reply(contract, listed).body == {"message": "", "jobs": []}
    assert success_reply(contract, health).body == {"status": "ok", "message": ""}
    assert success_reply(contract, healthz).body == {"status": "ok"}
