"""Waiting for a job to settle."""

from __future__ import annotations

import anyio

from jobcancel.errors import DeadlockError

from .job import CURRENT, Job


async def until_settled(job: Job, timeout_s: float | None = None) -> None:
    """Return when the job has settled, or when ``timeout_s`` seconds are over before that.

    Raises:
        DeadlockError: The job that asks would wait for itself or for an ancestor.
    """
    if job.settled is not None:
        return
    _refuse_own(job)
    settled = anyio.Event()  # one a waiter: many on one event are quadratic to cancel
    if job.waiters is None:
        job.waiters = {}
    waiters = job.waiters
    waiters[settled] = None
    try:
        if timeout_s is None:
            await settled.wait()
        else:
            with anyio.move_on_after(timeout_s):
                await settled.wait()
    finally:
        waiters.pop(settled, None)


def _refuse_own(job: Job) -> None:
    asking = waiting = CURRENT.get()
    while waiting is not None:
        if waiting is job:
            raise DeadlockError(asking.id if asking else "", f"wait for {job.id}, which is itself or waits for it")
        waiting = waiting.parent
