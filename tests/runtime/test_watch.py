"""Watching a job: its newest snapshot after each change, and an end when it has settled."""

from __future__ import annotations

import gc
from weakref import ref

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, JobState, Registry, Scheduler


async def test_a_slow_reader_may_miss_changes_but_not_the_last(registry: Registry, scheduler: Scheduler) -> None:
    go = anyio.Event()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await go.wait()
        for done in range(100):
            job.progress(done)

    handle = await scheduler.submit(work())
    async with scheduler.watch(handle.id) as snapshots:
        first = await anext(snapshots)
        go.set()
        await handle.wait()
        rest = [snapshot async for snapshot in snapshots]

    assert (first.state, first.progress) == (JobState.RUNNING, None)
    assert [snapshot.state for snapshot in rest] == [JobState.SUCCEEDED]
    assert rest[0].progress is not None
    assert rest[0].progress.done == 99


async def test_a_fast_reader_sees_every_change(registry: Registry, scheduler: Scheduler) -> None:
    inside, turn, seen = anyio.Event(), anyio.Event(), list[tuple[str, str | None, float | None]]()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        nonlocal turn
        async with job.stage("stage"):
            inside.set()
            await turn.wait()
            turn = anyio.Event()
            job.progress(1)
            await turn.wait()
            turn = anyio.Event()
        await turn.wait()

    handle = await scheduler.submit(work())
    await inside.wait()
    async with scheduler.watch(handle.id) as snapshots:
        async for snapshot in snapshots:
            progress = None if snapshot.progress is None else snapshot.progress.done
            seen.append((snapshot.state, snapshot.stage, progress))
            turn.set()
    assert seen == [
        ("running", "stage", None),
        ("running", "stage", 1),
        ("running", None, 1),
        ("succeeded", None, 1),
    ]


async def test_a_reader_sees_the_delivery_while_the_code_unwinds(registry: Registry, scheduler: Scheduler) -> None:
    inside, unwinding, unwind = anyio.Event(), anyio.Event(), anyio.Event()
    seen, before = list[tuple[str, bool]](), list[tuple[str, bool]]()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        inside.set()
        try:
            await anyio.sleep_forever()
        finally:
            unwinding.set()
            with anyio.CancelScope(shield=True):
                await unwind.wait()

    async def read() -> None:
        async with scheduler.watch(handle.id) as snapshots:
            async for snapshot in snapshots:
                cancel = snapshot.cancel
                seen.append((snapshot.state, cancel is not None and cancel.delivered_at is not None))

    handle = await scheduler.submit(work())
    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await inside.wait()
        await handle.cancel()
        await unwinding.wait()
        for _ in range(20):
            await checkpoint()
        before += seen
        unwind.set()
    assert before[-1:] == [("canceling", True)]
    assert seen[-1] == ("canceled", True)


async def test_a_job_drops_readers_that_have_left(registry: Registry, scheduler: Scheduler) -> None:
    inside, release = anyio.Event(), anyio.Event()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        inside.set()
        await release.wait()

    handle = await scheduler.submit(work())
    await inside.wait()
    async with scheduler.watch(handle.id) as snapshots:
        await anext(snapshots)
        reader = ref(snapshots)
    del snapshots
    gc.collect()
    assert reader() is None
    release.set()
    assert (await handle.wait()).state is JobState.SUCCEEDED


async def test_a_reader_sees_a_batch_begin_and_each_of_its_children_end(
    registry: Registry, scheduler: Scheduler
) -> None:
    go, releases = anyio.Event(), [anyio.Event(), anyio.Event()]
    seen: list[tuple[int, int] | None] = []

    @registry.kind("child")
    async def child(job: JobContext, number: int) -> None:
        await releases[number].wait()

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        await go.wait()
        await job.batch([child(0), child(1)])

    async def read() -> None:
        async with scheduler.watch(handle.id) as snapshots:
            async for snapshot in snapshots:
                batch = None if snapshot.progress is None else snapshot.progress.batch
                seen.append(None if batch is None else (batch.total, batch.succeeded))

    handle = await scheduler.submit(parent())
    last = list[tuple[int, int] | None]()
    async with anyio.create_task_group() as group:
        group.start_soon(read)
        for event in (go, *releases):
            for _ in range(20):
                await checkpoint()
            last.append(seen[-1])
            event.set()
    assert last == [None, (2, 0), (2, 1)]
    assert seen[-1] == (2, 2)


async def test_a_settled_job_is_shown_once(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> int:
        return 1

    handle = await scheduler.submit(work())
    await handle.wait()
    async with scheduler.watch(handle.id) as snapshots:
        assert [snapshot.result async for snapshot in snapshots] == [1]
        with pytest.raises(StopAsyncIteration):
            await anext(snapshots)


async def test_a_job_that_settles_before_the_watch_is_shown_once(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> int:
        return 1

    handle = await scheduler.submit(work())
    view = scheduler.watch(handle.id)
    await handle.wait()
    async with view as snapshots:
        assert [snapshot.result async for snapshot in snapshots] == [1]


async def test_a_watch_that_is_left_early_does_not_stop_the_others(registry: Registry, scheduler: Scheduler) -> None:
    release = anyio.Event()
    ends: list[JobState] = []

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await release.wait()

    handle = await scheduler.submit(work())

    async def watch_to_the_end() -> None:
        async with scheduler.watch(handle.id) as snapshots:
            ends.append([snapshot.state async for snapshot in snapshots][-1])

    async with anyio.create_task_group() as group:
        group.start_soon(watch_to_the_end)
        group.start_soon(watch_to_the_end)
        async with scheduler.watch(handle.id) as snapshots:
            await anext(snapshots)
        await checkpoint()
        release.set()
    assert ends == [JobState.SUCCEEDED, JobState.SUCCEEDED]
    async with scheduler.watch(handle.id) as snapshots:
        pass  # leaving without reading is fine too


async def test_a_watch_may_be_left_after_the_scheduler_closed(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        pass

    handle = await scheduler.submit(work())
    async with scheduler.watch(handle.id):
        await handle.wait()
