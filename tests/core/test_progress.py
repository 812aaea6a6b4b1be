from __future__ import annotations

from typing import Any

import pytest

from jobcancel import BatchProgress, JobState, Progress
from jobcancel._core.job import ProgressRecord
from jobcancel._core.view import progress_of


def test_a_job_without_reports_has_no_progress() -> None:
    assert progress_of(None) is None


def test_progress_without_a_batch_is_the_jobs_own_report() -> None:
    record = ProgressRecord(done=3, total=7, message="cloning")
    assert progress_of(record.plain()) == Progress(3, 7, "cloning", None)


def test_a_batch_alone_shows_its_settled_children_of_all() -> None:
    record = ProgressRecord(children=["a", "b", "c", "d", "e"])
    for state in ("succeeded", "partially_succeeded", "failed", "canceled"):
        record.child_settled(JobState(state))
    assert progress_of(record.plain()) == Progress(4, 5, None, BatchProgress(5, 2, 1, 1, 1, ("a", "b", "c", "d", "e")))


def test_a_batch_does_not_overwrite_the_jobs_own_report() -> None:
    record = ProgressRecord(done=10, total=None, message="half", children=["a"])
    assert progress_of(record.plain()) == Progress(10, None, "half", BatchProgress(1, 0, 0, 0, 1, ("a",)))


@pytest.mark.parametrize(
    ("state", "counts"),
    [("succeeded", (1, 0, 0)), ("partially_succeeded", (1, 0, 0)), ("failed", (0, 1, 0)), ("canceled", (0, 0, 1))],
)
def test_a_settled_child_counts_once(state: str, counts: tuple[int, ...]) -> None:
    record = ProgressRecord(children=["a"])
    record.child_settled(JobState(state))
    assert (record.succeeded, record.failed, record.canceled) == counts


def test_a_message_alone_counts_as_nothing_done() -> None:
    reported: tuple[Any, ...] = (None, None, "waiting", (), 0, 0, 0)
    assert progress_of(reported) == Progress(0, None, "waiting", None)


def test_every_child_counts_not_only_the_first() -> None:
    record = ProgressRecord(children=["a", "b", "c", "d", "e", "f"])
    for state in ("failed", "failed", "canceled", "canceled", "succeeded", "succeeded"):
        record.child_settled(JobState(state))
    assert (record.succeeded, record.failed, record.canceled) == (2, 2, 2)


def test_missing_parts_of_a_progress_are_none() -> None:
    assert Progress(3) == Progress(3, None, None, None)
    assert ProgressRecord().plain() == (None, None, None, (), 0, 0, 0)


def test_two_jobs_with_equal_progress_do_not_share_it() -> None:
    assert ProgressRecord(done=1) != ProgressRecord(done=1)
    assert len({ProgressRecord(done=1), ProgressRecord(done=1)}) == 2
