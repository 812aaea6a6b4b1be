"""The report of an exploration, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobcancel import JobState, Outcome
from jobcancel.testing import Divergence, Fault, Finding, Report
from jobcancel.testing.frames import UNKNOWN, Location
from jobcancel.testing.plan import Moment, Phase, Point, PointId

POINT = Point(PointId("job", 4), Moment.AWAITS, Location("/srv/app/jobs.py", 12), "paying", Phase.CODE)
FULL = Report(
    points=14,
    runs=16,
    visited=120,
    covered=13,
    findings=(
        Finding(
            Fault.CLEANUP,
            Location("/srv/app/jobs.py", 31, Location("/srv/app/main.py", 5)),
            "paying",
            "",
            (Outcome.CANCELING,),
            JobState.CANCELED,
            "cancel@job:5",
            3,
        ),
        Finding(Fault.CHECK, UNKNOWN, None, "AssertionError: no refund", (), JobState.SUCCEEDED, "uncanceled"),
    ),
    diverged=(Divergence("cancel@job:4", "job:4", POINT, None),),
    skipped=2,
)


def test_table_has_line_stage_verdict_state_and_replay() -> None:
    assert str(FULL) == "\n".join(
        [
            "13 of 14 points covered in 16 runs: 2 findings",
            "  cleanup without a shield was interrupted: "
            "/srv/app/jobs.py:31, from /srv/app/main.py:5 [paying] (3 runs)",
            "    canceling; it ended canceled; replay: only='cancel@job:5'",
            "  the check failed: (no line of your code)",
            "    AssertionError: no refund",
            "    no request; it ended succeeded; replay: only='uncanceled'",
            "  diverged, not covered: cancel@job:4: expected job:4 /srv/app/jobs.py:12 [paying] awaits; "
            "the job ended before it",
            "  not covered: 2 more runs were skipped",
        ]
    )


def test_json_has_the_same_facts() -> None:
    assert json.loads(FULL.to_json()) == {
        "points": 14,
        "runs": 16,
        "visited": 120,
        "covered": 13,
        "skipped": 2,
        "findings": [
            {
                "fault": "cleanup without a shield was interrupted",
                "file": "/srv/app/jobs.py",
                "line": 31,
                "stage": "paying",
                "message": "",
                "verdicts": ["canceling"],
                "state": "canceled",
                "replay": "cancel@job:5",
                "times": 3,
            },
            {
                "fault": "the check failed",
                "file": "",
                "line": 0,
                "stage": None,
                "message": "AssertionError: no refund",
                "verdicts": [],
                "state": "succeeded",
                "replay": "uncanceled",
                "times": 1,
            },
        ],
        "diverged": [
            "cancel@job:4: expected job:4 /srv/app/jobs.py:12 [paying] awaits; the job ended before it",
        ],
    }


def test_files_in_the_current_folder_have_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spot = Location(str(tmp_path / "app" / "jobs.py"), 7)
    found = Finding(Fault.TASK, spot, None, "", (Outcome.CANCELING,), JobState.CANCELED, "cancel@job:2")

    text = str(Report(3, 4, 9, 3, (found,), (), 0))

    assert "  left a task running: app/jobs.py:7\n" in text


def test_divergence_shows_the_actual_point() -> None:
    other = Point(PointId("job", 4), Moment.RETURNED, Location("/srv/app/jobs.py", 3), None, Phase.CODE)

    assert str(Divergence("cancel@job:4", "job:4", POINT, other)) == (
        "cancel@job:4: expected job:4 /srv/app/jobs.py:12 [paying] awaits; "
        "reached job:4 /srv/app/jobs.py:3 after its last step"
    )


def test_divergence_shows_a_different_phase() -> None:
    unwinding = Point(POINT.id, POINT.moment, POINT.location, POINT.stage, Phase.UNWINDING)

    assert str(Divergence("cancel@job:4", "job:4", POINT, unwinding)) == (
        "cancel@job:4: expected job:4 /srv/app/jobs.py:12 [paying] awaits; "
        "reached job:4 /srv/app/jobs.py:12 [paying] awaits (unwinding)"
    )


def test_divergence_shows_that_the_planned_point_is_unknown() -> None:
    assert str(Divergence("cancel@job:9", "job:9", None, None)) == (
        "cancel@job:9: expected job:9, which is not a point of the job; the job ended before it"
    )
    assert str(Divergence("cancel@job:3.2", "job:3.2", None, POINT)) == (
        "cancel@job:3.2: expected job:3.2, which is not a point of the job; "
        "reached job:4 /srv/app/jobs.py:12 [paying] awaits"
    )
