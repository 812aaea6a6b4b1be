"""The report of an exploration, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobcancel import JobState, Outcome
from jobcancel.testing import Divergence, Fault, Finding, Report
from jobcancel.testing.places import NOWHERE, Spot
from jobcancel.testing.points import Moment, Phase, Place, Point

POINT = Point(Place("job", 4), Moment.AWAITS, Spot("/srv/app/jobs.py", 12), "paying", Phase.CODE)
FULL = Report(
    points=14,
    runs=16,
    moments=120,
    covered=13,
    findings=(
        Finding(
            Fault.KILLED,
            Spot("/srv/app/jobs.py", 31, Spot("/srv/app/main.py", 5)),
            "paying",
            "",
            (Outcome.CANCELING,),
            JobState.CANCELED,
            "cancel@job:5",
            3,
        ),
        Finding(Fault.CHECK, NOWHERE, None, "AssertionError: no refund", (), JobState.SUCCEEDED, "uncanceled"),
    ),
    diverged=(Divergence("cancel@job:4", "job:4", POINT, None),),
    left=2,
)


def test_the_table_names_line_stage_verdict_state_and_how_to_see_it_again() -> None:
    assert str(FULL) == "\n".join(
        [
            "13 of 14 points covered in 16 runs: 2 findings",
            "  cleanup awaited unshielded and was killed: "
            "/srv/app/jobs.py:31, from /srv/app/main.py:5 [paying] (3 runs)",
            "    canceling; it ended canceled; replay: only='cancel@job:5'",
            "  the check failed: (no line of yours)",
            "    AssertionError: no refund",
            "    nobody asked; it ended succeeded; replay: only='uncanceled'",
            "  diverged, not covered: cancel@job:4: expected job:4 /srv/app/jobs.py:12 [paying] awaits, "
            "the job ended before",
            "  not covered: 2 more runs were not made",
        ]
    )


def test_the_json_has_the_same_facts_for_machines() -> None:
    assert json.loads(FULL.to_json()) == {
        "points": 14,
        "runs": 16,
        "moments": 120,
        "covered": 13,
        "left": 2,
        "findings": [
            {
                "fault": "cleanup awaited unshielded and was killed",
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
            "cancel@job:4: expected job:4 /srv/app/jobs.py:12 [paying] awaits, the job ended before",
        ],
    }


def test_a_file_below_the_current_folder_is_told_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spot = Spot(str(tmp_path / "app" / "jobs.py"), 7)
    found = Finding(Fault.TASK, spot, None, "", (Outcome.CANCELING,), JobState.CANCELED, "cancel@job:2")

    told = str(Report(3, 4, 9, 3, (found,), (), 0))

    assert "  left a task running: app/jobs.py:7\n" in told


def test_a_divergence_says_what_came_instead() -> None:
    other = Point(Place("job", 4), Moment.RETURNED, Spot("/srv/app/jobs.py", 3), None, Phase.CODE)

    assert str(Divergence("cancel@job:4", "job:4", POINT, other)) == (
        "cancel@job:4: expected job:4 /srv/app/jobs.py:12 [paying] awaits, "
        "came job:4 /srv/app/jobs.py:3 after its last step"
    )


def test_points_that_differ_in_their_phase_alone_read_differently() -> None:
    unwinding = Point(POINT.place, POINT.moment, POINT.spot, POINT.stage, Phase.UNWINDING)

    assert str(Divergence("cancel@job:4", "job:4", POINT, unwinding)) == (
        "cancel@job:4: expected job:4 /srv/app/jobs.py:12 [paying] awaits, "
        "came job:4 /srv/app/jobs.py:12 [paying] awaits (unwinding)"
    )


def test_a_divergence_says_that_the_planned_point_does_not_exist() -> None:
    assert str(Divergence("cancel@job:9", "job:9", None, None)) == (
        "cancel@job:9: expected job:9, which is no point of the job, the job ended before"
    )
    assert str(Divergence("cancel@job:3.2", "job:3.2", None, POINT)) == (
        "cancel@job:3.2: expected job:3.2, which is no point of the job, came job:4 /srv/app/jobs.py:12 [paying] awaits"
    )
