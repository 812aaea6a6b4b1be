"""Layers: every answer, written out."""

from __future__ import annotations

from typing import Any

import pytest

from jobcancel import Registry
from jobcancel.contracts import Context, Ids, Keys, Policies, Tenancy, job_document, load, outcome_reply, success_reply

from .jobs import AT, RATE, after, job, marks, refused, status_and_body

ACCEPTED = {"jobId": "job_1", "accepted": True}
REFUSING = {
    "project_ingest_github": ["opening_pr", "finalizing"],
    "project_ingest_website": ["persisting"],
    "content_generate": ["finalizing"],
    "content_regenerate": ["finalizing"],
    "content_clone_from_post": ["finalizing"],
    "project_keywords_refresh": ["finalizing"],
    "influencer_create": ["persisting"],
    "appstore_ingest": ["persisting"],
    "marketing_bootstrap": [
        "project_create",
        "ingest_website",
        "sdk_app_create",
        "layer_provision",
        "influencer_create",
        "first_content",
        "finalizing",
    ],
    "ad_optimizer_run": ["applying_actions", "finalizing"],
}


def error(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "requestId": "req_1", **more}}


def test_every_row_has_the_status_and_the_mark_of_the_table() -> None:
    assert marks("layers") == {
        "pending_canceled": "i 202",
        "canceling": "e 202",
        "already_canceling": "s 202",
        "already_canceled": "i 200",
        "already_completed": "e 200",
        "already_failed": "i 200",
        "refused": "e 409",
        "not_found": "b 404",
        "forbidden": "s 403",
        "malformed_id": "s 404",
        "unauthenticated": "s 401",
        "rate_limited": "s 429",
        "internal_error": "s 500",
    }


@pytest.mark.parametrize(
    ("case", "status", "body"),
    [
        ("pending_canceled", 202, ACCEPTED),
        ("canceling", 202, ACCEPTED),
        ("already_canceling", 202, ACCEPTED),
        ("already_canceled", 200, {"jobId": "job_1", "accepted": False, "reason": "ALREADY_CANCELED"}),
        ("already_completed", 200, {"jobId": "job_1", "accepted": False, "reason": "ALREADY_COMPLETED"}),
        ("already_failed", 200, {"jobId": "job_1", "accepted": False, "reason": "ALREADY_FAILED"}),
        (
            "refused",
            409,
            error(
                "CONFLICT",
                "Job cannot be canceled during this stage.",
                details={"subcode": "JOB_CANCEL_UNAVAILABLE", "jobId": "job_1", "stage": "opening_pr"},
            ),
        ),
        ("not_found", 404, error("NOT_FOUND", "Job not found.")),
        ("forbidden", 403, error("FORBIDDEN_SCOPE", "The API key lacks the scope jobs:cancel.")),
        ("malformed_id", 404, error("NOT_FOUND", "Job not found.")),
        ("unauthenticated", 401, error("UNAUTHENTICATED", "A valid API key is required.")),
        ("rate_limited", 429, error("RATE_LIMITED", "Too many requests.")),
        ("internal_error", 500, error("INTERNAL_ERROR", "Internal error.")),
    ],
)
def test_an_outcome_has_the_written_reply(case: str, status: int, body: Any) -> None:
    assert status_and_body("layers", case, request_id="req_1", stage="opening_pr") == (status, body)


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("unknown_route", 404, error("NOT_FOUND", "No such route.")),
        ("method_not_allowed", 405, error("METHOD_NOT_ALLOWED", "Method not allowed.")),
        (
            "invalid_request",
            400,
            error(
                "VALIDATION_ERROR",
                "The request is not valid.",
                details={"field": "body", "reason": "The request is not valid."},
            ),
        ),
        (
            "idempotency_conflict",
            409,
            error("IDEMPOTENCY_CONFLICT", "The idempotency key was used with other arguments."),
        ),
        ("closed", 503, error("UNAVAILABLE", "The service is shutting down.")),
    ],
)
def test_an_error_has_the_written_reply(name: str, status: int, body: Any) -> None:
    assert refused("layers", name, request_id="req_1") == (status, body)


def test_a_request_that_is_not_valid_may_say_what_and_where() -> None:
    body = error("VALIDATION_ERROR", "no cursor", details={"cursor": "x"})
    reply = refused("layers", "invalid_request", request_id="req_1", message="no cursor", details={"cursor": "x"})
    assert reply == (400, body)
    placed = refused("layers", "invalid_request", request_id="req_1", message="no cursor", location=("query", "cursor"))
    field = {"field": "cursor", "reason": "no cursor"}
    assert placed == (400, error("VALIDATION_ERROR", "no cursor", details=field))


def test_the_headers_are_those_of_the_row() -> None:
    contract = load("layers")
    assert outcome_reply(contract, "canceling").headers == {}
    assert outcome_reply(contract, "unauthenticated").headers == {"WWW-Authenticate": "Bearer"}
    assert outcome_reply(contract, "rate_limited", Context(rate=RATE)).headers == {"Retry-After": "3"}
    assert outcome_reply(contract, "rate_limited").headers == {}


def test_the_prose_subcode_variant_changes_nothing_else() -> None:
    status, body = status_and_body("layers", "refused", "prose_subcode", request_id="req_1", stage="persisting")
    details = {"subcode": "STAGE_NOT_CANCELABLE", "jobId": "job_1", "stage": "persisting"}
    assert (status, body) == (409, error("CONFLICT", "Job cannot be canceled during this stage.", details=details))
    assert marks("layers", "prose_subcode") == marks("layers")


def test_the_contract_has_the_documents_settings() -> None:
    contract = load("layers")
    assert contract.auth.ways == ({"authorization": "Bearer "},)
    assert contract.auth.cancel_scope == "jobs:cancel"
    assert contract.auth.token_pattern is not None
    assert contract.auth.token_pattern.fullmatch("lp_abc")
    assert not contract.auth.token_pattern.fullmatch("abc")
    assert contract.tenancy == Tenancy(foreign="not_found")
    assert contract.policies == Policies(on_shielded_stage="refuse", via_canceling=False, settle_s=0)
    assert contract.keys == Keys(header="Idempotency-Key", max_length=255)
    assert contract.ids == Ids(pattern=contract.ids.pattern, mint="job_{ulid}", request="req_{ulid}", called="jobId")
    assert contract.ids.pattern.fullmatch("job_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    for wrong in ("job_81ARZ3NDEKTSV4RRFFQ69G5FAV", "job_01ARZ3NDEKTSV4RRFFQ69G5FAU", "01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        assert contract.ids.pattern.fullmatch(wrong) is None


def test_the_routes_are_absolute_and_only_the_poll_has_an_etag() -> None:
    routes = [(r.op, r.methods, r.path, r.etag, r.wait_parameter, r.authenticated) for r in load("layers").routes]
    assert routes == [
        ("cancel", ("POST",), "/v1/jobs/{job_id}/cancel", False, None, True),
        ("get", ("GET",), "/v1/jobs/{job_id}", True, None, True),
    ]


def test_the_states_read_as_layers_words() -> None:
    assert {state.value: word for state, word in load("layers").statuses.items()} == {
        "pending": "running",
        "running": "running",
        "canceling": "running",
        "succeeded": "completed",
        "partially_succeeded": "completed",
        "failed": "failed",
        "canceled": "canceled",
    }


def test_a_polled_job_is_the_document() -> None:
    contract = load("layers")
    done = job("succeeded", kind="content_generate", started_at=AT, settled_at=after(2), result={"id": 7})
    body = {
        "jobId": "job_1",
        "kind": "content_generate",
        "status": "completed",
        "stage": None,
        "progress": 1.0,
        "startedAt": "2024-05-01T12:00:00.123Z",
        "finishedAt": "2024-05-01T12:00:02.123Z",
        "result": {"id": 7},
        "error": None,
    }
    assert job_document(contract, done) == body
    assert success_reply(contract, contract.routes[1], Context(job=done)).body == body


def test_the_ten_kinds_load_with_the_stages_that_refuse() -> None:
    registry = Registry.from_mapping({"kinds": load("layers").kinds})
    refusing = {
        kind.name: [stage.name for stage in kind.spec.stages if stage.on_cancel == "refuse"] for kind in registry
    }
    assert refusing == REFUSING
    assert {kind.spec.strict for kind in registry} == {False}  # every other stage can be canceled
    between = {kind.name: kind.spec.on_cancel.value for kind in registry}
    assert between == {**dict.fromkeys(REFUSING, "interrupt"), "marketing_bootstrap": "refuse"}


def test_credits_are_reversed_for_a_canceled_job_alone_and_not_past_finalizing() -> None:
    kind = Registry.from_mapping({"kinds": load("layers").kinds})["content_generate"]
    assert kind.spec.compensate_on == {"canceled"}
    assert kind.stages["finalizing"].commits


def test_a_bootstrap_that_failed_is_the_prior_job_unless_the_variant_restarts_it() -> None:
    def restarting(*variants: str) -> list[str]:
        registry = Registry.from_mapping({"kinds": load("layers", variants=variants).kinds})
        return [kind.name for kind in registry if "failed" in kind.spec.rerun_on]

    assert restarting() == []
    assert restarting("bootstrap_retry_restarts") == ["marketing_bootstrap"]
