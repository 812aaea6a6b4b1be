"""Dafty: every answer, written out."""

from __future__ import annotations

from typing import Any

import pytest

from jobcancel import Failure, FailureCode
from jobcancel.contracts import Context, Keys, Policies, Tenancy, job_document, load, outcome_reply, success_reply

from .jobs import RATE, job, marks, refused, status_and_body

ID = "6f1c1f0e-8a55-4e8e-9d6a-0c1f4f6e2b11"
FAILED = {"code": "GENERATION_FAILED", "message": "The job was canceled."}


def dafty(state: str, kind: str = "image_generate", **fields: Any) -> Any:
    return job(state, id=ID, kind=kind, **fields)


def shown(status: str, kind: str = "image.generate", **more: Any) -> dict[str, Any]:
    return {"id": ID, "type": kind, "status": status, "createdAt": "2024-05-01T12:00:00.123Z", **more}


def error(message: str, code: str | None = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **({} if code is None else {"code": code}), **more}}


def test_every_row_has_the_status_and_the_mark_of_the_table() -> None:
    assert marks("dafty") == {
        "pending_canceled": "i 200",
        "canceling": "i 200",
        "already_canceling": "s 200",
        "already_canceled": "s 200",
        "already_completed": "s 200",
        "already_failed": "s 200",
        "refused": "s 200",
        "not_found": "e 404",
        "forbidden": "s 404",
        "malformed_id": "i 400!",
        "unauthenticated": "b 401",
        "rate_limited": "e 429",
        "internal_error": "i 500!",
    }


@pytest.mark.parametrize(
    ("case", "state", "job_fields"),
    [
        ("pending_canceled", "canceled", shown("failed", error=FAILED)),
        ("canceling", "canceling", shown("processing")),
        ("canceling", "canceled", shown("failed", error=FAILED)),
        ("already_canceling", "canceling", shown("processing")),
        ("already_canceled", "canceled", shown("failed", error=FAILED)),
        ("already_completed", "succeeded", shown("completed")),
        ("already_failed", "failed", shown("failed", error={"code": "GENERATION_FAILED", "message": ""})),
        ("refused", "running", shown("processing")),
    ],
)
def test_every_known_job_answers_200_with_itself(case: str, state: str, job_fields: Any) -> None:
    assert status_and_body("dafty", case, job=dafty(state), job_id=ID) == (200, {"data": job_fields})


def test_a_retired_job_is_null() -> None:
    assert status_and_body("dafty", "already_completed") == (200, {"data": None})


@pytest.mark.parametrize(
    ("case", "status", "body"),
    [
        ("not_found", 404, error("Job not found.", "NOT_FOUND")),
        ("forbidden", 404, error("Job not found.", "NOT_FOUND")),
        (
            "malformed_id",
            400,
            error(
                "The job id is not a UUID.",
                "VALIDATION_ERROR",
                details={"field": "id", "reason": "The job id is not a UUID."},
            ),
        ),
        ("unauthenticated", 401, error("A valid API key is required.", "UNAUTHORIZED")),
        ("rate_limited", 429, error("Too many requests.", "RATE_LIMIT_ERROR")),
        ("internal_error", 500, error("Internal error.", "INTERNAL_ERROR")),
    ],
)
def test_an_error_has_the_closed_form_and_details_only_on_validation(case: str, status: int, body: Any) -> None:
    assert status_and_body("dafty", case) == (status, body)


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("unknown_route", 404, error("No such route.", "NOT_FOUND")),
        ("method_not_allowed", 405, error("Method not allowed.")),
        ("invalid_request", 400, error("bad", "VALIDATION_ERROR", details={"field": "limit", "reason": "bad"})),
        ("idempotency_conflict", 409, error("The idempotency key was used with other arguments.")),
        ("closed", 503, error("The service is shutting down.")),
    ],
)
def test_an_error_has_the_written_reply(name: str, status: int, body: Any) -> None:
    facts = {"message": "bad", "location": ("query", "limit")} if name == "invalid_request" else {}
    assert refused("dafty", name, **facts) == (status, body)


def test_a_rate_limit_is_shown_in_four_whole_numbers() -> None:
    assert outcome_reply(load("dafty"), "rate_limited", Context(rate=RATE)).headers == {
        "Retry-After": "3",
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "13",
    }


def test_method_not_allowed_names_the_allowed_methods() -> None:
    contract = load("dafty")
    assert refused("dafty", "method_not_allowed")[0] == 405
    assert contract.errors["method_not_allowed"].headers == {"Allow": "$allow"}


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("already_canceled", "The job has already been canceled."),
        ("already_completed", "The job has already completed."),
        ("already_failed", "The job has already failed."),
    ],
)
def test_a_job_that_has_ended_is_409_in_the_variant_alone(case: str, message: str) -> None:
    assert status_and_body("dafty", case, "terminal_409", job=dafty("canceled")) == (409, error(message))
    changed = dict.fromkeys(("already_canceled", "already_completed", "already_failed"), "s 409!")
    assert marks("dafty", "terminal_409") == {**marks("dafty"), **changed}


def test_a_malformed_id_is_404_in_the_variant_alone() -> None:
    reply = status_and_body("dafty", "malformed_id", "malformed_404")
    assert reply == (404, error("Job not found.", "NOT_FOUND"))
    assert status_and_body("dafty", "not_found", "malformed_404") == reply  # a client cannot distinguish the two
    assert marks("dafty", "malformed_404") == {**marks("dafty"), "malformed_id": "i 404"}


def test_the_contract_has_the_documents_settings() -> None:
    contract = load("dafty")
    assert contract.auth.ways == ({"x-api-key": ""}, {"authorization": "Bearer "})
    assert contract.tenancy == Tenancy(foreign="not_found")
    assert contract.policies == Policies(on_shielded_stage="defer", settle_s=10)
    assert contract.keys == Keys(header="Idempotency-Key", max_length=255)
    assert contract.ids.mint == "{uuid}"
    assert contract.ids.pattern.fullmatch(ID)
    assert not contract.ids.pattern.fullmatch(ID[:-1])
    assert contract.ids.pattern.fullmatch(ID.upper())
    assert (contract.ids.fits(ID), contract.ids.fits(ID.upper()), contract.ids.fits(ID[:-1])) == (True, False, False)
    assert (contract.ids.ignore_case, contract.ids.called) == (True, "id")


def test_the_routes_are_below_api_v1_and_a_poll_may_wait() -> None:
    routes = [(r.op, r.methods, r.path, r.wait_parameter, r.wait_s) for r in load("dafty").routes]
    assert routes == [
        ("cancel", ("POST",), "/api/v1/jobs/{job_id}/cancel", None, 0),
        ("get", ("GET",), "/api/v1/jobs/{job_id}", "wait", 55),
        ("list", ("GET",), "/api/v1/jobs", None, 0),
    ]


def test_a_poll_and_a_page_carry_their_jobs_as_data() -> None:
    contract = load("dafty")
    _, get, listed = contract.routes
    assert success_reply(contract, get, Context(job=dafty("pending"))).body == {"data": shown("pending")}
    page = success_reply(contract, listed, Context(jobs=[dafty("running")], cursor="9")).body
    assert page == {"data": [shown("processing")], "cursor": "9"}


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("image_generate", "image.generate"),
        ("image_edit", "image.edit"),
        ("image_resize", "image.resize"),
        ("image_upscale", "image.upscale"),
        ("video_generate", "video.generate"),
        ("style_extract", "style.extract"),
    ],
)
def test_a_kind_is_shown_in_daftys_words(kind: str, word: str) -> None:
    assert job_document(load("dafty"), dafty("pending", kind)) == shown("pending", word)


@pytest.mark.parametrize(
    ("result", "form"),
    [
        (
            {"images": [{"id": "i1", "url": "u1"}, {"id": "i2", "url": "u2", "width": 64, "height": 32, "seed": 1}]},
            {
                "images": [
                    {"id": "i1", "url": "u1", "width": None, "height": None},
                    {"id": "i2", "url": "u2", "width": 64, "height": 32},
                ]
            },
        ),
        ({"images": []}, {"images": []}),
        (
            {"video": {"id": "other", "url": "u", "durationSeconds": 2.5}},
            {
                "video": {
                    "id": ID,
                    "url": "u",
                    "durationSeconds": 2.5,
                    "thumbnailUrl": None,
                    "width": None,
                    "height": None,
                }
            },
        ),
        ({"style": {"id": "s1", "weights": [1]}}, {"style": {"id": "s1"}}),
        ("no form at all", {}),
    ],
)
def test_a_result_has_its_closed_form_with_nulls_filled_in(result: Any, form: Any) -> None:
    assert job_document(load("dafty"), dafty("succeeded", result=result)) == shown("completed", result=form)


def test_a_failed_or_canceled_style_says_extraction_failed() -> None:
    contract = load("dafty")
    canceled = job_document(contract, dafty("canceled", "style_extract"))
    assert canceled["error"] == {"code": "EXTRACTION_FAILED", "message": "The job was canceled."}
    failed = job_document(contract, dafty("failed", "style_extract", failure=Failure(FailureCode.TIMED_OUT, "late")))
    assert failed["error"] == {"code": "EXTRACTION_FAILED", "message": "late"}
