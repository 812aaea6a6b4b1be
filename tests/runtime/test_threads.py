"""Blocking functions of a job, in threads: never torn, never lied about, counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import anyio
import pytest
from anyio import from_thread

from jobcancel import JobContext, JobState, Registry, Scheduler
from jobcancel._runtime import threads
from jobcancel._runtime.loops import current_loop

NATIVE: list[tuple[str, dict[str, bool]]] = [
    ("asyncio", {}),
    ("asyncio", {"use_uvloop": True}),
]  # trio has no native cancel of a task
TIMEOUT_S = 60  # for a thread that is never released: a broken test ends


async def test_the_value_or_error_of_the_thread_is_the_jobs(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> tuple[int, int]:
        with pytest.raises(ZeroDivisionError):
            await job.run_sync(divmod, 7, 0)
        return await job.run_sync(divmod, 7, 2)

    assert await (await scheduler.submit(work())).result() == (3, 1)


async def test_a_job_stays_canceling_until_its_thread_ends(registry: Registry, scheduler: Scheduler) -> None:
    inside, release = anyio.Event(), threading.Event()
    values: list[str] = []

    def blocking() -> str:
        from_thread.run_sync(inside.set)
        assert release.wait(TIMEOUT_S)
        return "the number of the pull request"

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        values.append(await job.run_sync(blocking))
        values.append("checkpoint")
        await anyio.lowlevel.checkpoint()
        values.append("never")

    handle = await scheduler.submit(work())
    await inside.wait()
    assert await handle.cancel()
    async with scheduler.watch(handle.id) as snapshots:
        async for snapshot in snapshots:
            if snapshot.cancel is not None and snapshot.cancel.delivered_at is not None:
                break
    assert (await handle.wait(timeout_s=0)).state is JobState.CANCELING
    release.set()

    assert (await handle.wait()).state is JobState.CANCELED
    assert values == ["the number of the pull request", "checkpoint"]


async def test_a_thread_may_check_for_a_cancel_and_stop(registry: Registry, scheduler: Scheduler) -> None:
    inside, release = anyio.Event(), threading.Event()
    steps: list[str] = []

    def blocking(job: JobContext) -> None:
        job.check_canceled()
        steps.append("no cancel yet")
        from_thread.run_sync(inside.set)
        assert release.wait(TIMEOUT_S)
        job.check_canceled()
        steps.append("never")

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await job.run_sync(blocking, job)

    handle = await scheduler.submit(work())
    await inside.wait()
    await handle.cancel()
    async with scheduler.watch(handle.id) as snapshots:
        async for snapshot in snapshots:
            if snapshot.cancel is not None and snapshot.cancel.delivered_at is not None:
                break
    release.set()

    assert (await handle.wait()).state is JobState.CANCELED
    assert steps == ["no cancel yet"]


async def test_no_more_threads_run_than_the_scheduler_allows(registry: Registry, anyio_backend: object) -> None:
    lock, running, most = threading.Lock(), 0, 0
    both = threading.Barrier(2)

    def blocking() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(TIMEOUT_S)
        with lock:
            running -= 1

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await job.run_sync(blocking)

    async with Scheduler(registry, max_threads=2) as scheduler:
        for handle in [await scheduler.submit(work()) for _ in range(6)]:
            assert (await handle.wait()).state is JobState.SUCCEEDED
    assert (running, most) == (0, 2)


async def test_a_compensation_needs_no_slot_of_the_scheduler_threads(registry: Registry, anyio_backend: object) -> None:
    inside, release, undone = anyio.Event(), threading.Event(), list[str]()

    def blocking() -> None:
        from_thread.run_sync(inside.set)
        assert release.wait(TIMEOUT_S)

    @registry.kind("hogs")
    async def hogs(job: JobContext) -> None:
        await job.run_sync(blocking)

    @registry.kind("fails")
    async def fails(job: JobContext) -> None:
        job.add_compensation(undone.append, "undone")
        raise ValueError("so that it is undone")

    async with Scheduler(registry, max_threads=1) as scheduler:
        hog = await scheduler.submit(hogs())
        await inside.wait()
        await (await scheduler.submit(fails())).wait()
        assert undone == ["undone"]
        release.set()
        await hog.wait()


REQUEST: ContextVar[str] = ContextVar("REQUEST", default="none")


async def test_a_thread_sees_the_submitters_context(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> str:
        return await job.run_sync(REQUEST.get)

    REQUEST.set("of the submitter")
    handle = await scheduler.submit(work())
    REQUEST.set("changed since")
    assert await handle.result() == "of the submitter"


async def test_a_thread_does_not_begin_under_a_cancelled_scope(anyio_backend: Any) -> None:
    ran: list[int] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await threads.run_at_once(current_loop(), lambda: ran.append(1))
    assert (scope.cancelled_caught, ran) == (True, [])


@pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)
async def test_a_thread_started_after_its_callers_cancel_does_nothing(
    anyio_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, ran = list[Callable[[], object]](), list[int]()

    async def cancelled(run: Callable[[], object], *, limiter: object) -> None:
        late.append(run)
        raise asyncio.CancelledError

    monkeypatch.setattr("jobcancel._runtime.threads.to_thread.run_sync", cancelled)
    with pytest.raises(asyncio.CancelledError):
        await threads._run(current_loop(), anyio.CapacityLimiter(1), lambda: ran.append(1))  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(RuntimeError, match="cancelled before its function began"):
        late[0]()
    assert ran == []


async def test_a_closed_store_thread_refuses_calls(anyio_backend: Any) -> None:
    thread = threads.StoreThread(current_loop())
    assert await thread.run(lambda: 1) == 1
    thread.close()
    with pytest.raises(RuntimeError, match="has ended"):
        await thread.run(lambda: 2)
