"""Opening and closing a store: what goes wrong there leaves the scheduler unentered, and to be entered again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from threading import Event
from typing import Any

import anyio
import pytest

from jobcancel import JobContext, JobHandle, JobState, Scheduler
from jobcancel.abc import Entry
from jobcancel.errors import StoreError, StoreFormatError, StoreInUseError
from tests.runtime.restarts import Host, TestedStore, never, settle, written


class FaultyStore(TestedStore):
    """A journal that fails, or takes its time, when it is opened, read or closed."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: dict[str, Exception] = {}
        self.slow, self.opening, self.may_open = False, Event(), Event()

    def open(self) -> None:
        if self.slow:
            self.opening.set()
            self.may_open.wait()
        if "open" in self.fails:
            raise self.fails["open"]
        super().open()

    def read(self) -> Iterable[Entry]:
        if "read" in self.fails:
            raise self.fails["read"]
        return super().read()

    def close(self) -> None:
        super().close()
        if "close" in self.fails:
            raise self.fails["close"]


async def entered(scheduler: Scheduler, error: Exception | None = None) -> None:
    async with scheduler:
        if error is not None:
            raise error


@pytest.mark.parametrize("method", ["open", "read"])
async def test_a_scheduler_can_be_entered_again_after_a_failed_open(anyio_backend: Any, method: str) -> None:
    host = Host()
    store = FaultyStore()
    scheduler = Scheduler(host.registry, store=store, clock=host.clock)
    kind = host.kind("work")(never)
    store.fails[method] = StoreFormatError("in memory", "is damaged")
    for _ in range(2):
        with pytest.raises(StoreFormatError, match="is damaged"):
            async with scheduler:
                raise AssertionError("entered")
    store.fails.clear()
    async with scheduler:
        handle = await scheduler.submit(kind())
        assert (await scheduler.get(handle.id)).state is JobState.RUNNING


@pytest.mark.parametrize(("error", "message"), [(StoreError("in memory", "x"), "x"), (OSError("disk"), "disk")])
@pytest.mark.parametrize("raises", [True, False])
async def test_a_store_that_fails_to_close_raises_and_the_rest_is_closed(
    anyio_backend: Any, error: Exception, message: str, raises: bool
) -> None:
    host, store = Host(), FaultyStore()
    scheduler = Scheduler(host.registry, store=store, clock=host.clock)
    store.fails["close"] = error
    with pytest.raises(LookupError if raises else StoreError, match="the host's" if raises else message):
        await entered(scheduler, LookupError("the host's own") if raises else None)
    store.fails.clear()
    async with scheduler:
        pass


async def test_changes_that_cannot_be_committed_raise_at_exit(anyio_backend: Any) -> None:
    host = Host()
    kind = host.kind("work", on_restart="fail")(never)
    handles: list[JobHandle[Any]] = []

    async def fills_the_disk() -> None:
        async with host.running() as scheduler:
            handles.append(await scheduler.submit(kind()))
            await written(scheduler)
            host.store.broken = "the disk is full"

    with pytest.raises(StoreError, match="the disk is full"):
        await fills_the_disk()
    (handle,) = handles
    assert (await handle.wait()).state is JobState.CANCELED
    with anyio.fail_after(5):
        with pytest.raises(StoreError, match="the disk is full"):
            await handle.cancel()  # its end is not committed
    host.store.broken = ""
    async with host.running() as again:
        snapshot = await again.wait(handle.id)
    assert snapshot.state is JobState.FAILED


async def test_a_submit_and_a_cancel_that_fail_to_commit_change_nothing(anyio_backend: Any) -> None:
    host = Host(max_running=1)
    kind = host.kind("work", max_pending=1, max_running=1)(never)
    async with host.running() as scheduler:
        handle = await scheduler.submit(kind())
        host.store.broken = "the disk is full"
        for _ in range(3):
            with pytest.raises(StoreError, match="the disk is full"):
                await scheduler.submit(kind(), key="k")
        with pytest.raises(StoreError, match="the disk is full"):
            await handle.cancel()
        snapshot = await scheduler.get(handle.id)
        assert (snapshot.state, snapshot.cancel) == (JobState.RUNNING, None)
        host.store.broken = ""
        assert (await scheduler.submit(kind(), key="k")).created
        assert (await handle.cancel()).accepted


async def test_a_submit_that_fails_to_commit_passes_its_slot_on(anyio_backend: Any) -> None:
    host = Host(max_running=1)
    kind = host.kind("work")(never)
    async with host.running() as scheduler:
        host.store.hold()

        async def fails() -> None:
            with pytest.raises(StoreError):
                await scheduler.submit(kind())

        async with anyio.create_task_group() as group:
            group.start_soon(fails)
            await anyio.to_thread.run_sync(host.store.held.wait)
            host.store.broken = "the disk is full"
            host.store.go_on()
        host.store.broken = ""
        handle = await scheduler.submit(kind())
        await settle()
        assert (await scheduler.get(handle.id)).state is JobState.RUNNING


async def test_two_submits_at_once_with_one_key_are_one_job(anyio_backend: Any) -> None:
    host, handles = Host(), list[JobHandle[Any]]()
    kind = host.kind("work")(never)

    async def submit() -> None:
        handles.append(await scheduler.submit(kind(), key="k"))

    async with host.running() as scheduler, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(submit)
    assert len({handle.id for handle in handles}) == 1
    assert sorted(handle.created for handle in handles) == [False, False, True]


async def test_a_second_scheduler_on_a_store_is_refused(anyio_backend: Any) -> None:
    host = Host()
    kind = host.kind("work")(never)
    async with host.running() as scheduler:
        with pytest.raises(StoreInUseError):
            async with host.running():
                raise AssertionError("entered")
        handle = await scheduler.submit(kind())
        assert (await scheduler.get(handle.id)).state is JobState.RUNNING


async def test_a_scheduler_entered_again_has_its_jobs_and_handles(anyio_backend: Any) -> None:
    host = Host(max_running=1)

    @host.kind("work", max_running=1)
    async def work(job: JobContext) -> int:
        if job.attempt == 1 and job.labels:
            await anyio.sleep_forever()
        return job.attempt

    scheduler = Scheduler(host.registry, store=host.store, clock=host.clock)
    async with scheduler:
        handles = [await scheduler.submit(work(), labels={"a": "b"}), await scheduler.submit(work())]
        await settle()
    assert [(await handle.wait()).state for handle in handles] == [JobState.PENDING, JobState.PENDING]
    async with scheduler:
        assert [await handle.result() for handle in handles] == [2, 1]


@pytest.mark.parametrize("native", [False, True])
async def test_a_host_cancelled_while_the_store_opens_closes_it(anyio_backend: Any, native: bool) -> None:
    if native and anyio_backend[0] == "trio":
        pytest.skip("trio has no native cancel")
    host, store = Host(), FaultyStore()
    store.slow = True
    scheduler = Scheduler(host.registry, store=store, clock=host.clock)
    scope, ended = anyio.CancelScope(), anyio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def enter() -> None:
        try:
            with scope:
                async with scheduler:
                    await anyio.sleep_forever()
        finally:
            ended.set()

    async with anyio.create_task_group() as group:
        if native:
            tasks.append(asyncio.get_running_loop().create_task(enter()))
        else:
            group.start_soon(enter)
        await anyio.to_thread.run_sync(store.opening.wait)
        if native:
            tasks[0].cancel()
        else:
            scope.cancel()
        await settle()
        assert not ended.is_set()
        store.may_open.set()
        await ended.wait()
    await settle()
    assert all(task.cancelled() for task in tasks)
    store.slow = False
    async with scheduler:
        pass
