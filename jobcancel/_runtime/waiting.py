"""Waiting for a job to settle."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from jobcancel._core.arguments import PATIENCE
from jobcancel._core.packing import Settled
from jobcancel.errors import DeadlockError

from .job import CURRENT, Job

if TYPE_CHECKING:
    from .kernel import Kernel


async def until_told(kernel: Kernel, job: Job | Settled, timeout_s: float | None = None) -> None:
    """Return when it may be told that the job has settled, or ``timeout_s`` seconds are over.

    That is when it has settled and, with a store, when that is kept: no restart has it settle again. While the store
    fails it is told all the same. A scheduler that was left with the job unsettled keeps nobody waiting.

    Raises:
        TypeError: ``timeout_s`` is no number.
        ValueError: ``timeout_s`` is negative, not a number or too long.
        DeadlockError: The job that asks would wait for itself or for an ancestor.
    """
    if timeout_s is not None:
        timeout_s = PATIENCE.check(timeout_s, "timeout_s", "None for no limit")
    over = isinstance(job, Settled) or job.settled is not None or job.parted
    if over and (kernel.durable is None or kernel.durable.journal.was_tried(job.id)):
        return
    if timeout_s is None or timeout_s == inf:
        await _until_kept(kernel, job)
        return
    scope = kernel.scope_type()
    timer = kernel.timers.add(kernel.now() + timeout_s, scope.cancel)
    try:
        with scope:
            await _until_kept(kernel, job)
    finally:
        timer.cancel()


async def _until_kept(kernel: Kernel, job: Job | Settled) -> None:
    if isinstance(job, Job):
        await until_settled(job)
    if kernel.durable is not None and job.settled is not None:
        await kernel.durable.journal.tried(job.id)


async def until_settled(job: Job) -> None:
    """Return when the job has settled, or the scheduler was left and keeps it.

    Raises:
        DeadlockError: The job that asks would wait for itself or for an ancestor.
    """
    if job.settled is not None or job.parted:
        return
    job.kernel.check_thread("wait")
    _refuse_own(job)
    settled = job.kernel.event_type()  # one a waiter: many on one event are quadratic to cancel
    if job.waiters is None:
        job.waiters = {}
    waiters = job.waiters
    waiters[settled] = None
    try:
        await settled.wait()
    finally:
        waiters.pop(settled, None)


def _refuse_own(job: Job) -> None:
    asking = waiting = CURRENT.get()
    while waiting is not None:
        if waiting is job:
            raise DeadlockError(asking.id if asking else "", f"wait for {job.id}, which is itself or waits for it")
        waiting = waiting.parent
