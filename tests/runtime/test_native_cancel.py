"""asyncio's own ``Task.cancel()``, which pierces every shield: of the host and of a job that waits for its children."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from anyio import to_thread
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Registry, Scheduler
from jobcancel.errors import SchedulerClosedError
from tests.runtime.restarts import Host, never

NATIVE: list[tuple[str, dict[str, bool]]] = [
    ("asyncio", {}),
    ("asyncio", {"use_uvloop": True}),
]  # trio has no such thing


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
    with pytest.raises(SchedulerClosedError):
        await to_thread.run_sync(scheduler.from_thread.find)
    async with scheduler:  # nothing was left open
        assert (await to_thread.run_sync(scheduler.from_thread.find)).jobs == ()


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_native_cancel_of_a_shutdown_is_raised_at_its_end(registry: Registry, anyio_backend: Any) -> None:
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
async def test_a_native_cancel_of_a_waiting_parent_tears_no_child(registry: Registry, anyio_backend: Any) -> None:
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


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("stored", [False, True], ids=["in_memory", "with_a_store"])
async def test_a_scheduler_works_after_the_host_cancels_every_task(
    anyio_backend: Any, stored: bool, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host()
    begun, release = asyncio.Event(), asyncio.Event()

    @host.kind("work")
    async def work(job: JobContext) -> str:
        begun.set()
        await release.wait()
        return "done"

    timed = host.kind("timed", timeout_s=10)(never)
    limited = host.kind("limited", max_running=1)(never)
    options: dict[str, Any] = {} if stored else {"store": None}
    async with host.running(**options) as scheduler:
        _, waiting = await scheduler.submit(limited()), await scheduler.submit(limited())
        torn = await scheduler.submit(work())
        await begun.wait()
        unbegun = None if stored else await scheduler.submit(work())  # after a commit its code may have begun
        for task in asyncio.all_tasks():
            if task.get_name().startswith("job"):  # the jobs', and those that serve; not the test's own
                task.cancel()
        snapshot = await torn.wait()
        assert snapshot.failure is not None
        assert (snapshot.state, snapshot.failure.code) == ("failed", "FOREIGN_CANCEL")
        release.set()
        assert (await waiting.wait(timeout_s=0)).settled is False
        if unbegun is not None:
            assert await unbegun.result() == "done", "nothing of its code was cancelled"
        late = await scheduler.submit(timed())
        await host.clock.advance(10)
        assert (await late.wait()).state == "failed", "timers go on"
        read = await asyncio.to_thread(scheduler.from_thread.get, late.id)
        assert read.state == "failed", "other threads are answered"


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_thread_ends_before_its_job_is_undone_and_settles(registry: Registry, anyio_backend: Any) -> None:
    order, go, tasks = list[str](), threading.Event(), list[asyncio.Task[Any]]()
    begun = asyncio.Event()

    def blocks(loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait()
        order.append("the thread has ended")

    async def undo() -> None:
        order.append("undone")

    @registry.kind("threaded")
    async def threaded(job: JobContext) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        job.add_compensation(undo)
        await job.run_sync(blocks, asyncio.get_running_loop())

    async with Scheduler(registry) as scheduler:
        handle = await scheduler.submit(threaded())
        await begun.wait()
        for _ in range(3):
            tasks[0].cancel()
            await asyncio.sleep(0)
        assert not (await handle.wait(timeout_s=0)).settled
        go.set()
        snapshot = await handle.wait()
    assert snapshot.failure is not None
    assert (snapshot.failure.code, order) == ("FOREIGN_CANCEL", ["the thread has ended", "undone"])


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_native_cancel_in_the_last_step_of_the_code_is_recorded_and_cuts_no_compensation_short(
    registry: Registry, anyio_backend: Any
) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation(checkpoint)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        raise LookupError("as asked")

    async with Scheduler(registry) as scheduler:
        snapshot = await (await scheduler.submit(work())).wait()
    assert [entry.step for entry in snapshot.history] == ["started", "pierced", "checkpoint", "failed"]
    assert snapshot.history[2].status == "compensated"


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_task_has_the_name_of_its_job_or_of_what_it_serves(anyio_backend: Any) -> None:
    host = Host()
    kind = host.kind("work")(never)
    before = asyncio.all_tasks()
    async with host.running() as scheduler:
        handle = await scheduler.submit(kind())
        names = {task.get_name() for task in asyncio.all_tasks() - before}
    assert names == {"jobcancel timers", "jobcancel session", "jobcancel journal", handle.id}


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_native_cancel_does_not_hide_how_a_compensation_ended(registry: Registry, anyio_backend: Any) -> None:
    begun, go, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

    def undo() -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation(undo)
        raise LookupError("as asked")

    async with Scheduler(registry) as scheduler:
        handle = await scheduler.submit(work())
        await begun.wait()
        for task in asyncio.all_tasks():
            if task.get_name() == handle.id:
                task.cancel()
        await asyncio.sleep(0)
        go.set()
        snapshot = await handle.wait()
    assert [entry.status for entry in snapshot.history] == ["running", "compensated", "failed"]


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_threads_call_is_answered_after_a_native_cancel(
    registry: Registry, anyio_backend: Any, begun: bool
) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        inside.set()
        await asyncio.sleep(3600)

    async with Scheduler(registry) as scheduler:
        call = asyncio.create_task(to_thread.run_sync(scheduler.from_thread.call, "hang", hang))
        if begun:
            await inside.wait()
        while not (found := [task for task in asyncio.all_tasks() if task.get_name() == "jobcancel call"]):
            await checkpoint()
        found[0].cancel()
        with pytest.raises(SchedulerClosedError):
            await call
