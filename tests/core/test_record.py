"""What changes in a job besides its state: requests, deliveries, stages, and how it ends."""

from __future__ import annotations

import pytest

from jobcancel import Event, FailureCode, JobState, Outcome, Verdict
from jobcancel._core.compensations import Undo
from jobcancel._core.endings import Ending
from jobcancel._core.job import Release
from jobcancel.errors import StageActiveError, StageUnavailableError
from tests.core.jobs import job_in, stage, timeout, user


def test_an_accepted_request_is_recorded_as_answered() -> None:
    job, request = job_in("running"), user(by="ada", reason="enough")
    verdict = job.request_cancel(request, 5.0)

    assert verdict == Verdict("job_1", Outcome.CANCELING, JobState.CANCELING, None)
    assert job.cancel is request
    assert (request.requested_at, request.outcome, request.held, request.forced) == (5.0, "canceling", False, False)


def test_a_request_in_a_deferring_stage_is_held() -> None:
    job, request = job_in("running"), user()
    job.enter_stage(stage("defer"), 2.0)

    assert job.request_cancel(request, 5.0) == Verdict("job_1", Outcome.DEFERRED, JobState.CANCELING, "work")
    assert request.held


def test_a_refused_request_leaves_no_trace() -> None:
    job = job_in("running")
    job.enter_stage(stage("refuse"), 2.0)

    assert job.request_cancel(user(), 5.0) == Verdict("job_1", Outcome.REFUSED, JobState.RUNNING, "work")
    assert (job.cancel, job.history, job.state) == (None, [], "running")


def test_the_kinds_policy_applies_between_stages() -> None:
    job = job_in("running", on_cancel="refuse")
    assert job.on_cancel == "refuse"
    job.enter_stage(stage("interrupt"), 2.0)
    assert job.on_cancel == "interrupt"
    job.leave_stage("done", 3.0, raised=False)
    assert job.request_cancel(user(), 5.0).outcome is Outcome.REFUSED


def test_a_withdrawn_job_has_nothing_left_to_undo() -> None:
    job, request = job_in("pending"), user()

    assert job.request_cancel(request, 5.0).state is JobState.CANCELED
    assert request.compensated
    assert job.settled == 5.0


def test_a_canceled_pending_job_is_canceling_until_it_is_undone() -> None:
    job = job_in("pending", undo=["refund"])
    assert job.request_cancel(user(), 5.0).outcome is Outcome.CANCELING
    assert job.settled is None


def test_a_force_at_once_is_recorded() -> None:
    job, request = job_in("running"), user(force=True)
    job.enter_stage(stage("refuse"), 2.0)

    assert job.request_cancel(request, 5.0).outcome is Outcome.CANCELING
    assert (request.held, request.forced) == (False, True)


def test_a_force_releases_a_held_cancel_of_the_first_request() -> None:
    job, first = job_in("running"), user(by="ada")
    job.enter_stage(stage("defer"), 2.0)
    job.request_cancel(first, 5.0)
    verdict = job.request_cancel(user(by="op", reason="now", force=True), 6.0)

    assert verdict.outcome is Outcome.CANCELING
    assert job.cancel is first
    assert (first.by, first.held, first.forced, first.outcome) == ("ada", False, True, "deferred")
    assert job.log()[-1] == ("forced", 6.0, None, "noted", {"by": "op", "reason": "now"})


def test_a_second_request_has_no_effect() -> None:
    job, first = job_in("running"), user(by="ada")
    job.request_cancel(first, 5.0)
    history = list(job.log())

    assert job.request_cancel(timeout(), 6.0).outcome is Outcome.ALREADY_CANCELING
    assert job.cancel is first
    assert job.history == history


@pytest.mark.parametrize(
    ("state", "policy", "outcome", "after"),
    [
        ("pending", "interrupt", "canceled", "canceled"),
        ("running", "interrupt", "canceling", "canceling"),
        ("running", "defer", "deferred", "canceling"),
        ("running", "refuse", "refused", "running"),
        ("failed", "interrupt", "already_terminal", "failed"),
    ],
)
def test_a_dry_run_answers_as_the_request_and_changes_nothing(
    state: str, policy: str, outcome: str, after: str
) -> None:
    job = job_in(state, on_cancel=policy)
    assert job.verdict(user()) == Verdict("job_1", Outcome(outcome), JobState(after), None)
    assert (job.state, job.cancel, job.history) == (state, None, [])


def test_a_cancel_is_delivered_once() -> None:
    job = job_in("running")
    assert not job.deliver(4.0)
    job.enter_stage(stage("defer"), 2.0)
    request = user()
    job.request_cancel(request, 5.0)

    assert job.deliver(6.0)
    assert not job.deliver(7.0)
    assert (request.held, request.delivered_at) == (False, 6.0)
    assert [entry[0] for entry in job.log()] == ["cancel_accepted", "delivered"]


@pytest.mark.parametrize("policy", ["interrupt", "defer", "refuse"])
def test_no_stage_begins_after_an_accepted_request(policy: str) -> None:
    job = job_in("running", undo=["refund"])
    job.request_cancel(user(), 5.0)
    with pytest.raises(StageUnavailableError):
        job.enter_stage(stage(policy, commits=True), 6.0)
    assert (job.stage, job.undo) == (None, ["refund"])


def test_stages_do_not_nest() -> None:
    job = job_in("running", undo=["refund"])
    job.enter_stage(stage(), 2.0)
    with pytest.raises(StageActiveError) as caught:
        job.enter_stage(stage(commits=True), 3.0)
    assert caught.value.active == "work"
    assert (job.stage_at, job.undo) == (2.0, ["refund"])


def test_entering_a_committing_stage_drops_the_undos() -> None:
    job = job_in("running", undo=["refund"])
    job.enter_stage(stage(), 2.0)
    job.leave_stage("done", 3.0, raised=False)
    assert job.undo == ["refund"]
    job.enter_stage(stage(commits=True), 4.0)
    assert job.undo is None


@pytest.mark.parametrize(
    ("held", "commits", "raised", "release"),
    [
        (False, False, False, Release.NOTHING),
        (False, True, True, Release.NOTHING),
        (True, False, False, Release.RAISE),
        (True, True, False, Release.DELIVER),
        (True, False, True, Release.DELIVER),
        (True, True, True, Release.DELIVER),
    ],
)
def test_the_effect_of_a_stages_end_on_a_cancel(held: bool, commits: bool, raised: bool, release: Release) -> None:
    job = job_in("running")
    job.enter_stage(stage("defer", commits=commits), 2.0)
    if held:
        job.request_cancel(user(), 3.0)

    assert job.leave_stage("done", 5.0, raised=raised) is release
    assert job.stage is None
    assert job.log()[-1] == ("work", 2.0, 3.0, "done", None)


def test_a_delivered_cancel_is_not_raised_again_at_the_stages_end() -> None:
    job = job_in("running")
    job.enter_stage(stage(), 2.0)
    job.request_cancel(user(), 3.0)
    job.deliver(4.0)
    assert job.leave_stage("canceled", 5.0, raised=True) is Release.NOTHING


def test_leaving_without_an_open_stage_has_no_effect() -> None:
    job = job_in("running")
    assert job.leave_stage("done", 5.0, raised=False) is Release.NOTHING
    assert job.history == []


def test_each_change_is_notified_once_and_no_changes_are_not() -> None:
    job = job_in("running")
    job.observed = True
    notified = list[list[tuple[str, str | None]]]()
    for change in (
        lambda: job.enter_stage(stage("refuse"), 2.0),
        lambda: job.request_cancel(user(), 2.5),
        lambda: job.note("halfway", 3.0, details={"n": 1}),
        lambda: job.leave_stage("done", 4.0, raised=False),
        lambda: job.leave_stage("done", 4.5, raised=False),
        lambda: job.register(Undo("refund", [], {})),
        lambda: job.request_cancel(user(), 5.0),
        lambda: job.request_cancel(user(), 5.5),
        lambda: job.deliver(6.0),
        lambda: job.deliver(6.5),
    ):
        change()
        notified.append(job.changes)
        job.changes = []

    assert notified == [
        [("running", "work")],
        [],
        [("running", "work")],
        [("running", None)],
        [],
        [("running", None)],
        [("canceling", None)],
        [],
        [("canceling", None)],
        [],
    ]
    assert job.log()[0] == ("halfway", 3.0, None, "noted", {"n": 1})


def test_an_ending_has_its_failure() -> None:
    job = job_in("running")
    event, failure = job.ending(Ending.RAISED, "boom", {"type": "builtins.ValueError"})
    assert event is Event.FAILED
    assert failure is not None
    assert (failure.code, failure.message) == (FailureCode.HANDLER_ERROR, "boom")
    assert failure.details == {"type": "builtins.ValueError"}
    assert job.ending(Ending.RETURNED) == (Event.SUCCEEDED, None)


def test_an_unwound_timeout_has_a_message() -> None:
    job = job_in("running")
    job.request_cancel(timeout(), 3.0)
    event, failure = job.ending(Ending.UNWOUND)
    assert event is Event.FAILED
    assert failure is not None
    assert (failure.code, failure.details) == (FailureCode.TIMED_OUT, {})
    assert failure.message == "the job's time was over and its code has unwound, or still runs (abandoned)"


def test_a_canceled_child_ends_a_canceled_parent_that_returned() -> None:
    job = job_in("running")
    job.children_canceled = 1
    assert job.ending(Ending.RETURNED)[0] is Event.SUCCEEDED
    job.request_cancel(user(), 3.0)
    assert job.ending(Ending.RETURNED)[0] is Event.UNWOUND


@pytest.mark.parametrize(
    ("state", "event", "runs"),
    [
        ("running", "failed", True),
        ("running", "succeeded", False),
        ("canceling", "unwound", True),
        ("canceling", "partially_succeeded", False),
        # Of a job that was abandoned only the state counts: its code's result is dropped.
        ("canceled", "succeeded", True),
        ("failed", "succeeded", True),
        ("succeeded", "failed", False),
    ],
)
def test_compensations_run_if_the_end_asks_for_them(state: str, event: str, runs: bool) -> None:
    assert job_in(state).compensates(Event(event)) is runs


def test_a_kind_is_compensated_only_after_the_given_ends() -> None:
    job = job_in("running", compensate_on=["succeeded"])
    assert job.compensates(Event.SUCCEEDED)
    assert not job.compensates(Event.FAILED)
