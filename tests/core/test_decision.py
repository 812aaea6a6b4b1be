"""Every request in every situation, against an expectation written from the specification's table of verdicts."""

from __future__ import annotations

from itertools import product

import pytest

from jobcancel import CancelCause, JobState, OnCancel, Outcome, Verdict
from jobcancel._core.decision import Cancellation, decide_cancel

STATES = ("pending", "running", "canceling", "succeeded", "partially_succeeded", "failed", "canceled")
POLICIES = ("interrupt", "defer", "refuse")
CAUSES = ("user", "shutdown", "timeout", "parent")
EARLIER = ("none", "held", "delivered")
FLAG = (False, True)
Undo = tuple[str, ...] | None
UNDO: tuple[Undo, ...] = (None, (), ("refund",))  # none were registered; the last one runs; they wait

Situation = tuple[str, str, str, bool, bool, str, Undo]
SITUATIONS: list[Situation] = list(product(STATES, POLICIES, CAUSES, FLAG, FLAG, EARLIER, UNDO))


def expected(situation: Situation) -> tuple[str, str | None]:
    answer: tuple[str, str | None]
    match situation:
        # state, policy, cause, defer, force, earlier, undo
        case "pending", _, _, _, _, _, None:
            answer = "canceled", "withdrawn"
        case "pending", _, _, _, _, _, _:
            answer = "canceling", "cancel_accepted"
        case ("running", _, _, _, True, _, _) | ("running", "interrupt", _, _, _, _, _):
            answer = "canceling", "cancel_accepted"
        case "running", "refuse", "user", False, False, _, _:
            answer = "refused", None
        case "running", ("defer" | "refuse"), _, _, _, _, _:
            answer = "deferred", "cancel_accepted"
        case "canceling", _, _, _, True, "held", _:
            answer = "canceling", None
        case "canceling", _, _, _, _, _, _:
            answer = "already_canceling", None
        case _:
            answer = "already_terminal", None
    return answer


def decide(situation: Situation) -> tuple[str, str | None]:
    state, policy, cause, defer, force, earlier, undo = situation
    request = Cancellation(CancelCause(cause), defer=defer, force=force)
    before = None if earlier == "none" else Cancellation(CancelCause.USER)
    if before is not None:
        before.held = earlier == "held"
        before.delivered_at = None if before.held else 2.0
    undos = None if undo is None else list(undo)
    return decide_cancel(JobState(state), OnCancel(policy), request, before, undos)


def test_every_request_gets_its_answer_in_every_situation() -> None:
    assert len(SITUATIONS) == 7 * 3 * 4 * 2 * 2 * 3 * 3
    wrong = [
        (situation, expected(situation), decide(situation))
        for situation in SITUATIONS
        if decide(situation) != expected(situation)
    ]
    assert wrong == []


def test_only_users_without_defer_or_force_are_refused() -> None:
    refused = {situation[:5] for situation in SITUATIONS if decide(situation)[0] == "refused"}
    assert refused == {("running", "refuse", "user", False, False)}


@pytest.mark.parametrize(
    ("outcome", "accepted"),
    [
        ("canceled", True),
        ("canceling", True),
        ("deferred", True),
        ("refused", False),
        ("already_canceling", True),
        ("already_terminal", False),
    ],
)
def test_a_verdict_is_true_exactly_if_the_request_was_accepted(outcome: str, accepted: bool) -> None:
    verdict = Verdict("job_1", Outcome(outcome), JobState.RUNNING, "cloning")
    assert verdict.accepted is accepted
    assert bool(verdict) is accepted


def test_the_outcomes_are_the_specified_words() -> None:
    assert list(Outcome) == ["canceled", "canceling", "deferred", "refused", "already_canceling", "already_terminal"]


def test_a_new_request_has_no_outcome() -> None:
    request = Cancellation(CancelCause.USER)
    assert (request.by, request.reason, request.defer, request.force) == (None, None, False, False)
    assert (request.requested_at, request.outcome, request.delivered_at) == (0.0, "canceling", None)
    marks = ("held", "forced", "ignored", "abandoned", "pierced", "compensated", "stuck", "unresponsive")
    assert [getattr(request, mark) for mark in marks] == [False] * 8
