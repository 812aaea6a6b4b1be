"""A host's thread that uses the scheduler from outside of its loop while the clients do from inside."""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio
from anyio import to_thread

from jobcancel import Scheduler
from jobcancel.errors import JobNotFoundError, SchedulerClosedError

from .handlers import Setting

JOBS: Final = 30  # of one session


async def outside(setting: Setting, scheduler: Scheduler) -> None:
    """Run such a thread until it has done its part or the scheduler closes."""
    await to_thread.run_sync(partial(_submit_and_wait, setting, scheduler), limiter=anyio.CapacityLimiter(1))


def _submit_and_wait(setting: Setting, scheduler: Scheduler) -> None:
    """Submit, wait and read; those who follow children judge these jobs too."""
    jobs, child = scheduler.from_thread, setting.registry["child"]
    try:
        for number in range(JOBS):
            handle = jobs.submit(child())
            setting.ledger.from_threads += 1
            if number % 2:
                state = handle.wait().state
                if jobs.get(handle.id).state != state:
                    setting.ledger.findings.add("a terminal state was left", handle.id)
    except (SchedulerClosedError, JobNotFoundError):
        pass  # it closes under the thread, or the job is past its retention
