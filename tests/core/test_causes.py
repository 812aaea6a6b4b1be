"""Why something happened: the words that a host stores and compares, and what a failure says."""

from __future__ import annotations

import pytest

from jobcancel import CancelCause, Failure, FailureCode
from jobcancel._core.endings import MESSAGES


def test_causes_and_failure_codes_are_the_specified_words() -> None:
    assert list(CancelCause) == ["user", "shutdown", "timeout", "parent"]
    assert list(FailureCode) == [
        "HANDLER_ERROR",
        "TIMED_OUT",
        "FOREIGN_CANCEL",
        "WORKER_LOST",
        "EXPIRED",
        "CLEANUP_FAILED",
    ]


def test_a_failure_without_details_has_its_own_empty_mapping() -> None:
    first, second = Failure(FailureCode.EXPIRED, "late"), Failure(FailureCode.EXPIRED, "late")
    assert first.details == {}
    assert first.details is not second.details


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("TIMED_OUT", "the job's time was over and its code has unwound, or still runs (abandoned)"),
        ("FOREIGN_CANCEL", "a cancellation that was not requested came out of the job's code"),
        ("EXPIRED", "the job waited longer than its kind's expires_s for its start"),
    ],
)
def test_a_failure_without_an_error_has_a_one_line_message(code: str, message: str) -> None:
    assert MESSAGES[FailureCode(code)] == message
