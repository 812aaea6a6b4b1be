"""Blocking functions: a job's, in threads that the scheduler counts, and those that nobody may keep waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

from anyio import CapacityLimiter, to_thread

from .job import Job

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run_in_thread(job: Job, fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
    """Run ``fn(*args)`` in a thread and return its value, though a cancel was delivered meanwhile."""
    return await to_thread.run_sync(fn, *args, limiter=job.kernel.limiter)


async def run_at_once(fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
    """Run ``fn(*args)`` in a thread that counts nowhere: the host's threads may all wait for what comes of it."""
    return await to_thread.run_sync(fn, *args, limiter=CapacityLimiter(1))
