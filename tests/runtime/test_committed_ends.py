"""``wait``, ``result`` and ``watch`` report a job's end only once it is committed."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from jobcancel import JobContext, JobHandle, JobState, Registry, Scheduler
from jobcancel.errors import StoreError
from jobcancel.stores import MemoryStore
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
    """A job that ends at ``go_on``, while no commit passes the gate."""
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
async def test_waiters_are_notified_only_once_the_end_is_committed(registry: Registry, ask: Ask) -> None:
    answers: list[Any] = []
    async with one_job(registry) as (scheduler, store, handle, go_on, group):

        async def asks() -> None:
            answers.append(await ask(scheduler, handle))

        group.start_soon(asks)
        await settle()
        go_on.set()
        await store.arrived()  # at once, since a waiter is there
        await settle()
        assert (await scheduler.get(handle.id)).state is JobState.SUCCEEDED  # as it is now; a kill may undo it
        assert answers == []
        store.open_gate()
        while not answers:
            await anyio.lowlevel.checkpoint()
        assert answers == ["done"]
        assert [body for job_id, body in store.bodies if job_id == handle.id][-1]["final"] is True


@WAYS
async def test_a_late_waiter_is_notified_once_the_end_is_committed(registry: Registry, ask: Ask) -> None:
    answers: list[Any] = []
    async with one_job(registry) as (scheduler, store, handle, go_on, group):
        go_on.set()
        await ended(scheduler, handle.id)

        async def asks() -> None:
            answers.append(await ask(scheduler, handle))

        group.start_soon(asks)
        await store.arrived()
        await settle()
        assert answers == []
        store.open_gate()
        while not answers:
            await anyio.lowlevel.checkpoint()
        assert answers == ["done"]


@WAYS
async def test_a_failing_commit_of_the_end_notifies_the_waiter(registry: Registry, ask: Ask) -> None:
    answers: list[Any] = []
    async with one_job(registry) as (scheduler, store, handle, go_on, group):

        async def asks() -> None:
            answers.append(await ask(scheduler, handle))

        group.start_soon(asks)
        await settle()
        go_on.set()
        await store.arrived()
        store.fail_one()
        while not answers:
            await anyio.lowlevel.checkpoint()
        assert answers == ["done"]
        store.open_gate()
        await written(scheduler)
        assert [body for job_id, body in store.bodies if job_id == handle.id][-1]["final"] is True


async def test_a_wait_for_a_commit_can_time_out(registry: Registry, clock: ManualClock) -> None:
    answers: list[Any] = []
    async with one_job(registry, clock=clock) as (scheduler, store, handle, go_on, group):

        async def asks() -> None:
            answers.append(await scheduler.wait(handle.id, timeout_s=5))

        group.start_soon(asks)
        await settle()
        go_on.set()
        await store.arrived()
        await settle()
        assert answers == []
        await clock.advance(5)
        await settle()
        assert [snapshot.state for snapshot in answers] == [JobState.SUCCEEDED]


async def test_a_wait_for_a_commit_can_be_canceled(registry: Registry) -> None:
    async with one_job(registry) as (_, store, handle, go_on, _):
        go_on.set()
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def asks() -> None:
                    await handle.wait()
                    raise AssertionError("the waiter was notified")

                group.start_soon(asks)
                await store.arrived()
                await settle()
                scope.cancel()
        assert scope.cancelled_caught


async def test_an_end_never_committed_is_reported_after_the_exit(registry: Registry, clock: ManualClock) -> None:
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


async def test_a_watch_resumes_after_a_cancel_in_its_wait_for_the_commit(registry: Registry) -> None:
    async with one_job(registry) as (scheduler, store, handle, go_on, group), scheduler.watch(handle.id) as snapshots:
        assert (await anext(snapshots)).state is JobState.RUNNING
        go_on.set()
        with anyio.CancelScope() as scope:
            group.start_soon(_cancel_at_the_gate, store, scope)
            await anext(snapshots)
        assert scope.cancelled_caught
        store.open_gate()
        assert [snapshot.result async for snapshot in snapshots] == ["done"]


async def _cancel_at_the_gate(store: GatedStore, scope: anyio.CancelScope) -> None:
    await store.arrived()
    scope.cancel()


async def test_a_waiter_is_notified_at_once_while_the_store_fails(registry: Registry, clock: ManualClock) -> None:
    async with one_job(registry, clock=clock) as (scheduler, store, handle, go_on, _):
        store.fails, store.closed = True, False
        go_on.set()
        await handle.wait()
        tries = store.tries
        assert (await handle.wait()).state is JobState.SUCCEEDED
        assert (await scheduler.wait(handle.id)).state is JobState.SUCCEEDED
        assert store.tries == tries
        store.fails = False


async def test_a_batch_returns_only_once_the_ends_are_committed(registry: Registry) -> None:
    store, go_on, answers = GatedStore(), anyio.Event(), list[Any]()

    @registry.kind("child")
    async def child(job: JobContext) -> str:
        await go_on.wait()
        return "done"

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        answers.extend(snapshot.result for snapshot in await job.batch([child(), child()]))

    async with Scheduler(registry, store=store) as scheduler:
        handle = await scheduler.submit(parent())
        while len(jobs := (await scheduler.find(kind="child", state="running")).jobs) < 2:
            await anyio.lowlevel.checkpoint()
        await written(scheduler)
        store.closed = True
        go_on.set()
        for job in jobs:
            await ended(scheduler, job.id)
        await store.arrived()
        await settle()
        assert answers == []
        store.open_gate()
        await handle.wait()
        assert answers == ["done", "done"]


async def test_waiters_beyond_the_first_commit_are_notified_of_a_failure(
    registry: Registry, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobcancel._runtime.journal_writer._COMMIT", 2)
    store, go_on = GatedStore(), anyio.Event()

    @registry.kind("work")
    async def work(job: JobContext) -> str:
        await go_on.wait()
        return "done"

    scheduler = Scheduler(registry, store=store, clock=clock)
    await scheduler.__aenter__()
    handles = [await scheduler.submit(work()) for _ in range(6)]
    await written(scheduler)
    store.closed = store.fails = True
    go_on.set()
    for handle in handles:
        await ended(scheduler, handle.id)
    answers: list[Any] = []

    async def asks() -> None:
        answers.append((await handles[-1].wait()).result)

    before = store.tries
    async with anyio.create_task_group() as group:
        group.start_soon(asks)
        await store.arrived()
        store.open_gate()
    assert answers == ["done"]
    assert store.tries == before + 1, "it is tried again when its time has come"
    with pytest.raises(StoreError, match="it is full"):
        await scheduler.__aexit__(None, None, None)


async def test_any_exception_of_a_store_is_a_store_error(registry: Registry, clock: ManualClock) -> None:
    async with one_job(registry, clock=clock) as (scheduler, store, handle, go_on, _):
        store.raises, store.closed = SystemExit("of the store"), False
        go_on.set()
        assert (await handle.wait()).state is JobState.SUCCEEDED
        with pytest.raises(StoreError, match=re.escape(f"{store!r}: SystemExit('of the store')")):
            await scheduler.submit("work")
        store.raises = None


async def test_the_store_needs_no_threads_of_the_host(registry: Registry) -> None:
    threads = anyio.to_thread.current_default_thread_limiter()
    host = [object() for _ in range(int(threads.total_tokens))]
    for thread in host:
        threads.acquire_on_behalf_of_nowait(thread)
    try:

        @registry.kind("work")
        async def work(job: JobContext) -> str:
            return "done"

        async with Scheduler(registry, store=MemoryStore()) as scheduler:
            assert await (await scheduler.submit(work())).result() == "done"
    finally:
        for thread in host:
            threads.release_on_behalf_of(thread)


def test_any_loop_may_read_a_closed_scheduler(registry: Registry) -> None:
    pytest.importorskip("trio")

    @registry.kind("work")
    async def work(job: JobContext) -> str:
        return "done"

    scheduler = Scheduler(registry, store=MemoryStore())

    async def run() -> str:
        async with scheduler:
            handle = await scheduler.submit(work())
            await handle.wait()
            return handle.id

    job_id = anyio.run(run)
    snapshot = anyio.run(partial(scheduler.wait, job_id, timeout_s=1), backend="trio")
    assert snapshot.result == "done"
