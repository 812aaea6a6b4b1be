"""What a job looks like from outside, and its one JSON form."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any

import pytest
from attrs import evolve, fields

from jobcancel import (
    BatchProgress,
    CancelCause,
    CancelStatus,
    Failure,
    FailureCode,
    HistoryEntry,
    JobState,
    Outcome,
    Progress,
    Snapshot,
)

AT = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
FULL: Snapshot[Any] = Snapshot(
    id="job_1",
    kind="ingest",
    owner="ada",
    labels={"team": "blue"},
    parent_id="job_0",
    key="k",
    attempt=2,
    state=JobState.FAILED,
    stage="cloning",
    created_at=AT,
    started_at=AT + timedelta(seconds=1),
    settled_at=AT + timedelta(seconds=2.5),
    progress=Progress(1, 2, "half", BatchProgress(2, 1, 0, 0, 1, ("job_2", "job_3"))),
    result=(1, [2, (3,)]),
    failure=Failure(FailureCode.TIMED_OUT, "too slow", {"type": "x"}),
    cancel=CancelStatus(
        CancelCause.TIMEOUT, "why", "ada", AT, Outcome.DEFERRED, AT, True, False, False, False, True, False, True
    ),
    history=(
        HistoryEntry("started", AT, None, "running", {}),
        HistoryEntry("halfway", AT, 1.5, "noted", {"files": [1, 2]}),
    ),
)
FULL_DICT: dict[str, Any] = {
    "id": "job_1",
    "kind": "ingest",
    "owner": "ada",
    "labels": {"team": "blue"},
    "parent_id": "job_0",
    "key": "k",
    "attempt": 2,
    "state": "failed",
    "settled": True,
    "stage": "cloning",
    "created_at": "2024-05-01T12:00:00.000000Z",
    "started_at": "2024-05-01T12:00:01.000000Z",
    "settled_at": "2024-05-01T12:00:02.500000Z",
    "progress": {
        "done": 1,
        "total": 2,
        "message": "half",
        "batch": {
            "total": 2,
            "succeeded": 1,
            "failed": 0,
            "canceled": 0,
            "pending": 1,
            "children": ["job_2", "job_3"],
        },
    },
    "result": [1, [2, [3]]],
    "failure": {"code": "TIMED_OUT", "message": "too slow", "details": {"type": "x"}},
    "cancel": {
        "cause": "timeout",
        "reason": "why",
        "by": "ada",
        "requested_at": "2024-05-01T12:00:00.000000Z",
        "outcome": "deferred",
        "delivered_at": "2024-05-01T12:00:00.000000Z",
        "forced": True,
        "ignored": False,
        "abandoned": False,
        "pierced": False,
        "compensated": True,
        "stuck": False,
        "unresponsive": True,
    },
    "history": [
        {
            "step": "started",
            "at": "2024-05-01T12:00:00.000000Z",
            "duration_ms": None,
            "status": "running",
            "details": {},
        },
        {
            "step": "halfway",
            "at": "2024-05-01T12:00:00.000000Z",
            "duration_ms": 1.5,
            "status": "noted",
            "details": {"files": [1, 2]},
        },
    ],
}
BARE: Snapshot[Any] = Snapshot(id="job_1", kind="ingest", state=JobState.PENDING, created_at=AT)


def test_the_json_form_is_complete_and_plain() -> None:
    assert FULL.to_dict() == FULL_DICT
    assert set(FULL_DICT) == {attribute.name for attribute in fields(Snapshot)} | {"settled"}


@pytest.mark.parametrize("snapshot", [FULL, BARE])
def test_the_json_form_survives_a_round_trip_through_text(snapshot: Snapshot[Any]) -> None:
    assert json.loads(json.dumps(snapshot.to_dict())) == snapshot.to_dict()


def test_everything_in_the_json_form_is_strict_json_in_utf_8() -> None:
    odd = {"half": "caf\ud800", "ratio": [nan, inf]}
    note = HistoryEntry("caf\ud800", AT, None, "noted", odd)
    shown = evolve(
        BARE,
        owner="caf\ud800",
        labels={"\ud800": "\udfff"},
        progress=Progress(nan, inf, "caf\ud800"),
        failure=Failure(FailureCode.HANDLER_ERROR, "caf\ud800", odd),
        history=(note,),
        result=odd,
    ).to_dict()
    written = json.dumps(shown, allow_nan=False, ensure_ascii=False).encode().decode()
    assert json.loads(written) == shown
    plain = {"half": "caf\\ud800", "ratio": ["nan", "inf"]}
    assert (shown["result"], shown["history"][0]["details"], shown["failure"]["details"]) == (plain, plain, plain)
    assert (shown["labels"], shown["progress"]["done"]) == ({"\\ud800": "\\udfff"}, "nan")


def test_missing_parts_are_none_or_empty() -> None:
    shown = BARE.to_dict()
    assert (shown["settled"], shown["attempt"], shown["labels"], shown["history"]) == (False, 1, {}, [])
    empty = (
        "owner",
        "parent_id",
        "key",
        "stage",
        "started_at",
        "settled_at",
        "progress",
        "result",
        "failure",
        "cancel",
    )
    assert [shown[name] for name in empty] == [None] * 10


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (None, None),
        ({"pr": 7}, {"pr": 7}),
        ({1, }, "{1}"),
        ([object], ["<class 'object'>"]),
        (AT, "datetime.datetime(2024, 5, 1, 12, 0, tzinfo=datetime.timezone.utc)"),
        (Failure(FailureCode.EXPIRED, "m"), repr(Failure(FailureCode.EXPIRED, "m"))),
    ],
)  # fmt: skip
def test_a_result_that_is_no_plain_data_is_shown_as_its_repr(result: Any, shown: Any) -> None:
    assert evolve(BARE, result=result).to_dict()["result"] == shown


@pytest.mark.parametrize(
    ("state", "settled"),
    [
        ("pending", False),
        ("running", False),
        ("canceling", False),
        ("succeeded", True),
        ("partially_succeeded", True),
        ("failed", True),
        ("canceled", True),
    ],
)
def test_a_job_is_settled_in_a_terminal_state(state: str, settled: bool) -> None:
    assert evolve(BARE, state=JobState(state)).settled is settled


def test_the_words_of_the_json_form_are_plain_strings() -> None:
    shown = FULL.to_dict()
    words = (shown["state"], shown["failure"]["code"], shown["cancel"]["cause"], shown["cancel"]["outcome"])
    assert words == ("failed", "TIMED_OUT", "timeout", "deferred")
    assert [type(word) for word in words] == [str] * 4


def test_the_repr_is_one_line_with_the_main_facts() -> None:
    assert repr(FULL) == (
        "<Snapshot id='job_1' kind='ingest' state='failed' stage='cloning' attempt=2 failure='TIMED_OUT' "
        "cancel='deferred'>"
    )


def test_the_repr_leaves_out_missing_parts() -> None:
    snapshot = Snapshot[str](id="job\n1", kind="ingest", state=JobState.SUCCEEDED, created_at=AT, result="x" * 1000)
    assert repr(snapshot) == "<Snapshot id='job\\n1' kind='ingest' state='succeeded' attempt=1>"
