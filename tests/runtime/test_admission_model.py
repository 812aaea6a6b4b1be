"""The admission against a model without queues, heaps or tombstones: every job that may start has started."""

from __future__ import annotations

from typing import Any, cast

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from jobcancel import JobContext
from jobcancel._core.job import NO_ORIGIN
from jobcancel._core.kinds import Kind
from jobcancel._core.specs import KindSpec
from jobcancel._runtime.admission import Admission
from jobcancel._runtime.job import Job, Slot

KINDS = {
    "one": KindSpec(name="one", max_running=1),
    "two": KindSpec(name="two", max_running=2),
    "free": KindSpec(name="free"),
}


@define(eq=False)
class Expected:
    """A job as the model knows it. ``at`` is ``waits``, ``runs`` or ``gone``."""

    kind: str
    child: bool
    job: Job
    at: str = "waits"


class Model:
    """Starts the oldest that may start, children before the others, until none may."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.jobs: list[Expected] = []

    def nth(self, at: str, number: int) -> list[Expected]:
        """The job at that index, modulo the number of jobs; None if there is none."""
        there = [job for job in self.jobs if job.at == at]
        return [there[number % len(there)]] if there else []

    def start_all(self) -> list[Job]:
        started: list[Job] = []
        while (found := self._next()) is not None:
            found.at = "runs"
            started.append(found.job)
        return started

    def _next(self) -> Expected | None:
        waiting = [job for job in self.jobs if job.at == "waits"]
        for job in sorted(waiting, key=lambda job: not job.child):  # stable: by age within each
            most = KINDS[job.kind].max_running
            full = most is not None and self._running(kind=job.kind) >= most
            crowded = not job.child and self.limit is not None and self._running(child=False) >= self.limit
            if not full and not crowded:
                return job
        return None

    def _running(self, kind: str | None = None, *, child: bool | None = None) -> int:
        return sum(job.at == "runs" and kind in (None, job.kind) and child in (None, job.child) for job in self.jobs)


PARENT = cast(Job, object())
steps = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.sampled_from(list(KINDS)), st.booleans()),
        st.tuples(st.just("end"), st.integers(0, 20), st.none()),
        st.tuples(st.just("withdraw"), st.integers(0, 20), st.none()),
    ),
    max_size=60,
)


async def handler(job: JobContext) -> None:
    """Never begins."""


def new_job(kind: str, number: int, *, child: bool) -> Job:
    parent = PARENT if child else None
    call = Kind(KINDS[kind], handler)()
    return Job(cast(Any, None), call, parent, f"job_{number}", number, 0.0, 0.0, NO_ORIGIN, None, None)


@given(steps, st.sampled_from([None, 1, 2]))
def test_every_job_that_may_start_has_started_oldest_first(
    script: list[tuple[str, Any, bool | None]], limit: int | None
) -> None:
    admission, model = Admission(limit), Model(limit)
    for number, (what, which, child) in enumerate(script):
        started: list[Job] = []
        if what == "submit":
            expected = Expected(which, bool(child), new_job(which, number, child=bool(child)))
            model.jobs.append(expected)
            started = [expected.job] if admission.admit(expected.job) else []
        elif what == "end":
            for ended in model.nth("runs", which):
                ended.at = "gone"
                started = list(admission.release(ended.job))
        else:
            for ended in model.nth("waits", which):
                ended.at = "gone"
                admission.withdraw(ended.job)
        assert started == model.start_all()


@pytest.mark.parametrize("child", [False, True])
def test_without_any_limit_a_job_starts_and_holds_no_slot(child: bool) -> None:
    admission, job = Admission(None), new_job("free", 1, child=child)
    assert admission.admit(job)
    assert job.slot is Slot.NONE
    assert list(admission.release(job)) == []


def test_a_free_slot_goes_to_the_oldest_job_that_needs_it() -> None:
    admission = Admission(None)
    first, second, third = (new_job("one", number, child=False) for number in range(3))
    assert [admission.admit(job) for job in (first, second, third)] == [True, False, False]
    assert list(admission.release(first)) == [second]
    assert list(admission.release(first)) == [], "it has none any more"
    assert list(admission.release(second)) == [third]
    assert list(admission.release(third)) == []
