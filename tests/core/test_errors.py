"""The error tree as its docstring draws it; every error keeps its facts, says what to do and survives pickling."""

from __future__ import annotations

import pickle
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from jobcancel import CancelCause, CancelStatus, Event, Failure, FailureCode, JobState, Outcome, Snapshot, errors

AT = datetime(2024, 5, 1, tzinfo=UTC)
CANCEL = CancelStatus(
    CancelCause.USER, "too slow", "ada", AT, Outcome.CANCELING, AT, False, False, False, False, True, False, False
)


def ended(failure: Failure | None = None, cancel: CancelStatus | None = None) -> Snapshot[Any]:
    return Snapshot(id="job_1", kind="ingest", state=JobState.FAILED, created_at=AT, failure=failure, cancel=cancel)


# The error, the attributes that it keeps, what it says.
EXAMPLES: list[tuple[errors.JobCancelError, dict[str, Any], str]] = [
    (errors.JobCancelError("no luck"), {}, "no luck"),
    (errors.RegistrationError("kind 'a' is registered already"), {}, "kind 'a' is registered already"),
    (
        errors.KindDataError("kinds.a.grace_s", -1, "a number above 0"),
        {"path": "kinds.a.grace_s", "value": -1, "allowed": "a number above 0"},
        "kinds.a.grace_s: -1 is not allowed here; allowed: a number above 0",
    ),
    (
        errors.ContractDataError("outcomes.refused.status", 99, "a whole number from 200 to 599"),
        {"path": "outcomes.refused.status", "value": 99, "allowed": "a whole number from 200 to 599"},
        "outcomes.refused.status: 99 is not allowed here; allowed: a whole number from 200 to 599",
    ),
    (
        errors.UnknownKindError("ingset", ("ingest", "batch")),
        {"kind": "ingset", "known": ("ingest", "batch")},
        "no kind is named 'ingset'; registered: batch, ingest",
    ),
    (
        errors.UnknownKindError("ingest", ("batch",), foreign=True),
        {"kind": "ingest", "known": ("batch",), "foreign": True},
        "kind 'ingest' is of another registry than the scheduler's; "
        "call a kind of the registry that the scheduler was made with; registered: batch",
    ),
    (errors.UnknownKindError("a", ()), {"known": ()}, "no kind is named 'a'; registered: none"),
    (
        errors.UnknownCompensationError("refnd", ("refund", "delete")),
        {"name": "refnd", "known": ("refund", "delete")},
        "no compensation is named 'refnd'; registered: delete, refund; "
        "register it with @registry.compensation('refnd')",
    ),
    (
        errors.StoreError("jobs.db", "the disk is full; free some room"),
        {"where": "jobs.db", "problem": "the disk is full; free some room"},
        "journal jobs.db: the disk is full; free some room",
    ),
    (
        errors.StoreInUseError("jobs.db", 4711),
        {"where": "jobs.db", "pid": 4711},
        "journal jobs.db is in use by process 4711: one scheduler has a journal at a time; "
        "stop that one, or give this one another journal",
    ),
    (
        errors.StoreFormatError("jobs.db", "it is no journal"),
        {"where": "jobs.db", "problem": "it is no journal"},
        "journal jobs.db: it is no journal",
    ),
    (
        errors.MissingHandlerError("ingest"),
        {"kind": "ingest"},
        "kind 'ingest' has no handler; register one with @registry.handler('ingest')",
    ),
    (
        errors.JobNotFoundError("job_1"),
        {"job_id": "job_1"},
        "job job_1 not found: unknown id, another owner's, or past its retention",
    ),
    (
        errors.QueueFullError("ingest", 3),
        {"kind": "ingest", "max_pending": 3},
        "kind 'ingest' has 3 jobs pending, its max_pending; submit again later",
    ),
    (
        errors.IdempotencyConflictError("k", "ingest", "job_1"),
        {"key": "k", "kind": "ingest", "job_id": "job_1"},
        "key 'k' was used for job job_1 of kind 'ingest' with other arguments; use a new key for a new job",
    ),
    (
        errors.SchedulerClosedError("submit"),
        {"wanted": "submit"},
        "cannot submit: the scheduler is not running, or shuts down; use it inside `async with scheduler:`",
    ),
    (
        errors.WrongTaskError(),
        {},
        "enter and leave a scheduler in one task: keep `async with scheduler:` inside one coroutine",
    ),
    (
        errors.DeadlockError("job_1", "wait for itself"),
        {"job_id": "job_1", "wanted": "wait for itself"},
        "job job_1 would wait for itself for ever: it may not wait for itself",
    ),
    (
        errors.IllegalTransitionError("job_1", JobState.FAILED, Event.STARTED),
        {"job_id": "job_1", "state": JobState.FAILED, "event": Event.STARTED},
        "job job_1: started is not legal in failed",
    ),
    (errors.StageError("job_1", "cloning"), {"job_id": "job_1", "stage": "cloning"}, "('job_1', 'cloning')"),
    (
        errors.UnknownStageError("job_1", "clone", ("cloning", "analyzing")),
        {"job_id": "job_1", "stage": "clone", "declared": ("cloning", "analyzing")},
        "job job_1: stage 'clone' is not declared; declared: analyzing, cloning "
        "(or declare the kind with strict=False)",
    ),
    (
        errors.StageActiveError("job_1", "analyzing", "cloning"),
        {"job_id": "job_1", "stage": "analyzing", "active": "cloning"},
        "job job_1: stage 'analyzing' cannot begin inside 'cloning'; leave that one first",
    ),
    (
        errors.StageUnavailableError("job_1", "cloning"),
        {"job_id": "job_1", "stage": "cloning"},
        "job job_1 is being canceled: 'cloning' does not begin; let the cancellation out",
    ),
    (
        errors.StageTimeoutError("job_1", "cloning", 2.5),
        {"job_id": "job_1", "stage": "cloning", "timeout_s": 2.5},
        "job job_1: stage 'cloning' took longer than its timeout_s=2.5",
    ),
    (
        errors.StageNotReachedError("job_1", "cloning", ended(Failure(FailureCode.HANDLER_ERROR, "boom"))),
        {"job_id": "job_1", "stage": "cloning", "snapshot": ended(Failure(FailureCode.HANDLER_ERROR, "boom"))},
        "job job_1 never entered stage 'cloning', so no cancel was requested; it ended failed: HANDLER_ERROR: boom",
    ),
    (
        errors.StageNotReachedError("job_1", "cloning", ended()),
        {},
        "job job_1 never entered stage 'cloning', so no cancel was requested; it ended failed",
    ),
    (
        errors.StaleAttemptError("job_1", 2),
        {"job_id": "job_1", "attempt": 2},
        "job job_1: attempt 2 is over and can write nothing more",
    ),
    (
        errors.JobFailedError(ended(Failure(FailureCode.HANDLER_ERROR, "boom"))),
        {"snapshot": ended(Failure(FailureCode.HANDLER_ERROR, "boom"))},
        "job job_1 (ingest) failed: HANDLER_ERROR: boom",
    ),
    (errors.JobFailedError(ended()), {}, "job job_1 (ingest) failed: no reason recorded"),
    (
        errors.JobCanceledError(ended(cancel=CANCEL)),
        {"snapshot": ended(cancel=CANCEL)},
        "job job_1 (ingest) was canceled (user: too slow)",
    ),
    (errors.JobCanceledError(ended()), {}, "job job_1 (ingest) was canceled"),
]
IDS = [f"{type(error).__name__}-{number}" for number, (error, _, _) in enumerate(EXAMPLES)]


def public(base: type[Exception]) -> list[type[Exception]]:
    """Every class below ``base`` but the private ones between."""
    below = [inner for cls in base.__subclasses__() for inner in (cls, *public(cls))]
    return [cls for cls in below if not cls.__name__.startswith("_")]


def drawn() -> dict[str, str]:
    """The tree in the docstring: each error's name and its parent's."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"( *)[├└│─ ]*\b([A-Z]\w+Error)\b", line)
        if found is None or not (above or line == "JobCancelError"):
            continue
        depth = found.start(2)
        above = [(at, name) for at, name in above if at < depth]
        parents[found[2]] = above[-1][1] if above else ""
        above.append((depth, found[2]))
    return parents


def real(cls: type[Exception]) -> str:
    """The parent that the tree shows: the nearest public error of the library."""
    return next(
        base.__name__ for base in cls.__mro__[1:] if issubclass(base, errors.JobCancelError) and base.__name__[0] != "_"
    )


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    tree = {cls.__name__: real(cls) for cls in public(errors.JobCancelError)}
    assert drawn() == {"JobCancelError": "", **tree}


def test_an_example_of_every_error_is_tested_here() -> None:
    every = {errors.JobCancelError, *public(errors.JobCancelError)}
    assert {type(error) for error, _, _ in EXAMPLES} == every


@pytest.mark.parametrize(("error", "facts", "message"), EXAMPLES, ids=IDS)
def test_an_error_has_its_attributes_and_message(
    error: errors.JobCancelError, facts: dict[str, Any], message: str
) -> None:
    assert str(error) == message
    assert {name: getattr(error, name) for name in facts} == facts


@pytest.mark.parametrize(("error", "facts", "message"), EXAMPLES, ids=IDS)
def test_an_error_survives_pickling(error: errors.JobCancelError, facts: dict[str, Any], message: str) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # what was pickled here
    assert type(copy) is type(error)
    assert str(copy) == message
    assert {name: getattr(copy, name) for name in facts} == facts


def test_errors_can_be_caught_as_builtin_errors() -> None:
    assert issubclass(errors.KindDataError, ValueError)
    assert issubclass(errors.StageTimeoutError, TimeoutError)


def test_the_message_of_a_cancel_without_a_reason_has_none() -> None:
    cancel = CancelStatus(
        CancelCause.PARENT, None, None, AT, Outcome.CANCELING, None, False, False, False, False, True, False, False
    )
    assert str(errors.JobCanceledError(ended(cancel=cancel))) == "job job_1 (ingest) was canceled (parent)"
