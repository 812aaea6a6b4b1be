"""What ``wait``, ``result`` and ``watch`` tell of a settled job is kept: no restart has it settle in another way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from jobcancel import JobContext, JobHandle, JobState, Registry, Scheduler, StoreError
from jobcancel.testing import ManualClock

from .gated import GatedStore
from .restarts import ended, settle, written

Ask = Callable[[Scheduler, JobHandle[str]], Awaitable[Any]]


async def _wait(_: Scheduler, handle: JobHandle[str]) -> Any:
    return (await handle.wait()).result


async def _wait_by_id(scheduler: Scheduler, handle: JobHandle[str]) -> Any:
    return (await scheduler.wait(handle.id)).result


async def _result(_: Scheduler, handle: JobHandle[str]) -> Any:
    return await handle.result()


async def _watch(scheduler: Scheduler, handle: JobHandle[str]) -> Any:
    async with scheduler.watch(handle.id) as snapshots:
        return [snapshot.result async for snapshot in snapshots][-1]


WAYS = pytest.mark.parametrize("ask", [_wait, _wait_by_id, _result, _watch])


@asynccontextmanager
async def one_job(registry: Registry, **options: Any) -> AsyncGenerator[Any]:
    """A job that ends when it is let, while no commit passes the gate."""
    store, go_on = GatedStore(), anyio.Event()

    @registry.kind("work")
    async def work(job: JobContext) -> str:
        await go_on.wait()
        return "done"

    async with Scheduler(registry, store=store, **options) as scheduler, anyio.create_task_group() as group:
        handle = await scheduler.submit(work())
        await written(scheduler)
        store.closed = True
        yield scheduler, store, handle, go_on, group
        store.open_gate()
        group.cancel_scope.cancel()


@WAYS
async def test_who_waits_is_told_when_the_end_is_kept_and_not_before(registry: Registry, ask: Ask) -> None:
    told: list[Any] = []
    async with one_job(registry) as (scheduler, store, handle, go_on, group):

        async def asks() -> None:
            told.append(await ask(scheduler, handle))

        group.start_soon(asks)
        await settle()
        go_on.set()
        await store.arrived()  # at once: somebody waits for it
        await settle()
        assert (await scheduler.get(handle.id)).state is JobState.SUCCEEDED  # as it is now; a kill may undo it
        assert told == []
        store.open_gate()
        while not told:
            await anyio.lowlevel.checkpoint()
        assert told == ["done"]
        assert [body for job_id, body in store.bodies if job_id == handle.id][-1]["final"] is True


@WAYS
async def test_who_comes_when_the_job_has_settled_is_told_when_that_is_kept(registry: Registry, ask: Ask) -> None:
    told: list[Any] = []
    async with one_job(registry) as (scheduler, store, handle, go_on, group):
        go_on.set()
        await ended(scheduler, handle.id)

        async def asks() -> None:
            told.append(await ask(scheduler, handle))

        group.start_soon(asks)
        await store.arrived()
        await settle()
        assert told == []
        store.open_gate()
        while not told:
            await anyio.lowlevel.checkpoint()
        assert told == ["done"]


@WAYS
async def test_while_the_store_fails_who_waits_is_told_all_the_same(registry: Registry, ask: Ask) -> None:
    told: list[Any] = []
    async with one_job(registry) as (scheduler, store, handle, go_on, group):

        async def asks() -> None:
            told.append(await ask(scheduler, handle))

        group.start_soon(asks)
        await settle()
        go_on.set()
        await store.arrived()
        store.fail_one()
        while not told:
            await anyio.lowlevel.checkpoint()
        assert told == ["done"]
        store.open_gate()
        await written(scheduler)
        assert [body for job_id, body in store.bodies if job_id == handle.id][-1]["final"] is True


async def test_a_wait_for_a_commit_ends_with_its_time(registry: Registry, clock: ManualClock) -> None:
    told: list[Any] = []
    async with one_job(registry, clock=clock) as (scheduler, store, handle, go_on, group):

        async def asks() -> None:
            told.append(await scheduler.wait(handle.id, timeout_s=5))

        group.start_soon(asks)
        await settle()
        go_on.set()
        await store.arrived()
        await settle()
        assert told == []
        await clock.advance(5)
        await settle()
        assert [snapshot.state for snapshot in told] == [JobState.SUCCEEDED]


async def test_a_wait_for_a_commit_can_be_canceled(registry: Registry) -> None:
    async with one_job(registry) as (_, store, handle, go_on, _):
        go_on.set()
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def asks() -> None:
                    await handle.wait()
                    raise AssertionError("it was told")

                group.start_soon(asks)
                await store.arrived()
                await settle()
                scope.cancel()
        assert scope.cancelled_caught


async def test_what_could_not_be_kept_before_the_scheduler_was_left_is_told_at_once(
    registry: Registry, clock: ManualClock
) -> None:
    handles: list[JobHandle[str]] = []

    async def left_while_the_disk_is_full() -> None:
        async with one_job(registry, clock=clock) as (scheduler, store, handle, go_on, _):
            handles.append(handle)
            go_on.set()
            await ended(scheduler, handle.id)
            store.fails = True

    with pytest.raises(StoreError, match="it is full"):
        await left_while_the_disk_is_full()
    assert (await handles[0].wait()).state is JobState.SUCCEEDED
