"""What is over holds nothing: its timers are cancelled, its waiters, observers and scopes are removed."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Registry, Scheduler, Stage
from jobcancel.testing import ManualClock

DAY_S = 86_400  # how long a settled job is retained by default


def held(scheduler: Scheduler) -> list[object]:
    """Return what timers, jobs and shutdowns still hold, except the retention of settled jobs."""
    dispatcher = scheduler._dispatcher  # pyright: ignore[reportPrivateUsage]  # nothing public shows it
    heap = dispatcher.timers._heap  # pyright: ignore[reportPrivateUsage]
    timers = [deadline for deadline, _, timer in heap if timer.callback is not None and deadline < DAY_S]
    live = dispatcher.table.live.values()
    settled = [job for job in live if job.settled is not None]
    by_jobs = [held for job in live for held in (job.waiters, job.observers, job.polite_scopes) if held]
    return [*timers, *dispatcher.on_idle, *settled, *by_jobs]


async def a_stage_that_ended_in_time(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    ended = anyio.Event()

    @registry.kind("work", stages=[Stage("short", timeout_s=60)])
    async def work(job: JobContext) -> None:
        async with job.stage("short"):
            await checkpoint()
        ended.set()
        await anyio.sleep_forever()

    await scheduler.submit(work())
    await ended.wait()


async def a_compensation_that_ended_in_time(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    @registry.kind("work", cleanup_s=60)
    async def work(job: JobContext) -> None:
        job.add_compensation(checkpoint)
        raise ValueError("so that it is undone")

    await (await scheduler.submit(work())).wait()


async def a_job_that_ended_in_time(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    @registry.kind("work", timeout_s=60)
    async def work(job: JobContext) -> None:
        await checkpoint()

    await (await scheduler.submit(work())).wait()


async def a_job_that_started_in_time(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    @registry.kind("work", max_running=1, expires_s=60)
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    first = await scheduler.submit(work())
    await scheduler.submit(work())
    await first.cancel()
    await first.wait()


async def a_job_that_expired(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    @registry.kind("work", max_running=1, expires_s=60)
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    await scheduler.submit(work())
    await scheduler.submit(work())
    await clock.advance(60)


async def a_job_that_ended_within_its_grace(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    unwinding, release = anyio.Event(), anyio.Event()

    @registry.kind("work", grace_s=60)
    async def work(job: JobContext) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                unwinding.set()
                await release.wait()

    handle = await scheduler.submit(work())
    await checkpoint()
    await clock.advance(0)  # the job runs
    await handle.cancel()
    await unwinding.wait()
    await clock.advance(1)  # the first sample sets the timer of the grace
    release.set()
    await handle.wait()


async def a_wait_for_a_job_that_ended(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await checkpoint()

    await (await scheduler.submit(work())).wait(timeout_s=60)


async def a_wait_that_was_given_up(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    handle = await scheduler.submit(work())
    await handle.wait(timeout_s=0)
    async with anyio.create_task_group() as group:
        group.start_soon(partial(handle.wait, timeout_s=60))
        group.start_soon(handle.wait)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()


async def a_process_that_was_ended(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    ended = anyio.Event()

    def on_line(line: str) -> None:
        raise LookupError(line)

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        code = "import time; print('ready', flush=True); time.sleep(3600)"
        with pytest.raises(LookupError):
            await job.run_process([sys.executable, "-S", "-c", code], on_line=on_line, kill_after_s=60)
        ended.set()
        await anyio.sleep_forever()

    await scheduler.submit(work())
    await ended.wait()


async def a_shutdown_whose_jobs_ended_in_time(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    release = anyio.Event()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await release.wait()

    await scheduler.submit(work())
    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.shutdown, 60)
        await anyio.wait_all_tasks_blocked()
        release.set()


async def a_shutdown_that_canceled_its_jobs(scheduler: Scheduler, registry: Registry, clock: ManualClock) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    await scheduler.submit(work())
    await scheduler.shutdown(0)


@pytest.mark.parametrize(
    "over",
    [
        a_stage_that_ended_in_time,
        a_compensation_that_ended_in_time,
        a_job_that_ended_in_time,
        a_job_that_started_in_time,
        a_job_that_expired,
        a_job_that_ended_within_its_grace,
        a_wait_for_a_job_that_ended,
        a_wait_that_was_given_up,
        a_process_that_was_ended,
        a_shutdown_whose_jobs_ended_in_time,
        a_shutdown_that_canceled_its_jobs,
    ],
)
async def test_nothing_is_held_for(
    registry: Registry,
    scheduler: Scheduler,
    clock: ManualClock,
    over: Callable[[Scheduler, Registry, ManualClock], Awaitable[None]],
) -> None:
    await over(scheduler, registry, clock)
    await clock.advance(1)  # calls the timer that samples canceled jobs

    assert held(scheduler) == []
