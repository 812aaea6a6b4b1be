"""The submitter's side of one job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from jobcancel._core.arguments import flag
from jobcancel._core.decision import Cancellation, Verdict
from jobcancel._core.packing import Settled
from jobcancel._core.plain import text
from jobcancel._core.policies import CancelCause
from jobcancel._core.states import JobState
from jobcancel.errors import JobCanceledError, JobFailedError, SchedulerClosedError

from .job import Job, JobHost, snapshot_of
from .observers import wait_persisted

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Snapshot

R_co = TypeVar("R_co", covariant=True)

_USER: Final = CancelCause.USER
_HAS_VALUE = (JobState.SUCCEEDED, JobState.PARTIALLY_SUCCEEDED)


class Handle(Generic[R_co]):
    """A job's handle; see ``JobHandle`` for its methods.

    It keeps its job readable past its retention. The handle of a scheduler with a store, and of a key whose job was
    dropped before, has the id alone: past the retention it raises ``JobNotFoundError``.
    """

    __slots__ = ("_host", "_job", "created", "kind")

    def __init__(self, host: JobHost, job: Job | Settled | str, kind: str, created: bool = True) -> None:
        self._host = host
        self._job = job
        self.kind: str = kind
        self.created: bool = created

    def __repr__(self) -> str:
        return f"<handle of job {self.id} ({self.kind})>"

    @property
    def id(self) -> str:
        """The job's id."""
        return self._job if isinstance(self._job, str) else self._job.id

    @property
    def job(self) -> Job | Settled:
        """The job.

        Raises:
            JobNotFoundError: The handle has the id alone, and the job's retention is over.
        """
        return self._host.get(self._job) if isinstance(self._job, str) else self._job

    async def cancel(
        self, *, by: str | None = None, reason: str | None = None, defer: bool = False, force: bool = False
    ) -> Verdict:
        """Ask for a cancel."""
        verdicts = await self._host.request_cancels([self.job], by, reason, defer=defer, force=force)
        return verdicts[self.id]

    async def wait(self, *, timeout_s: float | None = None) -> Snapshot[R_co]:
        """Wait until the job is settled or the time is up."""
        job = self.job
        await wait_persisted(self._host, job, timeout_s)
        return cast("Snapshot[R_co]", snapshot_of(job))

    async def result(self) -> R_co:
        """Wait until the job is settled and return its value."""
        job = self.job
        if job.settled is None or not self._host.journal.is_current(job.id):
            await wait_persisted(self._host, job)
        if job.state in _HAS_VALUE:
            value: R_co = job.result
            return value
        if isinstance(job, Job) and job.settled is None:
            raise SchedulerClosedError(f"give the result of job {job.id}, which is {job.state} in its journal")
        snapshot = snapshot_of(job)
        raise (JobCanceledError if snapshot.state is JobState.CANCELED else JobFailedError)(snapshot)


def user_request(by: str | None, reason: str | None, *, defer: bool, force: bool) -> Cancellation:
    """Return a user's request for the cancel of one job.

    Raises:
        TypeError: ``by`` or ``reason`` is no string, or ``defer`` or ``force`` no bool.
        ValueError: A string has a surrogate pair.
    """
    if by is not None or reason is not None:
        by, reason = text(by, "by"), text(reason, "reason")
    return Cancellation(_USER, by, reason, flag(defer, "defer"), flag(force, "force"))
