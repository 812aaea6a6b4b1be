"""From the submit of a no-op to its result, and what stages add to it: many submitted, then each one's end awaited."""

from __future__ import annotations

import asyncio
from typing import Final

import aiojobs
import anyio

from jobcancel import JobContext, Kind, Registry, Scheduler, Stage

from .rounds import Contender, Stopwatch

STAGES: Final = 10  # passages a job; one alone would drown in the noise of two measurements
JOB_WITH_STAGES: Final = f"jobcancel, {STAGES} stages"

registry = Registry()


@registry.kind("noop")
async def noop(_job: JobContext) -> None:
    """Do nothing."""


@registry.kind("staged", stages=[Stage("work")])
async def staged(job: JobContext) -> None:
    """Enter and leave a stage, time and again."""
    for _ in range(STAGES):
        async with job.stage("work"):
            pass


async def nothing() -> None:
    """Do nothing."""


async def raw(jobs: int, watch: Stopwatch) -> None:
    """The floor: tasks of the loop."""
    with watch:
        tasks = [asyncio.create_task(nothing()) for _ in range(jobs)]
        for task in tasks:
            await task


async def scoped(jobs: int, watch: Stopwatch) -> None:
    """The floor of all that cancels by anyio's public means: a task of the loop, and one scope in it."""
    scope_type = type(anyio.CancelScope())

    async def in_scope() -> None:
        with scope_type():
            await nothing()

    with watch:
        tasks = [asyncio.create_task(in_scope()) for _ in range(jobs)]
        for task in tasks:
            await task


async def jobcancel_noop(jobs: int, watch: Stopwatch) -> None:
    """Jobs."""
    await _jobcancel(noop, jobs, watch)


async def jobcancel_staged(jobs: int, watch: Stopwatch) -> None:
    """Jobs with stages."""
    await _jobcancel(staged, jobs, watch)


async def _jobcancel(kind: Kind[[], None], jobs: int, watch: Stopwatch) -> None:
    async with Scheduler(registry) as scheduler:
        with watch:
            handles = [await scheduler.submit(kind()) for _ in range(jobs)]
            for handle in handles:
                await handle.result()


async def anyio_group(jobs: int, watch: Stopwatch) -> None:
    """Tasks that can be cancelled one by one: a scope for each, in a task group."""

    async def scoped() -> None:
        with anyio.CancelScope():
            await nothing()

    with watch:
        async with anyio.create_task_group() as group:
            for _ in range(jobs):
                group.start_soon(scoped)


async def aiojobs_scheduler(jobs: int, watch: Stopwatch) -> None:
    """aiojobs, without its limit: nobody queues."""
    async with aiojobs.Scheduler(limit=None) as scheduler:
        with watch:
            spawned = [await scheduler.spawn(nothing()) for _ in range(jobs)]
            for job in spawned:
                await job.wait()


CONTENDERS: Final[dict[str, Contender]] = {
    "raw task": raw,
    "task + scope": scoped,
    "jobcancel": jobcancel_noop,
    JOB_WITH_STAGES: jobcancel_staged,
    "anyio group + scope": anyio_group,
    "aiojobs": aiojobs_scheduler,
}
