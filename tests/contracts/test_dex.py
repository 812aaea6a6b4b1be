"""Scale Dex: every answer, written out."""

from __future__ import annotations

from typing import Any

import pytest

from jobcancel import (
    BatchProgress,
    CancelCause,
    CancelStatus,
    Failure,
    FailureCode,
    HistoryEntry,
    Outcome,
    Progress,
)
from jobcancel.contracts import Context, Policies, Tenancy, job_document, load, outcome_reply, success_reply

from .jobs import AT, RATE, after, job, marks, refused, status_and_body

LABELS = {"project_id": "p1"}


def entity(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "job_1",
        "object": "job",
        "project_id": "p1",
        "operation": "parse",
        "status": status,
        "source_id": None,
        "correlation_id": None,
        "created_at": "2024-05-01T12:00:00.123456Z",
        "started_at": None,
        "completed_at": None,
        "result": None,
        "error": None,
        "progress": None,
        "history": [],
        **more,
    }


def test_every_row_has_the_status_and_the_mark_of_the_table() -> None:
    assert marks("dex") == {
        "pending_canceled": "e 200",
        "canceling": "b 202",
        "already_canceling": "s 202",
        "already_canceled": "e 200",
        "already_completed": "b 400",
        "already_failed": "b 400",
        "refused": "s 409!",
        "not_found": "b 404",
        "forbidden": "s 404",
        "malformed_id": "s 404",
        "unauthenticated": "s 401!",
        "rate_limited": "s 429!",
        "internal_error": "s 500!",
    }


@pytest.mark.parametrize(
    ("case", "state", "status", "body"),
    [
        ("pending_canceled", "canceled", 200, entity("cancelled")),
        ("canceling", "canceling", 202, entity("running")),
        ("already_canceling", "canceling", 202, entity("running")),
        ("already_canceled", "canceled", 200, entity("cancelled")),
        ("already_completed", "succeeded", 400, {"detail": "Job cannot be cancelled: it has already completed"}),
        ("already_failed", "failed", 400, {"detail": "Job cannot be cancelled: it has already failed"}),
        ("refused", "running", 409, {"detail": "Job cannot be cancelled in its current stage"}),
        ("not_found", "running", 404, {"detail": "Job not found"}),
        ("forbidden", "running", 404, {"detail": "Job not found"}),
        ("malformed_id", "running", 404, {"detail": "Job not found"}),
        ("unauthenticated", "running", 401, {"detail": "A valid API key and account are required"}),
        ("rate_limited", "running", 429, {"detail": "Too many requests"}),
        ("internal_error", "running", 500, {"detail": "Internal server error"}),
    ],
)
def test_an_outcome_has_the_written_reply(case: str, state: str, status: int, body: Any) -> None:
    assert status_and_body("dex", case, job=job(state, labels=LABELS)) == (status, body)


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("unknown_route", 404, {"detail": "Not found"}),
        ("method_not_allowed", 405, {"detail": "Method not allowed"}),
        ("invalid_request", 422, {"detail": [{"loc": ["query", "limit"], "msg": "bad", "type": "value_error"}]}),
        ("idempotency_conflict", 409, {"detail": "The idempotency key was used with other arguments"}),
        ("closed", 503, {"detail": "The service is shutting down"}),
    ],
)
def test_an_error_has_the_written_reply(name: str, status: int, body: Any) -> None:
    facts = {"message": "bad", "location": ("query", "limit")} if name == "invalid_request" else {}
    assert refused("dex", name, **facts) == (status, body)


def test_a_running_jobs_202_has_no_body_in_the_variant_alone() -> None:
    contract = load("dex", variants=["empty_202"])
    for case in ("canceling", "already_canceling"):
        answered = outcome_reply(contract, case, Context(job=job("canceling", labels=LABELS)))
        assert (answered.status, answered.body, answered.content) == (202, None, b"")
    assert status_and_body("dex", "pending_canceled", "empty_202", job=job("canceled", labels=LABELS))[1] == entity(
        "cancelled"
    )
    assert marks("dex", "empty_202") == marks("dex")


def test_the_contract_has_the_documents_settings() -> None:
    contract = load("dex")
    assert contract.auth.ways == ({"x-api-key": "", "x-selected-account-id": ""},)
    assert next(iter(contract.auth.ways[0])) == "x-api-key"  # the first carries the token
    assert contract.tenancy == Tenancy(foreign="not_found", labels={"project_id": "project_id"})
    assert contract.policies == Policies(on_shielded_stage="defer", canceled_at_once=True)
    assert contract.keys is None
    assert outcome_reply(contract, "unauthenticated").headers == {"WWW-Authenticate": "ApiKey"}
    assert outcome_reply(contract, "rate_limited", Context(rate=RATE)).headers == {"Retry-After": "3"}
    assert [(r.op, r.methods, r.path) for r in contract.routes] == [
        ("cancel", ("POST",), "/v1/projects/{project_id}/jobs/{job_id}/cancel"),
        ("get", ("GET",), "/v1/projects/{project_id}/jobs/{job_id}"),
    ]
    assert success_reply(contract, contract.routes[1], Context(job=job(labels=LABELS))).body == entity("running")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("pending", "pending"),
        ("running", "running"),
        ("canceling", "running"),
        ("succeeded", "succeeded"),
        ("partially_succeeded", "partially_succeeded"),
        ("failed", "failed"),
        ("canceled", "cancelled"),
    ],
)
def test_a_state_is_shown_in_dexs_words(state: str, word: str) -> None:
    assert job_document(load("dex"), job(state))["status"] == word


def test_the_nine_operations_are_known() -> None:
    operations = "parse batch_parse extract research vector_store chunk summarization create_index update_index"
    assert list(load("dex").kind_words.values()) == operations.split()


def test_an_entity_has_every_field() -> None:
    labels = {**LABELS, "source_id": "s1", "correlation_id": "c1"}
    history = (HistoryEntry("started", after(1), None, "running", {}), HistoryEntry("ocr", AT, 2.6, "done", {"n": 1}))
    failed = job(
        "failed",
        labels=labels,
        started_at=after(1),
        settled_at=after(2),
        result={"pages": 1},
        failure=Failure(FailureCode.HANDLER_ERROR, "boom", {"type": "X", "traceback": "secret"}),
        history=history,
    )
    assert job_document(load("dex"), failed) == entity(
        "failed",
        source_id="s1",
        correlation_id="c1",
        started_at="2024-05-01T12:00:01.123456Z",
        completed_at="2024-05-01T12:00:02.123456Z",
        result={"pages": 1},
        error="boom",
        history=[
            {
                "step": "started",
                "timestamp": "2024-05-01T12:00:01.123456Z",
                "duration_ms": None,
                "status": "running",
                "details": None,
            },
            {
                "step": "ocr",
                "timestamp": "2024-05-01T12:00:00.123456Z",
                "duration_ms": 3,
                "status": "done",
                "details": {"n": 1},
            },
        ],
    )


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (None, None),
        ({"pages": 1}, {"pages": 1}),
        ({}, {}),
        ([1], {"value": [1]}),
        ("text", {"value": "text"}),
        (0, {"value": 0}),
        (False, {"value": False}),
        (object, {"value": "<class 'object'>"}),
    ],
)
def test_a_result_is_an_object_or_null(result: Any, shown: Any) -> None:
    assert job_document(load("dex"), job("succeeded", labels=LABELS, result=result))["result"] == shown


def canceled_while_pending(state: str, **fields: Any) -> Any:
    cancel = CancelStatus(
        CancelCause.USER, None, "ada", AT, Outcome.CANCELING, None, False, False, False, False, False, False, False
    )
    history = (HistoryEntry("cancel_accepted", AT, None, "canceling", {}),)
    return job(state, labels=LABELS, cancel=cancel, history=history, **fields)


ACCEPTED = {"step": "cancel_accepted", "timestamp": "2024-05-01T12:00:00.123456Z", "duration_ms": None, "details": None}


@pytest.mark.parametrize(("state", "fields"), [("canceling", {}), ("canceled", {"settled_at": after(9)})])
def test_a_job_canceled_while_pending_is_cancelled_from_the_request_on(state: str, fields: dict[str, Any]) -> None:
    assert job_document(load("dex"), canceled_while_pending(state, **fields)) == entity(
        "cancelled", completed_at="2024-05-01T12:00:00.123456Z", history=[{**ACCEPTED, "status": "cancelled"}]
    )


def test_a_job_canceled_while_it_ran_is_running_until_it_has_stopped() -> None:
    running = job_document(load("dex"), canceled_while_pending("canceling", started_at=AT))
    assert (running["status"], running["completed_at"]) == ("running", None)
    assert running["history"] == [{**ACCEPTED, "status": "running"}]


@pytest.mark.parametrize(("pending", "word"), [(0, "cancelled"), (1, "running")])
def test_a_job_pending_for_another_attempt_is_cancelled_once_no_child_runs(pending: int, word: str) -> None:
    batch = BatchProgress(2, 0, 0, 2 - pending, pending, ("job_2", "job_3"))
    waiting = canceled_while_pending("canceling", attempt=2, progress=Progress(0, 2, None, batch))
    assert job_document(load("dex"), waiting)["status"] == word


def test_a_history_is_in_dexs_words_and_a_notes_name_is_the_hosts() -> None:
    steps = [("cancel_accepted", "canceling"), ("ocr", "canceled"), ("unwound", "canceled"), ("canceled", "noted")]
    history = tuple(HistoryEntry(step, AT, None, status, {}) for step, status in steps)
    told = job_document(load("dex"), job("canceled", labels=LABELS, started_at=AT, history=history))["history"]
    assert [(entry["step"], entry["status"]) for entry in told] == [
        ("cancel_accepted", "running"),
        ("ocr", "cancelled"),
        ("unwound", "cancelled"),
        ("canceled", "noted"),
    ]


def test_a_batch_shows_its_counts_and_the_children_that_were_looked_up() -> None:
    batch = BatchProgress(4, 1, 1, 0, 2, ("job_2", "job_3", "job_4", "job_5"))
    parent = job(labels=LABELS, kind="batch_parse", progress=Progress(2, 4, None, batch))
    children = [
        job("failed", id="job_3", failure=Failure(FailureCode.HANDLER_ERROR, "no text")),
        job("succeeded", id="job_2", labels={"source_document_id": "d2"}, result={"parse_result_id": "r2"}),
        job("canceling", id="job_4"),
        job("running", id="job_9"),  # no child of this batch
    ]
    progress = {
        "total": 4,
        "succeeded": 1,
        "failed": 1,
        "cancelled": 0,
        "pending": 2,
        "child_jobs": [
            {"source_document_id": "d2", "job_id": "job_2", "status": "succeeded", "parse_result_id": "r2"},
            {"source_document_id": "job_3", "job_id": "job_3", "status": "failed", "error": "no text"},
            {"source_document_id": "job_4", "job_id": "job_4", "status": "running"},
        ],
    }
    assert job_document(load("dex"), parent, children) == entity("running", operation="batch_parse", progress=progress)
    assert job_document(load("dex"), parent)["progress"] == {**progress, "child_jobs": []}
    assert status_and_body("dex", "canceling", job=parent, jobs=children)[1]["progress"] == progress
