"""The vendors' schemas find what is wrong: an answer as the document has it passes, no way to spoil it does."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.conformance.client import Answer
from tests.conformance.validation import schema_of

ULID: Final = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
UUID: Final = "7f9c24e8-3b12-4fef-91e0-56a2d5a0e4b1"
AT: Final = "2027-01-15T08:00:00.250Z"
GONE: Final = object()
"""In place of a value: the field is not there."""

LAYERS_409: Final[dict[str, Any]] = {
    "error": {
        "code": "CONFLICT",
        "message": "Job cannot be canceled during this stage.",
        "requestId": "req_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "details": {"subcode": "JOB_CANCEL_UNAVAILABLE", "jobId": ULID, "stage": "finalizing"},
    }
}
DAFTY_JOB: Final[dict[str, Any]] = {
    "data": {
        "id": UUID,
        "type": "video.generate",
        "status": "completed",
        "createdAt": AT,
        "result": {"video": {"id": UUID, "url": "u", "durationSeconds": 4.5, "width": None}},
    }
}
DAFTY_FAILED: Final[dict[str, Any]] = {
    "data": {
        "id": UUID,
        "type": "style.extract",
        "status": "failed",
        "createdAt": AT,
        "error": {"code": "EXTRACTION_FAILED", "message": "no"},
    }
}
DAFTY_400: Final[dict[str, Any]] = {
    "error": {"message": "no", "code": "VALIDATION_ERROR", "details": {"field": "id", "reason": "no UUID"}}
}
DEX_JOB: Final[dict[str, Any]] = {
    "id": "job_1",
    "object": "job",
    "project_id": "proj_1",
    "operation": "batch_parse",
    "status": "cancelled",
    "created_at": AT,
    "completed_at": None,
    "result": None,
    "error": None,
    "progress": {
        "total": 1,
        "succeeded": 0,
        "failed": 0,
        "cancelled": 1,
        "pending": 0,
        "child_jobs": [{"source_document_id": "d", "job_id": "job_2", "status": "cancelled", "error": None}],
    },
    "history": [{"step": "ocr", "timestamp": AT, "duration_ms": 3, "status": "cancelled", "details": {"n": 1}}],
}
DETAIL_422: Final[dict[str, Any]] = {"detail": [{"loc": ["query", "limit"], "msg": "no", "type": "value_error"}]}

DEX_PATH: Final = "/v1/projects/proj_1/jobs/job_1/cancel"
GOOD: Final[dict[str, tuple[str, str, str, int, Any]]] = {
    "layers 202": ("layers", "POST", f"/v1/jobs/{ULID}/cancel", 202, {"jobId": ULID, "accepted": True}),
    "layers 409": ("layers", "POST", f"/v1/jobs/{ULID}/cancel", 409, LAYERS_409),
    "tensorpool 202": (
        *("tensorpool", "POST", "/job/cancel/j", 202),
        {"job_id": "j", "message": "m", "status": "canceling"},
    ),
    "tensorpool 422": ("tensorpool", "GET", "/job/list?limit=x", 422, DETAIL_422),
    "tensorpool 404": ("tensorpool", "POST", "/job/cancel/j", 404, {"message": "m"}),
    "dafty 200": ("dafty", "POST", f"/api/v1/jobs/{UUID}/cancel", 200, DAFTY_JOB),
    "dafty failed": ("dafty", "GET", f"/api/v1/jobs/{UUID}", 200, DAFTY_FAILED),
    "dafty 400": ("dafty", "GET", "/api/v1/jobs/x", 400, DAFTY_400),
    "dex 200": ("dex", "POST", DEX_PATH, 200, DEX_JOB),
    "dex 422": ("dex", "POST", DEX_PATH, 422, DETAIL_422),
    "sutro 200": ("sutro", "POST", "/job-cancel/j", 200, {"cancelled": False, "message": "Job j not found"}),
}
SPOILED: Final[list[tuple[str, str, Any]]] = [
    ("layers 202", "jobId", "job_1"),
    ("layers 202", "accepted", False),
    ("layers 202", "reason", "ALREADY_COMPLETED"),
    ("layers 409", "error.code", "STAGE"),
    ("layers 409", "error.requestId", "7"),
    ("layers 409", "error.details.subcode", "NO"),
    ("layers 409", "error.details.stage", GONE),
    ("layers 409", "error.details", GONE),
    ("layers 409", "error.hint", "x"),
    ("tensorpool 202", "status", "canceled"),
    ("tensorpool 202", "message", GONE),
    ("tensorpool 202", "job_id", None),
    ("tensorpool 422", "detail.0.loc", ["query"]),
    ("tensorpool 422", "detail.0.type", GONE),
    ("tensorpool 404", "message", None),
    ("dafty 200", "data", None),
    ("dafty 200", "data.id", ULID),
    ("dafty 200", "data.status", "canceled"),
    ("dafty 200", "data.type", "video"),
    ("dafty 200", "data.createdAt", "2027-01-15T08:00:00+00:00"),
    ("dafty 200", "data.createdAt", "2027-02-30T08:00:00Z"),
    ("dafty 200", "data.createdAt", "yesterday"),
    ("dafty 200", "data.error", {"code": "GENERATION_FAILED", "message": "m"}),
    ("dafty 200", "data.extra", 1),
    ("dafty 200", "data.result.video.width", 1.5),
    ("dafty 200", "data.result.video.bitrate", 9),
    ("dafty 200", "data.result.audio", {}),
    ("dafty failed", "data.error.code", "GENERATION_FAILED"),
    ("dafty 400", "error.details", GONE),
    ("dafty 400", "error.details.reason", GONE),
    ("dafty 400", "error.code", "NOT_FOUND"),
    ("dafty 400", "error.code", "WRONG"),
    ("dex 200", "object", GONE),
    ("dex 200", "project_id", None),
    ("dex 200", "status", "canceled"),
    ("dex 200", "status", "running"),
    ("dex 200", "operation", "plain"),
    ("dex 200", "result", [1]),
    ("dex 200", "error", {"message": "m"}),
    ("dex 200", "history.0.duration_ms", 2.5),
    ("dex 200", "history.0.status", "canceled"),
    ("dex 200", "history.0.timestamp", GONE),
    ("dex 200", "progress.pending", 1),
    ("dex 200", "progress.child_jobs.0.source_document_id", GONE),
    ("dex 200", "progress.child_jobs.0.status", "canceled"),
    ("dex 422", "detail", "no"),
    ("sutro 200", "cancelled", "no"),
    ("sutro 200", "status", 404),
]


def problems(
    vendor: str, method: str, target: str, status: int, body: Any, kind: str = "application/json"
) -> list[str]:
    headers = (("content-type", kind), ("x-request-id", "r"))
    return schema_of(vendor).problems(method, target, Answer(status, headers, json.dumps(body).encode()))


def spoiled(body: Any, path: str, value: object) -> Any:
    """Return a copy of a document with another value at a path."""
    copied = json.loads(json.dumps(body))
    place, names = copied, path.split(".")
    for name in names[:-1]:
        place = place[int(name) if name.isdigit() else name]
    if value is GONE:
        del place[names[-1]]
    else:
        place[names[-1]] = value
    return copied


@pytest.mark.parametrize("name", GOOD)
def test_a_documented_answer_passes(name: str) -> None:
    assert problems(*GOOD[name]) == []


@pytest.mark.parametrize(("name", "path", "value"), SPOILED)
def test_an_undocumented_answer_is_found(name: str, path: str, value: object) -> None:
    vendor, method, target, status, body = GOOD[name]
    assert problems(vendor, method, target, status, spoiled(body, path, value))


def test_an_undocumented_success_is_found() -> None:
    vendor, method, target, _, body = GOOD["dafty 200"]
    assert problems(vendor, method, target, 202, body)


def test_another_type_of_content_and_a_body_where_there_is_none_are_found() -> None:
    assert problems(*GOOD["layers 202"], kind="text/plain")
    entity = Answer(202, (("content-type", "application/json"), ("x-request-id", "r")), b"{}")
    assert schema_of("dex", ("empty_202",)).problems("POST", DEX_PATH, entity)
    assert schema_of("dex", ("empty_202",)).problems("POST", DEX_PATH, Answer(202, (("x-request-id", "r"),), b"")) == []


@pytest.mark.parametrize("missing", ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"])
def test_daftys_rate_limit_has_four_whole_numbers(missing: str) -> None:
    names = ("retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    always = (("content-type", "application/json"), ("x-request-id", "r"))
    body = json.dumps({"error": {"message": "m", "code": "RATE_LIMIT_ERROR"}}).encode()

    def rate_limited(headers: tuple[tuple[str, str], ...]) -> list[str]:
        return schema_of("dafty").problems("POST", f"/api/v1/jobs/{UUID}/cancel", Answer(429, headers, body))

    assert rate_limited((*always, *((name, "30") for name in names))) == []
    assert rate_limited((*always, *((name, "30") for name in names if name != missing)))
    assert rate_limited((*always, *((name, "29.2" if name == missing else "30") for name in names)))
