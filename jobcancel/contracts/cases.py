"""The thirteen cases of a cancel request over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from jobcancel._core.decision import Outcome, Verdict
from jobcancel._core.states import JobState


class Case(StrEnum):
    """The result of a cancel request over HTTP. Every contract has a row for each case."""

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


_BY_OUTCOME: Final[Mapping[Outcome, Case]] = MappingProxyType(
    {
        Outcome.CANCELED: Case.PENDING_CANCELED,
        Outcome.CANCELING: Case.CANCELING,
        Outcome.DEFERRED: Case.CANCELING,
        Outcome.REFUSED: Case.REFUSED,
        Outcome.ALREADY_CANCELING: Case.ALREADY_CANCELING,
    }
)
_BY_FINAL_STATE: Final[Mapping[JobState, Case]] = MappingProxyType(
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
    """Return the case of a verdict.

    Args:
        verdict: The verdict on the request.
        at_once: Whether the job was canceled while pending and the contract shows it as canceled from then on.
            Otherwise the job is ``canceling``, as in its verdict, until its compensations have run.
    """
    if verdict.outcome is Outcome.ALREADY_TERMINAL:
        return _BY_FINAL_STATE[verdict.state]
    case = _BY_OUTCOME[verdict.outcome]
    return _AT_ONCE.get(case, case) if at_once else case
