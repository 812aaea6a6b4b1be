"""A ``JobService`` that is no scheduler: it gives a test's answers and records its calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jobcancel import JobState, Outcome, Page, Snapshot, Verdict
from jobcancel.abc import JobService
from jobcancel.errors import JobNotFoundError

UUID = "00000000-0000-4000-8000-000000000001"


def a_job(job_id: str, state: JobState = JobState.RUNNING, **facts: Any) -> Snapshot[Any]:
    """Ann's job."""
    born = datetime(2027, 1, 1, tzinfo=UTC)
    return Snapshot(id=job_id, kind="work", owner="ann", state=state, created_at=born, **facts)


class FakeService:
    """Answers for the given jobs.

    Attributes:
        asked: What was called, in order.
        error: What every call raises, or None.
        verdict: What a cancel answers, or None for the found job's ``canceling``.
        retires: Whether a cancel is the last that is known of a job.
        jobs: By id.
    """

    def __init__(self, *jobs: Snapshot[Any], error: BaseException | None = None) -> None:
        self.asked: list[str] = []
        self.error = error
        self.jobs = {job.id: job for job in jobs}
        self.verdict: Verdict | None = None
        self.retires = False

    async def cancel(self, job_id: str, **options: Any) -> Verdict:
        self._ask("cancel")
        if self.verdict is None:
            job = self._found(job_id, options["owner"])
            return Verdict(job_id, Outcome.CANCELING, job.state, job.stage)
        if self.retires:
            del self.jobs[job_id]
        return self.verdict

    async def get(self, job_id: str, *, owner: str | None = None) -> Snapshot[Any]:
        self._ask("get")
        return self._found(job_id, owner)

    async def wait(self, job_id: str, *, owner: str | None = None, timeout_s: float | None = None) -> Snapshot[Any]:
        self._ask(f"wait {timeout_s}")
        return self._found(job_id, owner)

    async def find(self, **filters: Any) -> Page:
        self._ask("find")
        return Page(tuple(self.jobs.values()), None)

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if self.error is not None:
            raise self.error

    def _found(self, job_id: str, owner: str | None) -> Snapshot[Any]:
        job = self.jobs.get(job_id)
        if job is None or (owner is not None and job.owner != owner):
            raise JobNotFoundError(job_id)
        return job


def service(fake: FakeService) -> JobService:
    """The fake as a ``JobService``, of which it has only the methods that HTTP needs."""
    whole: Any = fake
    typed: JobService = whole
    return typed
