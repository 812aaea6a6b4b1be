"""Cancelling all of many live jobs, one by one, until all have ended.

Each contender waits for the end in its own cheapest way. Before the stopwatch starts every job waits for ever, on a
bare future.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import aiojobs
import anyio

from jobcancel import JobContext, JobState, Registry, Scheduler

from .rounds import Contender, Stopwatch

registry = Registry()


class Live:
    """Who has begun to wait for ever."""

    def __init__(self, jobs: int) -> None:
        self._missing = jobs
        self._loop = asyncio.get_running_loop()
        self.all = asyncio.Event()

    async def wait_for_ever(self) -> None:
        """Wait for ever."""
        self._missing -= 1
        if not self._missing:
            self.all.set()
        await self._loop.create_future()


@registry.kind("endless")
async def endless(_job: JobContext, live: Live) -> None:
    """Wait for ever."""
    await live.wait_for_ever()


async def raw(jobs: int, watch: Stopwatch) -> None:
    """The floor: ``Task.cancel``."""
    live = Live(jobs)
    tasks = [asyncio.create_task(live.wait_for_ever()) for _ in range(jobs)]
    await live.all.wait()
    with watch:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def scoped(jobs: int, watch: Stopwatch) -> None:
    """The floor of all that cancels by anyio's public means: one scope a task, cancelled from the loop, not a task."""
    live = Live(jobs)
    scopes: list[anyio.CancelScope] = []
    scope_type = type(anyio.CancelScope())

    async def in_scope() -> None:
        with scope_type() as scope:
            scopes.append(scope)
            await live.wait_for_ever()

    def cancel_all() -> None:
        for scope in scopes:
            scope.cancel()

    tasks = [asyncio.create_task(in_scope()) for _ in range(jobs)]
    await live.all.wait()
    with watch:
        asyncio.get_running_loop().call_soon(cancel_all)
        for task in tasks:
            await task


async def jobcancel_ids(jobs: int, watch: Stopwatch) -> None:
    """Jobs, by their ids; a shutdown with a drain waits until the last has settled."""
    async with Scheduler(registry) as scheduler:
        live = Live(jobs)
        ids = [(await scheduler.submit(endless(live))).id for _ in range(jobs)]
        await live.all.wait()
        with watch:
            for job_id in ids:
                await scheduler.cancel(job_id)
            await scheduler.shutdown(drain_s=600)
        for job_id in ids[:: max(1, jobs // 100)]:
            if (await scheduler.get(job_id)).state is not JobState.CANCELED:
                raise RuntimeError(f"{job_id} was to be canceled")


async def anyio_scopes(jobs: int, watch: Stopwatch) -> None:
    """Tasks of one group, each by its own scope; leaving the group waits."""
    live = Live(jobs)
    scopes: list[anyio.CancelScope] = []

    async def scoped() -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            await live.wait_for_ever()

    group = anyio.create_task_group()
    async with group:
        for _ in range(jobs):
            group.start_soon(scoped)
        await live.all.wait()
        watch.__enter__()  # the group's own end is in the measure, its beginning is not
        for scope in scopes:
            scope.cancel()
    watch.__exit__(None, None, None)


async def aiojobs_close(jobs: int, watch: Stopwatch) -> None:
    """aiojobs, without its limit; ``close`` cancels a job and waits for its end, within a time as a job's grace is."""
    async with aiojobs.Scheduler(limit=None, close_timeout=30) as scheduler:
        live = Live(jobs)
        spawned = [await scheduler.spawn(live.wait_for_ever()) for _ in range(jobs)]
        await live.all.wait()
        with watch:
            for job in spawned:
                await job.close()


CONTENDERS: Final[dict[str, Contender]] = {
    "Task.cancel": raw,
    "task + scope": scoped,
    "jobcancel": jobcancel_ids,
    "anyio scopes": anyio_scopes,
    "aiojobs close": aiojobs_close,
}
