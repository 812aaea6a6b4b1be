"""How an accepted cancel reaches the job's code, and what happens when the code does not stop.

Deliveries are queued and made from a callback of the loop, in chunks: ``CancelScope.cancel()`` inside a task formats
that task's ``repr``, and a hundred thousand at once would stall the loop.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from jobcancel._core.endings import Ending
from jobcancel._core.policies import OnGraceExpired

from .job import CURRENT, Job, JobHost
from .log import guard, log_job

_CHUNK: Final = 200  # deliveries in one turn of the loop: their jobs all end in the next
_SAMPLE_S: Final = 0.5  # between two samples of a job whose cancel was delivered
_MAX_CANCELS: Final = (
    100  # repeated cancellations between two samples; more mean that the job swallows them, a correct job has a few
)


class Deliveries:
    """The queued deliveries, and the jobs that still unwind after theirs.

    Args:
        host: What runs the jobs.
        cancel_child: Requests the cancel of a child because its parent's children are canceled.
    """

    def __init__(self, host: JobHost, cancel_child: Callable[[Job, Job], None]) -> None:
        self._host, self._cancel_child = host, cancel_child
        self._queue: deque[Job] = deque()
        self._flushing = False
        self._unwinding: deque[Job] = deque()
        self._watching = False

    def queue(self, job: Job) -> None:
        """Deliver from a loop callback. A job that cancels itself gets it at once, before its next checkpoint."""
        if CURRENT.get() is job:
            self.deliver(job)
            return
        self._queue.append(job)
        if not self._flushing:
            self._flushing = True
            self._host.loop.soon(self._flush)

    def clear(self) -> None:
        """Forget all deliveries and unwinding jobs: the session is over, and all jobs have settled."""
        self._queue.clear()
        self._unwinding.clear()  # the next sample may be a session away, and would keep the jobs until then
        self._flushing = False

    def _flush(self) -> None:
        for _ in range(min(_CHUNK, len(self._queue))):
            guard("a delivery", partial(self.deliver, self._queue.popleft()))
        self._flushing = bool(self._queue)
        if self._flushing:
            self._host.loop.soon(self._flush)

    def deliver(self, job: Job) -> None:
        """Deliver now: cancel the job's scope, then its children. No effect on a second delivery, or after the end."""
        if job.code_ended and not job.children:
            return  # the code has ended, and compensations are not disturbed
        if not job.deliver(self._host.now()):
            return
        if job.scope is not None and not job.code_ended:
            job.scope.cancel()
        if job.children:
            self.cancel_children(job)
        else:
            self.start_grace(job)
        self._watch(job)

    def cancel_children(self, job: Job) -> None:
        """Ask every unsettled child to cancel; each has its own policy."""
        for child in list((job.children or {}).values()):
            self._cancel_child(child, job)

    def start_grace(self, job: Job) -> None:
        """Start the grace of a job whose cancel was delivered and whose children, if any, have settled."""
        if not job.code_ended and job.settled is None:
            job.grace_ends = self._host.now() + job.spec.grace_s
            if job.spec.grace_s < _SAMPLE_S:
                self._arm_grace(job, job.grace_ends)

    def _arm_grace(self, job: Job, deadline: float) -> None:
        job.grace_ends = None
        job.arm(self._host.timers.add(deadline, lambda: self._grace_expired(job)))

    def open_shields(self, job: Job) -> None:
        """Open the library's own shields inside the job: a polite wait for a process ends."""
        for scope in job.polite_scopes or ():
            scope.shield = False

    def _grace_expired(self, job: Job) -> None:
        cancel = job.cancel
        if job.code_ended or job.settled is not None or cancel is None:
            return
        now, policy = self._host.now(), job.spec.on_grace_expired
        if policy is OnGraceExpired.ABANDON:
            cancel.abandoned = True
            job.leave_stage("abandoned", now, raised=True)
            self._host.end(job, *job.ending(Ending.ABANDONED))
            return
        if policy is OnGraceExpired.FORCE:
            cancel.forced = True
            job.note("forced", now)
            self.open_shields(job)
            return
        cancel.stuck = True
        job.note("stuck", now)
        log_job(logging.WARNING, job, "is still canceling %g s after its cancel was delivered", job.spec.grace_s)

    def _watch(self, job: Job) -> None:
        self._unwinding.append(job)
        if not self._watching:
            self._watching = True
            self._host.timers.add(self._host.now() + _SAMPLE_S, self._sample_all)

    def _sample_all(self) -> None:
        """Sample every job that still unwinds; one that is cancelled over and over swallows the cancellation."""
        still = deque(job for job in self._unwinding if not job.code_ended)
        self._unwinding = still
        for job in still:
            guard("the watch on a job that unwinds", partial(self._sample, job))
        self._watching = bool(still)
        if still:
            self._host.timers.add(self._host.now() + _SAMPLE_S, self._sample_all)
        else:
            self._host.loop.relax()

    def _sample(self, job: Job) -> None:
        sample = self._host.loop.strain(job.task)
        if job.cancel_count is not None and sample - job.cancel_count > _MAX_CANCELS:
            self._unresponsive(job)
        job.cancel_count = sample
        if job.grace_ends is not None:  # a job that ends before the first sample costs no timer
            self._arm_grace(job, job.grace_ends)

    def _unresponsive(self, job: Job) -> None:
        cancel = job.cancel
        if cancel is None or cancel.unresponsive:
            return
        cancel.unresponsive = True
        job.note("unresponsive", self._host.now())
        log_job(
            logging.WARNING,
            job,
            "swallows its cancellation over and over and keeps a processor busy; re-raise the cancellation",
        )
