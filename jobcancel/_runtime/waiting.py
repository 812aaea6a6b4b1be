"""Waiting for a job to settle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from jobcancel.errors import DeadlockError

from .job import CURRENT, Job

if TYPE_CHECKING:
    from .kernel import Kernel


async def until_settled(job: Job, timeout_s: float | None = None) -> None:
    """Return when the job has settled, ``timeout_s`` seconds are over, or the scheduler was left and keeps it.

    Raises:
        DeadlockError: The job that asks would wait for itself or for an ancestor.
    """
    if job.settled is not None or job.parted:
        return
    _refuse_own(job)
    settled = job.kernel.event_type()  # one a waiter: many on one event are quadratic to cancel
    if job.waiters is None:
        job.waiters = {}
    waiters = job.waiters
    waiters[settled] = None
    try:
        if timeout_s is None:
            await settled.wait()
        else:
            await _within(job.kernel, timeout_s, settled)
    finally:
        waiters.pop(settled, None)


async def _within(kernel: Kernel, timeout_s: float, event: anyio.Event) -> None:
    scope = kernel.scope_type()
    timer = kernel.timers.add(kernel.now() + timeout_s, scope.cancel)
    try:
        with scope:
            await event.wait()
    finally:
        timer.cancel()


def _refuse_own(job: Job) -> None:
    asking = waiting = CURRENT.get()
    while waiting is not None:
        if waiting is job:
            raise DeadlockError(asking.id if asking else "", f"wait for {job.id}, which is itself or waits for it")
        waiting = waiting.parent
