"""How a scheduler ends: the drain, and what interrupts the host meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from jobcancel import CancelCause, JobContext, JobHandle, JobState, Kind, OnCancel, Registry, Scheduler, Stage
from jobcancel.errors import SchedulerClosedError
from jobcancel.testing import ManualClock

NATIVE: list[tuple[str, dict[str, bool]]] = [
    ("asyncio", {}),
    ("asyncio", {"use_uvloop": True}),
]  # trio has no native cancel of a task


class Job:
    """A kind whose job runs until it is released, in a stage of the given policy."""

    def __init__(self, registry: Registry, on_cancel: str = "interrupt", name: str = "work") -> None:
        self.inside, self.release, self.finished = anyio.Event(), anyio.Event(), anyio.Event()

        @registry.kind(name, max_running=1, stages=[Stage("stage", on_cancel=OnCancel(on_cancel))])
        async def work(job: JobContext) -> None:
            async with job.stage("stage"):
                self.inside.set()
                await self.release.wait()
                self.finished.set()

        self.kind: Kind[[], None] = work


async def refuses_jobs(scheduler: Scheduler, kind: Kind[[], None]) -> None:
    with pytest.raises(SchedulerClosedError, match="cannot submit"):
        await scheduler.submit(kind())


async def test_a_drain_lets_running_jobs_finish_and_starts_no_other(registry: Registry, scheduler: Scheduler) -> None:
    work = Job(registry)
    running = await scheduler.submit(work.kind())
    await work.inside.wait()
    pending = await scheduler.submit(work.kind())

    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.shutdown, 60)
        snapshot = await pending.wait()
        assert (snapshot.state, snapshot.started_at) == (JobState.CANCELED, None)
        assert snapshot.cancel is not None
        assert snapshot.cancel.cause is CancelCause.SHUTDOWN
        await refuses_jobs(scheduler, work.kind)
        assert (await running.wait(timeout_s=0)).cancel is None
        work.release.set()
    snapshot = await running.wait()
    assert (snapshot.state, snapshot.cancel) == (JobState.SUCCEEDED, None)


async def test_a_shutdown_of_many_jobs_lets_the_loop_turn_between(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("waits", retain_count=None)
    async def waits(job: JobContext) -> None:
        await anyio.sleep_forever()

    handles = [await scheduler.submit(waits()) for _ in range(1_000)]
    await anyio.wait_all_tasks_blocked()
    seen: list[int] = []

    async def look() -> None:
        while not seen or seen[-1]:
            live = scheduler._dispatcher.table.live.values()  # pyright: ignore[reportPrivateUsage]  # without a checkpoint
            seen.append(sum(job.state is JobState.RUNNING for job in live))
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        await anyio.lowlevel.checkpoint()
        await scheduler.shutdown()
    assert len(set(seen)) > 2, "not all at once"  # on trio two turns may come between two looks
    assert {(await handle.wait()).state for handle in handles} == {JobState.CANCELED}


async def test_jobs_that_run_after_the_drain_are_canceled(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    work = Job(registry)
    running = await scheduler.submit(work.kind())
    await work.inside.wait()
    pending = await scheduler.submit(work.kind())

    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.shutdown, 60)
        await pending.wait()  # the shutdown has begun
        await clock.advance(59)
        assert (await running.wait(timeout_s=0)).cancel is None
        await clock.advance(1)
        await running.wait()
    snapshot = await running.wait()
    assert snapshot.state is JobState.CANCELED
    assert snapshot.cancel is not None
    assert snapshot.cancel.cause is CancelCause.SHUTDOWN


async def test_leaving_the_scheduler_drains_for_its_drain_s(registry: Registry, anyio_backend: Any) -> None:
    work, clock = Job(registry), ManualClock()
    handles: list[JobHandle[None]] = []

    async def release() -> None:
        await handles[1].wait()
        work.release.set()

    async with anyio.create_task_group() as group, Scheduler(registry, drain_s=60, clock=clock) as scheduler:
        handles.append(await scheduler.submit(work.kind()))
        await work.inside.wait()
        handles.append(await scheduler.submit(work.kind()))
        group.start_soon(release)
    assert [(await handle.wait()).state for handle in handles] == ["succeeded", "canceled"]


async def test_a_drain_without_jobs_takes_no_time(registry: Registry, anyio_backend: Any) -> None:
    async with Scheduler(registry, drain_s=3600, clock=ManualClock()):
        pass


async def test_children_may_still_be_submitted_while_their_parent_drains(
    registry: Registry, scheduler: Scheduler
) -> None:
    begun, go = anyio.Event(), anyio.Event()

    @registry.kind("child")
    async def child(job: JobContext) -> int:
        return 1

    @registry.kind("parent")
    async def parent(job: JobContext) -> int:
        begun.set()
        await go.wait()
        return await (await job.submit(child())).result()

    blocker = Job(registry, name="blocker")
    handle, _ = await scheduler.submit(parent()), await scheduler.submit(blocker.kind())
    await begun.wait()
    await blocker.inside.wait()
    pending = await scheduler.submit(blocker.kind())
    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.shutdown, 60)
        await pending.wait()
        go.set()
        assert await handle.result() == 1
        blocker.release.set()


async def test_a_shutdown_does_not_cancel_children_of_a_shielded_parent(
    registry: Registry, scheduler: Scheduler
) -> None:
    work = Job(registry)

    @registry.kind("parent", stages=[Stage("gather", on_cancel="defer")])
    async def parent(job: JobContext) -> None:
        async with job.stage("gather"):
            await (await job.submit(work.kind())).wait()
        await anyio.sleep_forever()

    handle = await scheduler.submit(parent())
    await work.inside.wait()
    (child,) = (await scheduler.find(kind="work")).jobs
    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.shutdown)
        while (await scheduler.get(handle.id)).state is not JobState.CANCELING:
            await anyio.lowlevel.checkpoint()
        child = await scheduler.get(child.id)
        assert (child.state, child.cancel) == (JobState.RUNNING, None)
        work.release.set()
    assert (await scheduler.wait(child.id)).state is JobState.SUCCEEDED
    assert (await handle.wait()).state is JobState.CANCELED


Interrupt = Callable[[], object]


async def leave_while_a_stage_refuses(
    registry: Registry, drain_s: float, interrupt: Interrupt, host: Callable[[Callable[[], Awaitable[None]]], Any]
) -> None:
    """Leave a scheduler, interrupt the host while it waits for a job, and see that the job is whole."""
    work = Job(registry, "refuse")
    clock, leaving = ManualClock(), anyio.Event()

    async def run() -> None:
        async with Scheduler(registry, drain_s=drain_s, clock=clock) as scheduler:
            handles.append(await scheduler.submit(work.kind()))
            await work.inside.wait()
            handles.append(await scheduler.submit(work.kind()))
            leaving.set()

    handles: list[JobHandle[None]] = []
    async with anyio.create_task_group() as group:
        group.start_soon(host, run)
        await leaving.wait()
        await handles[1].wait()  # the shutdown has begun
        interrupt()
        async with anyio.create_task_group() as settled:
            settled.start_soon(handles[0].wait)
            await anyio.wait_all_tasks_blocked()
            held = await handles[0].wait(timeout_s=0)
            assert (held.state, held.stage) == (JobState.CANCELING, "stage"), "an interruption ends the drain at once"
            assert not work.finished.is_set()
            work.release.set()
    assert work.finished.is_set()
    snapshot = await handles[0].wait()
    assert snapshot.state is JobState.CANCELED
    assert snapshot.cancel is not None
    assert snapshot.cancel.cause is CancelCause.SHUTDOWN


@pytest.mark.parametrize("drain_s", [0, 3600])
async def test_a_cancelled_scope_around_the_scheduler_ends_the_drain(
    registry: Registry, anyio_backend: Any, drain_s: float
) -> None:
    scope = anyio.CancelScope()
    after = anyio.Event()

    async def host(run: Callable[[], Awaitable[None]]) -> None:
        with scope:
            await run()
            await anyio.lowlevel.checkpoint()
            after.set()

    await leave_while_a_stage_refuses(registry, drain_s, scope.cancel, host)
    assert scope.cancelled_caught
    assert not after.is_set()


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("drain_s", [0, 3600])
async def test_a_native_cancel_of_the_host_is_raised_at_its_end(
    registry: Registry, anyio_backend: Any, drain_s: float
) -> None:
    hosts: list[asyncio.Task[Any]] = []

    async def host(run: Callable[[], Any]) -> None:
        hosts.append(asyncio.create_task(run()))
        await asyncio.wait(hosts)

    await leave_while_a_stage_refuses(registry, drain_s, lambda: [task.cancel() for task in hosts], host)
    assert hosts[0].cancelled()
