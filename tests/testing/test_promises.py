"""What the explorer says if the scheduler itself breaks a promise: made up here, since it does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jobcancel import JobState, Outcome, Verdict
from jobcancel.testing import Fault
from jobcancel.testing.findings import of_the_promises
from jobcancel.testing.places import NOWHERE, Spot
from jobcancel.testing.points import Moment, Phase, Place, Point


def point(number: int, moment: Moment) -> Point:
    return Point(Place("job", number), moment, Spot("jobs.py", number), None, Phase.CODE)


ASKED = point(1, Moment.AWAITS)
ENTERED = point(2, Moment.ENTERS)
CANCELED = SimpleNamespace(outcome=Outcome.CANCELING)


def broken(
    verdicts: list[str], *, cancel: Any = CANCELED, settled: bool = True, later: tuple[Point, ...] = (), **trace: Any
) -> list[tuple[Spot, str]]:
    made = [Verdict("job_1", Outcome(each), JobState.RUNNING, None) for each in verdicts]
    points = {each.place: each for each in (ASKED, *later)}
    told = SimpleNamespace(verdicts=made, asked=[ASKED] * len(made), points=points, tracks=[], forced=False, **trace)
    job = SimpleNamespace(settled=settled, state=JobState.CANCELING, cancel=cancel)
    symptoms = list(of_the_promises(told, job))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert all(symptom.fault is Fault.PROMISE for symptom in symptoms)
    return [(symptom.spot, symptom.message) for symptom in symptoms]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"verdicts": [], "cancel": None}, None),
        ({"verdicts": ["canceling"], "later": (point(3, Moment.LEAVES),)}, None),
        ({"verdicts": ["refused"], "cancel": None, "later": (ENTERED,)}, None),
        ({"verdicts": [], "cancel": None, "settled": False}, "the job is canceling and nothing of it runs"),
        ({"verdicts": ["canceling"], "cancel": None}, "an accepted cancel is not on record"),
        ({"verdicts": ["refused"]}, "a refused cancel canceled"),
        ({"verdicts": ["deferred"]}, "the record has another outcome than the verdict"),
        ({"verdicts": ["canceling", "refused"]}, "refused after an accepted cancel"),
    ],
)
def test_a_broken_promise_is_named(run: dict[str, Any], said: str | None) -> None:
    assert broken(**run) == ([] if said is None else [(NOWHERE, said)])


def test_a_stage_that_begins_after_an_accepted_cancel_is_named_with_its_line() -> None:
    assert broken(["canceling"], later=(ENTERED,)) == [(Spot("jobs.py", 2), "a stage began after an accepted cancel")]
