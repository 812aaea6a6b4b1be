"""The list of jobs on terminals of different widths."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from jobcancel import CancelCause, CancelStatus, JobState, Outcome, Snapshot
from jobcancel._cli.jobs.tables import draw_list, row_of

CREATED = datetime(2001, 1, 1, tzinfo=UTC)
JOB_ID = "job_01M8MTF1RT5PG8SQCG02BR74JZ"
CANCEL = CancelStatus(
    CancelCause.USER,
    "enough",
    "ann",
    CREATED,
    Outcome.CANCELING,
    CREATED,
    forced=False,
    ignored=False,
    abandoned=False,
    pierced=False,
    compensated=False,
    stuck=False,
    unresponsive=False,
)


def job(kind: str, state: JobState, stage: str | None, **fields: Any) -> Snapshot[Any]:
    return Snapshot(id=JOB_ID, kind=kind, state=state, stage=stage, created_at=CREATED, **fields)


def draw(width: int, *jobs: Snapshot[Any]) -> list[str]:
    file = io.StringIO()
    rows = [row_of(each, CREATED + timedelta(minutes=5)) for each in jobs]
    draw_list(rows, Console(file=file, width=width))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_wide_terminal_shows_all_columns() -> None:
    settled = job("ingest", JobState.CANCELED, None, settled_at=CREATED + timedelta(seconds=1), cancel=CANCEL)
    assert draw(200, settled) == [
        "id                              kind    state     stage  age    attempt  created                   "
        "settled                   cancel",
        f"{JOB_ID}  ingest  canceled  -      5 min  1        2001-01-01T00:00:00.000Z  "
        "2001-01-01T00:00:01.000Z  canceling, user by ann",
    ]


def test_80_columns_show_whole_ids_and_leave_columns_out() -> None:
    running = job("ingest", JobState.CANCELING, "working", cancel=CANCEL)
    assert draw(80, running, job("quick", JobState.PENDING, None)) == [
        "id                              kind    state      stage    age",
        f"{JOB_ID}  ingest  canceling  working  5 min",
        f"{JOB_ID}  quick   pending    -        5 min",
        "left out for lack of width: created, settled, attempt, cancel",
    ]


def test_long_kinds_and_stages_are_cut_and_ids_and_states_are_whole() -> None:
    long = job("project_ingest_github_with_more", JobState.PARTIALLY_SUCCEEDED, "uploading_everything")
    lines = draw(80, long)
    assert lines[1] == f"{JOB_ID}  proj\u2026  partially_succeeded  uploading_everything"
    assert max(len(line) for line in lines) <= 80


def test_a_stage_is_cut_after_the_kind() -> None:
    long = job("project_ingest_github_with_more", JobState.PARTIALLY_SUCCEEDED, "uploading_everything_to_the_host")
    assert draw(80, long)[1] == f"{JOB_ID}  pro\u2026  partially_succeeded  uploading_everything\u2026"


def test_an_empty_list_has_its_heading() -> None:
    assert draw(80) == ["id  kind  state  stage  age  attempt  created  settled  cancel"]


@pytest.mark.parametrize(
    ("seconds", "age"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (172800, "2 d")]
)
def test_an_age_is_short(seconds: float, age: str) -> None:
    assert row_of(job("a", JobState.PENDING, None), CREATED + timedelta(seconds=seconds))["age"] == age
