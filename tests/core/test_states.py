"""The state machine, written out a second time by hand."""

from __future__ import annotations

from itertools import product

import pytest

from jobcancel import Event, JobState
from jobcancel._core.job import IMPLIED
from jobcancel._core.states import TERMINAL, TRANSITIONS, next_state
from jobcancel.errors import IllegalTransitionError
from tests.core.jobs import job_in

LEGAL = [
    ("pending", "started", "running"),
    ("pending", "withdrawn", "canceled"),
    ("pending", "cancel_accepted", "canceling"),
    ("pending", "failed", "failed"),
    ("running", "cancel_accepted", "canceling"),
    ("running", "succeeded", "succeeded"),
    ("running", "partially_succeeded", "partially_succeeded"),
    ("running", "failed", "failed"),
    ("running", "interrupted", "pending"),
    ("canceling", "unwound", "canceled"),
    ("canceling", "abandoned", "canceled"),
    ("canceling", "succeeded", "succeeded"),
    ("canceling", "partially_succeeded", "partially_succeeded"),
    ("canceling", "failed", "failed"),
]
STATES = ["pending", "running", "canceling", "succeeded", "partially_succeeded", "failed", "canceled"]
EVENTS = [
    "started", "withdrawn", "cancel_accepted", "unwound", "abandoned",
    "interrupted", "succeeded", "partially_succeeded", "failed",
]  # fmt: skip
ENDED = ["succeeded", "partially_succeeded", "failed", "canceled"]
LEGAL_PAIRS = {(state, event) for state, event, _ in LEGAL}
ILLEGAL = [pair for pair in product(STATES, EVENTS) if pair not in LEGAL_PAIRS]


def test_states_and_events_are_the_specified_words() -> None:
    assert list(JobState) == STATES
    assert list(Event) == EVENTS


def test_the_table_holds_the_specified_transitions_and_no_other() -> None:
    assert [(state, event, after) for state, row in TRANSITIONS.items() for event, after in row.items()] == LEGAL


def test_exactly_four_states_are_terminal() -> None:
    assert sorted(TERMINAL) == sorted(ENDED)


@pytest.mark.parametrize(("state", "event", "after"), LEGAL)
def test_a_legal_event_leads_to_its_state_and_is_in_the_history(state: str, event: str, after: str) -> None:
    job = job_in(state)
    job.observed = True
    job.apply(Event(event), 5.0)

    assert job.state == after
    assert job.history == [(event, 5.0, None, after, None)]
    assert job.changes == [(after, None)]
    assert job.settled == (5.0 if after in ENDED else None)
    assert job.started == (5.0 if event == "started" else None)
    assert job.attempt == (2 if event == "interrupted" else 1)


@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_any_other_event_is_an_error_without_effect(state: str, event: str) -> None:
    job = job_in(state)
    with pytest.raises(IllegalTransitionError) as caught:
        job.apply(Event(event), 5.0)

    assert (caught.value.job_id, caught.value.state, caught.value.event) == ("job_1", state, event)
    assert (job.state, job.history, job.settled, job.started, job.attempt) == (state, [], None, None, 1)
    assert next_state(JobState(state), Event(event)) is None


def test_an_illegal_event_leaves_an_implied_history_unchanged() -> None:
    job = job_in("running")
    job.history = None
    with pytest.raises(IllegalTransitionError):
        job.apply(Event.UNWOUND, 5.0)

    assert job.history is None
    assert job.log() == []


@pytest.mark.parametrize(
    ("event", "implied"),
    [
        ("started", True),
        ("withdrawn", False),
        ("cancel_accepted", True),
        ("unwound", True),
        ("abandoned", False),
        ("interrupted", False),
        ("succeeded", True),
        ("partially_succeeded", True),
        ("failed", True),
    ],
)
def test_an_event_is_implied_exactly_if_times_and_state_contain_it(event: str, implied: bool) -> None:
    assert (Event(event) in IMPLIED) is implied
