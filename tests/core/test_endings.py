"""Every way in which a job can end, with every cause of a cancel or none."""

from __future__ import annotations

import pytest

from jobcancel import CancelCause
from jobcancel._core.endings import Ending, decide_ending

# ending, cause of the cancel, a child ended canceled, event, code
ENDS = [
    ("returned", None, False, "succeeded", None),
    ("returned", None, True, "succeeded", None),
    ("returned", "user", False, "succeeded", None),
    ("returned", "timeout", False, "succeeded", None),
    ("returned", "user", True, "unwound", None),
    ("returned", "shutdown", True, "unwound", None),
    ("returned", "parent", True, "unwound", None),
    ("returned", "timeout", True, "failed", "TIMED_OUT"),
    ("partial", None, False, "partially_succeeded", None),
    ("partial", None, True, "partially_succeeded", None),
    ("partial", "user", False, "partially_succeeded", None),
    ("partial", "user", True, "unwound", None),
    ("partial", "timeout", True, "failed", "TIMED_OUT"),
    ("unwound", "user", False, "unwound", None),
    ("unwound", "shutdown", False, "unwound", None),
    ("unwound", "parent", True, "unwound", None),
    ("unwound", "timeout", False, "failed", "TIMED_OUT"),
    ("abandoned", "user", False, "abandoned", None),
    ("abandoned", "shutdown", True, "abandoned", None),
    ("abandoned", "parent", False, "abandoned", None),
    ("abandoned", "timeout", True, "failed", "TIMED_OUT"),
    ("interrupted", None, False, "interrupted", None),
    ("interrupted", "user", False, "unwound", None),
    ("interrupted", "timeout", False, "failed", "TIMED_OUT"),
    *[("lost", cause, False, "failed", "WORKER_LOST") for cause in (None, "user", "shutdown", "timeout", "parent")],
    *[("raised", cause, False, "failed", "HANDLER_ERROR") for cause in (None, "user", "shutdown", "timeout", "parent")],
    *[
        ("foreign", cause, True, "failed", "FOREIGN_CANCEL")
        for cause in (None, "user", "shutdown", "timeout", "parent")
    ],
    *[("expired", cause, False, "failed", "EXPIRED") for cause in (None, "user", "shutdown", "timeout", "parent")],
]


@pytest.mark.parametrize(("ending", "cause", "child_canceled", "event", "code"), ENDS)
def test_a_job_ends_as_specified(
    ending: str, cause: str | None, child_canceled: bool, event: str, code: str | None
) -> None:
    accepted = None if cause is None else CancelCause(cause)
    assert decide_ending(Ending(ending), accepted, int(child_canceled)) == (event, code)
    assert decide_ending(Ending(ending), accepted, 3 * child_canceled) == (event, code)
