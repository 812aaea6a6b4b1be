"""What a scheduler holds in memory of jobs that are withdrawn, settled or retired."""

from __future__ import annotations

import gc
from typing import Any, cast

import anyio
import pytest

from jobcancel import JobContext, JobState
from jobcancel._runtime.job import Job
from jobcancel._runtime.trio_loop import TrioLoop
from jobcancel.errors import JobNotFoundError
from tests.invariants.conftest import Live, turns

TRIO = pytest.mark.parametrize("anyio_backend", [("trio", {})], ids=["trio"])


def alive(live: Live) -> int:
    """How many jobs of that scheduler are in memory as a whole."""
    gc.collect()
    jobs = [
        cast("Job", thing) for thing in gc.get_objects() if issubclass(type(thing), Job)
    ]  # `isinstance` asks the thing
    return sum(job.host is live.dispatcher for job in jobs)


async def test_jobs_withdrawn_behind_a_waiting_head_are_released(live: Live) -> None:
    release = anyio.Event()

    async def handler(job: JobContext) -> None:
        await release.wait()

    kind = live.kind(handler, max_running=1, retain_count=1)
    for _ in range(2):
        await live.scheduler.submit(kind())  # one runs, one waits at the head of the line
    for _ in range(500):
        await (await live.scheduler.submit(kind())).cancel()

    assert alive(live) < 100  # the tombstones are swept out in lots
    release.set()


async def test_the_last_withdrawn_job_of_a_queue_is_released(live: Live) -> None:
    release = anyio.Event()

    async def handler(job: JobContext) -> None:
        await release.wait()

    kind = live.kind(handler, max_running=1, retain_count=1)
    await live.scheduler.submit(kind())
    for _ in range(3):
        await (await live.scheduler.submit(kind())).cancel()

    await turns()  # trio holds the stack of the task that wakes a sleeper until the sleeper has woken
    assert alive(live) == 1
    release.set()


async def test_a_closed_scheduler_releases_its_jobs(anyio_backend: Any) -> None:
    live = Live()

    async def handler(job: JobContext) -> None:
        await anyio.sleep_forever()

    async with live.scheduler:
        for _ in range(3):
            await live.submit(handler)
        await turns()

    assert alive(live) == 0


@TRIO
async def test_ended_tasks_are_not_counted_while_others_unwind(live: Live, anyio_backend: Any) -> None:
    release = anyio.Event()

    until = [release]

    async def slow(job: JobContext, number: int) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await until[number].wait()

    kind = live.kind(slow)
    await (await live.scheduler.submit(kind(0))).cancel()
    for number in range(1, 21):
        until.append(anyio.Event())
        handle = await live.scheduler.submit(kind(number))
        await turns()
        await handle.cancel()
        await turns()
        await live.clock.advance(0.6)  # a look
        until[number].set()
        await handle.wait()

    loop = live.dispatcher.loop
    assert isinstance(loop, TrioLoop)
    assert loop._steps is not None  # pyright: ignore[reportPrivateUsage]  # nothing public counts a task's steps
    assert len(loop._steps._counts) <= 2  # pyright: ignore[reportPrivateUsage]
    release.set()


async def test_an_abandoned_job_is_retired_in_order_of_settlement(live: Live) -> None:
    release = anyio.Event()

    async def stubborn(job: JobContext, *, waits: bool) -> None:
        if waits:
            with anyio.CancelScope(shield=True):
                await release.wait()

    kind = live.kind(stubborn, grace_s=1, on_grace_expired="abandon", retain_s=10)
    abandoned = await live.scheduler.submit(kind(waits=True))
    await turns()
    await abandoned.cancel()
    await turns()
    await live.clock.advance(1)
    assert (await abandoned.wait()).state is JobState.CANCELED
    await live.clock.advance(8)
    other = await live.scheduler.submit(kind(waits=False))
    await other.wait()
    await turns()
    release.set()
    await turns()
    assert [job.id for job in (await live.scheduler.find()).jobs] == [other.id, abandoned.id]
    await live.clock.advance(2)
    with pytest.raises(JobNotFoundError):
        await live.scheduler.get(abandoned.id)
    assert (await live.scheduler.get(other.id)).settled
    await live.clock.advance(8)
    assert (await live.scheduler.find()).jobs == ()
