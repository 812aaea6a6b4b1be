"""Blocking functions of a job, in threads that the scheduler counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

from anyio import to_thread

from .job import Job

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run_in_thread(job: Job, fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
    """Run ``fn(*args)`` in a thread and return its value, though a cancel was delivered meanwhile."""
    return await to_thread.run_sync(fn, *args, limiter=job.kernel.limiter)
