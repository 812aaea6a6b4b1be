"""What a record says before anything has happened, what a dry run takes into account, what its errors name."""

from __future__ import annotations

import pytest

from jobcancel import Event, FailureCode, JobState, Outcome, Verdict
from jobcancel._core.compensations import Undo
from jobcancel._core.decision import shutdown_request
from jobcancel._core.endings import Ending
from jobcancel._core.job import NO_ORIGIN, JobRecord, Release
from jobcancel._core.specs import KindSpec, Stage
from jobcancel.errors import StageActiveError, StageUnavailableError
from tests.core.jobs import job_in, stage, user


def test_a_new_job_is_pending_and_nothing_has_happened_to_it() -> None:
    spec = KindSpec(name="ingest")
    job = JobRecord("job_1", 7, spec, 100.0, 1.0)

    assert (job.id, job.seq, job.spec, job.created_at, job.created) == ("job_1", 7, spec, 100.0, 1.0)
    assert (job.origin, job.attempt, job.state) == (NO_ORIGIN, 1, "pending")
    assert (job.stage, job.stage_at, job.started, job.settled) == (None, 0.0, None, None)
    assert (job.history, job.progress, job.cancel, job.undo) == (None, None, None, None)
    assert type(job.children_canceled) is int
    assert job.children_canceled == 0
    assert job.code_ended is False
    assert (job.failure, job.result, job.observed) == (None, None, False)


def test_a_dry_run_knows_of_the_cancel_that_is_held() -> None:
    job = job_in("running")
    job.enter_stage(stage("defer"), 2.0)
    job.request_cancel(user(), 3.0)
    assert job.verdict(user(force=True)) == Verdict("job_1", Outcome.CANCELING, JobState.CANCELING, "work")


def test_a_dry_run_knows_what_there_is_to_undo() -> None:
    job = job_in("pending", undo=["refund"])
    assert job.verdict(user()) == Verdict("job_1", Outcome.CANCELING, JobState.CANCELING, None)


def test_a_dry_run_names_the_stage_that_would_refuse() -> None:
    job = job_in("running")
    job.enter_stage(stage("refuse"), 2.0)
    assert job.verdict(user()) == Verdict("job_1", Outcome.REFUSED, JobState.RUNNING, "work")


def test_a_stage_refused_after_a_cancel_is_named() -> None:
    job = job_in("running")
    job.request_cancel(user(), 5.0)
    with pytest.raises(StageUnavailableError) as caught:
        job.enter_stage(Stage("mailing"), 6.0)
    assert (caught.value.job_id, caught.value.stage) == ("job_1", "mailing")


def test_a_nested_stage_is_refused_naming_both() -> None:
    job = job_in("running")
    job.enter_stage(stage(), 2.0)
    with pytest.raises(StageActiveError) as caught:
        job.enter_stage(Stage("mailing"), 3.0)
    assert (caught.value.job_id, caught.value.stage, caught.value.active) == ("job_1", "mailing", "work")


def test_an_error_without_details_has_an_empty_message() -> None:
    event, failure = job_in("running").ending(Ending.RAISED)
    assert event is Event.FAILED
    assert failure is not None
    assert (failure.code, failure.message, failure.details) == (FailureCode.HANDLER_ERROR, "", {})


def test_a_held_cancels_release_is_in_the_history() -> None:
    assert [(release.name, release.value) for release in Release] == [
        ("NOTHING", "nothing is held"),
        ("DELIVER", "deliver it, raise nothing here"),
        ("RAISE", "deliver it and raise it here"),
    ]


def test_a_shutdown_request_has_its_own_cause_and_no_outcome() -> None:
    request = shutdown_request()
    assert (request.cause, request.reason) == ("shutdown", "the scheduler shuts down")
    assert (request.by, request.tear) == (None, None)


def test_compensations_given_at_submit_are_counted() -> None:
    undos = [Undo("refund", [], {}), print, Undo("delete", [], {})]
    job = JobRecord("job_1", 7, KindSpec(name="ingest"), 100.0, 1.0, NO_ORIGIN, undos)
    assert (job.undos, [undo.n for undo in undos if isinstance(undo, Undo)]) == (2, [1, 2])
