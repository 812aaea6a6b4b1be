"""A cancel that is kept before it is answered: the request, then the verdict, and what was registered in between."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from jobcancel._core.decision import Cancellation, Outcome, Verdict
from jobcancel._core.packing import Settled
from jobcancel.errors import SchedulerClosedError, StoreError

from .durable_job import durable
from .handle import user_request
from .job import CURRENT, Job
from .ticket import Ticket

if TYPE_CHECKING:
    from .durable import DurableKernel

_LATER: Final = (Outcome.CANCELING, Outcome.DEFERRED)  # the job goes on until the cancel reaches it
_CHANGES: Final = (Outcome.CANCELED, *_LATER)


async def cancel_durably(
    kernel: DurableKernel,
    jobs: Iterable[Job | Settled],
    by: str | None,
    reason: str | None,
    *,
    defer: bool,
    force: bool,
) -> dict[str, Verdict]:
    """Let a user ask for the cancel of jobs, in one commit, and return the verdicts by id when they are kept.

    Raises:
        StoreError: A request could not be kept: of that job nothing was applied.
        SchedulerClosedError: A request would change something, and the store is closed.
    """
    asked = [(job, _ask(kernel, job, user_request(by, reason, defer=defer, force=force))) for job in jobs]
    verdicts = {job.id: await _answer(kernel, job, each) for job, each in asked}
    decided = [job for job, each in asked if isinstance(each, Ticket)]
    while late := [job.id for job in decided if _overtaken(kernel, job, verdicts[job.id])]:
        for ticket in [kernel.journal.attempt(job_id) for job_id in late]:
            with suppress(StoreError):  # the cancel is applied: no error is due
                await ticket.answer()
    return verdicts


def _ask(kernel: DurableKernel, job: Job | Settled, request: Cancellation) -> Ticket[Verdict] | Verdict:
    """Decide a request, or, if it would change anything, have it kept before that."""
    verdict = job.verdict(request)
    if isinstance(job, Settled) or verdict.outcome not in _CHANGES:
        return verdict
    if kernel.journal.closed:
        raise SchedulerClosedError("cancel")
    kernel.check_thread("cancel")
    pages = durable(job).pages
    pages.ask(request)
    return kernel.journal.promise(pages, Asked(kernel, job, request))


async def _answer(kernel: DurableKernel, job: Job | Settled, asked: Ticket[Verdict] | Verdict) -> Verdict:
    verdict = asked if isinstance(asked, Verdict) else await asked.answer()
    if isinstance(job, Job) and CURRENT.get() is job and verdict.outcome is Outcome.CANCELING:
        kernel.deliveries.deliver(job)  # it cancels itself: its next checkpoint may come before the loop's turn
    if isinstance(asked, Verdict) or verdict.outcome not in _CHANGES:
        await kernel.journal.commit(job.id)
    return verdict


def _overtaken(kernel: DurableKernel, job: Job | Settled, verdict: Verdict) -> bool:
    """Return whether a job has registered compensations that are to be kept before its cancel is answered.

    It goes on, and may have ended by now. Another process would decide the request anew, and undo what it knows of.
    """
    if verdict.outcome not in _LATER or not isinstance(job, Job) or kernel.journal.was_tried(job.id):
        return False
    return not durable(job).pages.knows_undo


class Asked(Ticket[Verdict]):
    """Somebody waits for a verdict."""

    __slots__ = ("_job", "_request")

    def __init__(self, kernel: DurableKernel, job: Job, request: Cancellation) -> None:
        super().__init__(kernel)
        self._job, self._request = job, request

    def apply(self) -> Verdict:
        """Decide, and do what follows."""
        pages = durable(self._job).pages
        pages.answer(self._request)
        durable(self._job).journal.write(pages)
        return self._kernel.cancel(self._job, self._request)

    def give_up(self) -> None:
        """Ask no longer."""
        durable(self._job).pages.answer(self._request)
