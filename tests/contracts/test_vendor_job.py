"""A job in a contract's words: what every vendor's document is made of, and what may never stand in one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta, timezone
from math import inf, nan
from typing import Any

import pytest
from attrs import evolve

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
from jobcancel.contracts import Contract, Reply, Timestamps, job_document, load

from .bare import changed
from .jobs import AT, job

FIELDS = {
    "status": "$job.status",
    "progress": "$job.progress",
    "result": "$job.result",
    "failure": "$job.failure",
    "error_code": "$job.error_code",
    "history": "$job.history",
    "reason": "$job.reason",
    "at": "$job.created_at",
    "children": "$job.children",
}


def fields(contract: Contract | None = None, **job_fields: Any) -> dict[str, Any]:
    """Return a job's words in the bare contract."""
    return job_document(contract or load(changed("document", FIELDS)), job(**job_fields))


@pytest.mark.parametrize(
    ("digits", "zone", "text"),
    [
        (0, "Z", "2024-05-01T12:00:00Z"),
        (3, "Z", "2024-05-01T12:00:00.123Z"),
        (6, "+00:00", "2024-05-01T12:00:00.123456+00:00"),
    ],
)
def test_a_timestamp_is_in_utc_with_the_contracts_digits(digits: Any, zone: Any, text: str) -> None:
    contract = evolve(load(changed("document", FIELDS)), timestamps=Timestamps(digits=digits, zone=zone))
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert fields(contract, created_at=elsewhere)["at"] == text


@pytest.fixture
def host_in_india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "IST-5:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="NOT RUN: no way to change this process's time zone")
@pytest.mark.usefixtures("host_in_india")
def test_no_timestamp_has_the_hosts_time_zone() -> None:
    assert AT.astimezone().hour == 17
    assert fields()["at"] == "2024-05-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("state", "progress", "fraction"),
    [
        ("pending", None, 0.0),
        ("running", None, 0.0),
        ("running", Progress(3, 4), 0.75),
        ("running", Progress(5, 4), 1.0),
        ("running", Progress(-1, 4), 0.0),
        ("running", Progress(3, None), 0.0),
        ("running", Progress(3, 0), 0.0),
        ("running", Progress(nan, 4), 0.0),
        ("running", Progress(inf, 4), 0.0),
        ("succeeded", Progress(1, 4), 1.0),
        ("partially_succeeded", None, 1.0),
        ("failed", Progress(1, 4), 0.25),
        ("canceled", Progress(1, 4), 0.25),
    ],
)
def test_a_fraction_is_between_0_and_1(state: str, progress: Progress | None, fraction: float) -> None:
    assert fields(state=state, progress=progress)["progress"]["fraction"] == fraction


def test_progress_is_shown_unchanged() -> None:
    none = {"done": None, "total": None, "message": None, "batch": None, "fraction": 0.0}
    assert fields()["progress"] == none
    assert fields(progress=Progress(1, 4, "page 1"))["progress"] == {
        "done": 1,
        "total": 4,
        "message": "page 1",
        "batch": None,
        "fraction": 0.25,
    }
    assert fields(progress=Progress(nan, inf))["progress"] == none


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"a": (1, [2.5, None]), "b": {"c": True}}, {"a": [1, [2.5, None]], "b": {"c": True}}),
        ([nan, inf, {"x": -inf}], [None, None, {"x": None}]),
        ({1, }, "{1}"),
        ({"a": {5: 1}}, {"a": "{5: 1}"}),
    ],
)  # fmt: skip
def test_a_result_is_shown_as_plain_json(result: Any, shown: Any) -> None:
    body = fields(state="succeeded", result=result)["result"]
    assert body == shown
    assert json.loads(Reply(200, {}, body).content) == shown


def test_a_failure_is_one_line_without_a_traceback() -> None:
    failure = Failure(FailureCode.HANDLER_ERROR, "boom\n  at secret.py", {"type": "app.X", "traceback": "secret"})
    history = (
        HistoryEntry("refund", AT, 1.0, "CLEANUP_FAILED", {"type": "app.X", "traceback": "secret", "message": "no"}),
        HistoryEntry("close", AT, 1.0, "CLEANUP_FAILED", {"type": "app.X", "traceback": "secret"}),
        HistoryEntry("note", AT, None, "noted", {"type": "kept"}),
    )
    body = fields(state="failed", failure=failure, history=history)
    assert body["failure"] == {"code": "HANDLER_ERROR", "message": "boom"}
    assert body["error_code"] == "HANDLER_ERROR"
    assert [entry["details"] for entry in body["history"]] == [{"message": "no"}, None, {"type": "kept"}]
    assert "secret" not in json.dumps(body)


@pytest.mark.parametrize("state", ["pending", "running", "canceling", "succeeded", "partially_succeeded", "canceled"])
def test_a_job_that_did_not_fail_has_no_failure(state: str) -> None:
    body = fields(state=state)
    assert (body["failure"], body["error_code"]) == (None, None)


def test_a_failed_job_without_a_failure_record_shows_a_failure() -> None:
    assert fields(state="failed")["failure"] == {"code": "HANDLER_ERROR", "message": ""}


def test_a_vendors_codes_go_by_kind() -> None:
    data = changed("document", FIELDS)
    contract = load(data | {"failures": {"codes": {"default": "X", "parse": "Y"}, "canceled": "stopped"}})
    assert fields(contract, state="failed")["error_code"] == "Y"
    assert fields(contract, state="failed", kind="other")["error_code"] == "X"
    assert fields(contract, state="canceled")["failure"] == {"code": "Y", "message": "stopped"}
    assert fields(contract, state="succeeded")["failure"] is None


def test_the_reason_of_a_cancel_is_shown() -> None:
    cancel = CancelStatus(
        CancelCause.USER, "too slow", "ada", AT, Outcome.CANCELING, AT, False, False, False, False, True, False, False
    )
    assert fields(state="canceled", cancel=cancel)["reason"] == "too slow"


def test_children_shown_whole_are_documents_and_grandchildren_are_not_followed() -> None:
    batch = Progress(0, 1, None, BatchProgress(1, 0, 0, 0, 1, ("job_2",)))
    inner = Progress(0, 1, None, BatchProgress(1, 0, 0, 0, 1, ("job_1",)))
    contract = load(changed("document", {"id": "$job.id", "children": "$job.children"}))
    shown = job_document(contract, job(progress=batch), [job(id="job_2", progress=inner)])
    assert shown == {"id": "job_1", "children": [{"id": "job_2", "children": []}]}


def test_a_batch_has_its_counts_and_its_childrens_ids() -> None:
    batch = BatchProgress(6, 3, 1, 2, 0, ("job_2", "job_3"))
    assert fields(progress=Progress(6, 6, None, batch))["progress"]["batch"] == {
        "total": 6,
        "succeeded": 3,
        "failed": 1,
        "canceled": 2,
        "pending": 0,
        "children": ["job_2", "job_3"],
    }


def test_the_librarys_failure_code_is_shown_if_the_vendor_has_none() -> None:
    body = fields(state="failed", failure=Failure(FailureCode.TIMED_OUT, "late"))
    assert (body["error_code"], body["failure"]) == ("TIMED_OUT", {"code": "TIMED_OUT", "message": "late"})
