"""The thirteen ways in which a cancel request can be answered over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from jobcancel._core.decision import Outcome, Verdict
from jobcancel._core.states import JobState


class Case(StrEnum):
    """What a cancel request over HTTP came to. Every contract has a row for each."""

    PENDING_CANCELED = "pending_canceled"
    CANCELING = "canceling"
    ALREADY_CANCELING = "already_canceling"
    ALREADY_CANCELED = "already_canceled"
    ALREADY_COMPLETED = "already_completed"
    ALREADY_FAILED = "already_failed"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    MALFORMED_ID = "malformed_id"
    UNAUTHENTICATED = "unauthenticated"
    RATE_LIMITED = "rate_limited"
    INTERNAL_ERROR = "internal_error"


_DECIDED: Final[Mapping[Outcome, Case]] = MappingProxyType(
    {
        Outcome.CANCELED: Case.PENDING_CANCELED,
        Outcome.CANCELING: Case.CANCELING,
        Outcome.DEFERRED: Case.CANCELING,
        Outcome.REFUSED: Case.REFUSED,
        Outcome.ALREADY_CANCELING: Case.ALREADY_CANCELING,
    }
)
_ENDED: Final[Mapping[JobState, Case]] = MappingProxyType(
    {
        JobState.SUCCEEDED: Case.ALREADY_COMPLETED,
        JobState.PARTIALLY_SUCCEEDED: Case.ALREADY_COMPLETED,
        JobState.FAILED: Case.ALREADY_FAILED,
        JobState.CANCELED: Case.ALREADY_CANCELED,
    }
)


_AT_ONCE: Final[Mapping[Case, Case]] = MappingProxyType(
    {Case.CANCELING: Case.PENDING_CANCELED, Case.ALREADY_CANCELING: Case.ALREADY_CANCELED}
)


def case_of(verdict: Verdict, *, at_once: bool = False) -> Case:
    """Return the case that a verdict is.

    Args:
        verdict: The answer to the request.
        at_once: The job was canceled while it waited, and the contract takes that for canceled. Otherwise such a job
            is ``canceling``, as its verdict says, until its compensations have run.
    """
    if verdict.outcome is Outcome.ALREADY_TERMINAL:
        return _ENDED[verdict.state]
    case = _DECIDED[verdict.outcome]
    return _AT_ONCE.get(case, case) if at_once else case
