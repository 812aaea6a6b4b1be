"""The same work for every contender: no-ops that are begun and awaited, and endless ones that are cancelled."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio

from jobcancel import JobContext, JobState, Kind, Registry, Scheduler, Stage

from .rounds import Contender, Stopwatch

STAGES: Final = 10  # passages a job; one alone would drown in the noise of two measurements

registry = Registry()


def ever() -> Callable[[], Awaitable[object]]:
    """Return this loop's barest way to wait for ever."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return trio.sleep_forever  # type: ignore[no-any-return]
    import asyncio  # noqa: PLC0415

    return asyncio.get_running_loop().create_future


class Live:
    """Who has begun to wait for ever."""

    def __init__(self, jobs: int) -> None:
        self._missing = jobs
        self._ever = ever()
        self.all = anyio.Event()

    async def wait_for_ever(self) -> None:
        """Wait for ever."""
        self._missing -= 1
        if not self._missing:
            self.all.set()
        await self._ever()


async def nothing() -> None:
    """Do nothing."""


@registry.kind("noop")
async def noop(_job: JobContext) -> None:
    """Do nothing."""


@registry.kind("staged", stages=[Stage("work")])
async def staged(job: JobContext) -> None:
    """Enter and leave a stage, time and again."""
    for _ in range(STAGES):
        async with job.stage("work"):
            pass


@registry.kind("endless")
async def endless(_job: JobContext, live: Live) -> None:
    """Wait for ever."""
    await live.wait_for_ever()


def settling(kind: Kind[[], None]) -> Contender:
    """Return the contender that submits jobs of a kind and awaits each one's result."""

    async def settle(jobs: int, watch: Stopwatch) -> None:
        async with Scheduler(registry) as scheduler:
            with watch:
                handles = [await scheduler.submit(kind()) for _ in range(jobs)]
                for handle in handles:
                    await handle.result()

    return settle


async def anyio_group(jobs: int, watch: Stopwatch) -> None:
    """Tasks that can be cancelled one by one: a scope for each, in a task group."""

    async def scoped() -> None:
        with anyio.CancelScope():
            await nothing()

    with watch:
        async with anyio.create_task_group() as group:
            for _ in range(jobs):
                group.start_soon(scoped)


async def cancel_by_id(jobs: int, watch: Stopwatch) -> None:
    """Cancel jobs by their ids; a shutdown with a drain waits until the last has settled."""
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


async def cancel_scopes(jobs: int, watch: Stopwatch) -> None:
    """Cancel the tasks of one group, each by its own scope; leaving the group waits."""
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


def native(name: str) -> Any:
    """Return the contenders that use the loop itself: a raw task, and one with a scope."""
    if name == "trio":
        from . import native_trio  # noqa: PLC0415

        return native_trio
    from . import native_asyncio  # noqa: PLC0415

    return native_asyncio
