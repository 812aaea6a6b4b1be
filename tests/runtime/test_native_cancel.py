"""asyncio's own ``Task.cancel()``, which pierces every shield: of the host and of a job that waits for its children."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jobcancel import JobContext, Registry, Scheduler

NATIVE = [("asyncio", {"debug": True}), ("asyncio", {"use_uvloop": True})]  # trio has no such thing


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_native_cancel_while_the_scheduler_opens_closes_it_again(
    registry: Registry, anyio_backend: Any
) -> None:
    scheduler = Scheduler(registry)
    entered = asyncio.Event()

    async def host() -> None:
        async with scheduler:
            entered.set()

    task = asyncio.create_task(host())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not entered.is_set()
    assert scheduler.portal() is None
    async with scheduler:  # nothing was left open
        assert scheduler.portal() is not None


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_native_cancel_of_a_shutdown_is_raised_after_the_last_job_has_ended(
    registry: Registry, anyio_backend: Any
) -> None:
    inside, release = asyncio.Event(), asyncio.Event()

    @registry.kind("work", on_cancel="refuse")
    async def work(job: JobContext) -> None:
        inside.set()
        await release.wait()

    async with Scheduler(registry) as scheduler:
        running = await scheduler.submit(work())
        await inside.wait()
        shutdown = asyncio.create_task(scheduler.shutdown())
        async with scheduler.watch(running.id) as snapshots:
            async for snapshot in snapshots:
                if snapshot.cancel is not None:
                    break
        shutdown.cancel()
        await asyncio.wait([shutdown], timeout=0)
        assert not shutdown.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await shutdown
        assert (await running.wait()).settled


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_native_cancel_of_a_job_that_waits_for_its_children_is_recorded_and_tears_nobody(
    registry: Registry, anyio_backend: Any
) -> None:
    inside, release = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[Any] | None] = []

    @registry.kind("child")
    async def child(job: JobContext) -> None:
        inside.set()
        await release.wait()

    @registry.kind("parent")
    async def parent(job: JobContext) -> str:
        tasks.append(asyncio.current_task())
        await job.submit(child())
        return "returned"

    async with Scheduler(registry) as scheduler:
        handle = await scheduler.submit(parent())
        await inside.wait()
        for task in tasks:
            assert task is not None
            task.cancel()
        async with scheduler.watch(handle.id) as snapshots:
            async for snapshot in snapshots:
                if any(entry.step == "pierced" for entry in snapshot.history):
                    break
        release.set()
        assert await handle.result() == "returned"
