"""How long a delivered cancel may take, and what happens then."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest

from jobcancel import (
    CancelCause,
    JobContext,
    JobState,
    Kind,
    Registry,
    Scheduler,
    Snapshot,
)
from jobcancel.testing import ManualClock


class Stubborn:
    """A kind whose job shields itself until it is released, and then returns."""

    def __init__(self, registry: Registry, **options: Any) -> None:
        self.inside, self.release = anyio.Event(), anyio.Event()

        @registry.kind("stubborn", grace_s=10, **options)
        async def work(job: JobContext) -> str:
            with anyio.CancelScope(shield=True):
                self.inside.set()
                await self.release.wait()
            return "done all the same"

        self.kind: Kind[[], str] = work


async def delivered(scheduler: Scheduler, job_id: str) -> None:
    """Return when the job's cancel has been delivered."""
    async with scheduler.watch(job_id) as snapshots:
        async for snapshot in snapshots:
            if snapshot.cancel is not None and snapshot.cancel.delivered_at is not None:
                return


def steps(snapshot: Snapshot[Any]) -> list[str]:
    return [entry.step for entry in snapshot.history]


async def test_a_job_past_its_grace_stays_canceling_and_is_stuck_once(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn = Stubborn(registry)
    handle = await scheduler.submit(stubborn.kind())
    await stubborn.inside.wait()
    await handle.cancel()
    await delivered(scheduler, handle.id)

    await clock.advance(9)
    assert "stuck" not in steps(await handle.wait(timeout_s=0))
    with caplog.at_level(logging.WARNING, "jobcancel"):
        await clock.advance(1)
    snapshot = await handle.wait(timeout_s=0)
    assert (snapshot.state, steps(snapshot)[-1]) == (JobState.CANCELING, "stuck")
    assert snapshot.cancel is not None
    assert snapshot.cancel.stuck
    ours = [record for record in caplog.records if record.name == "jobcancel"]  # asyncio's debug mode may say more
    assert [record.getMessage() for record in ours] == [
        f"job {handle.id} (stubborn) is still canceling 10 s after its cancel was delivered"
    ]
    assert vars(ours[0])["job_id"] == handle.id
    assert vars(ours[0])["kind"] == "stubborn"

    await clock.advance(1000)
    stubborn.release.set()
    ended = await handle.wait()
    assert (ended.state, ended.result, steps(ended).count("stuck")) == (JobState.SUCCEEDED, "done all the same", 1)
    assert ended.cancel is not None
    assert ended.cancel.ignored


async def test_a_short_grace_is_respected(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    inside, release = anyio.Event(), anyio.Event()

    @registry.kind("work", grace_s=0.25)
    async def work(job: JobContext) -> None:
        with anyio.CancelScope(shield=True):
            inside.set()
            await release.wait()

    handle = await scheduler.submit(work())
    await inside.wait()
    await handle.cancel()
    await delivered(scheduler, handle.id)
    await clock.advance(0.125)
    assert "stuck" not in steps(await handle.wait(timeout_s=0))
    await clock.advance(0.125)
    assert steps(await handle.wait(timeout_s=0))[-1] == "stuck"
    release.set()


@pytest.mark.parametrize("grace_s", [0.1, 10])
async def test_a_job_that_unwinds_in_time_is_not_stuck(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, grace_s: float
) -> None:
    begun, undoing, finish = anyio.Event(), anyio.Event(), anyio.Event()

    async def undo() -> None:
        undoing.set()
        await finish.wait()

    @registry.kind("work", grace_s=grace_s)
    async def work(job: JobContext) -> None:
        job.add_compensation(undo)
        begun.set()
        await anyio.sleep_forever()

    handle = await scheduler.submit(work())
    await begun.wait()
    await handle.cancel()
    await undoing.wait()
    await clock.advance(10)  # the grace is for the handler; compensations have their own cleanup_s
    finish.set()
    snapshot = await handle.wait()

    assert snapshot.state is JobState.CANCELED
    assert snapshot.cancel is not None
    assert not snapshot.cancel.stuck


async def test_force_does_not_pierce_a_jobs_own_shield_but_is_recorded(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    stubborn = Stubborn(registry, on_grace_expired="force")
    handle = await scheduler.submit(stubborn.kind())
    await stubborn.inside.wait()
    await handle.cancel()
    await delivered(scheduler, handle.id)
    await clock.advance(10)
    snapshot = await handle.wait(timeout_s=0)

    assert (snapshot.state, steps(snapshot)[-1]) == (JobState.CANCELING, "forced")
    assert snapshot.cancel is not None
    assert (snapshot.cancel.forced, snapshot.cancel.stuck) == (True, False)
    stubborn.release.set()
    assert (await handle.wait()).state is JobState.SUCCEEDED


async def test_the_grace_of_a_parent_waits_for_its_children(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    ready, parent_release, child_release = anyio.Event(), anyio.Event(), anyio.Event()

    @registry.kind("child", grace_s=1000)
    async def child(job: JobContext) -> None:
        with anyio.CancelScope(shield=True):
            ready.set()
            await child_release.wait()

    @registry.kind("parent", grace_s=10, on_grace_expired="abandon")
    async def parent(job: JobContext) -> None:
        await job.submit(child())
        with anyio.CancelScope(shield=True):
            await parent_release.wait()

    handle = await scheduler.submit(parent())
    await ready.wait()
    await handle.cancel()
    await delivered(scheduler, handle.id)
    await clock.advance(100)
    assert not (await handle.wait(timeout_s=0)).settled, "a parent is abandoned only after its children settled"

    of_child = (await scheduler.find(kind="child")).jobs[0]
    assert of_child.cancel is not None
    assert (of_child.cancel.cause, of_child.cancel.by) == (CancelCause.PARENT, handle.id)
    child_release.set()
    await scheduler.wait(of_child.id)
    await clock.advance(9)
    assert not (await handle.wait(timeout_s=0)).settled, "and only now its own grace has begun"
    await clock.advance(1)
    snapshot = await handle.wait()
    parent_release.set()
    assert snapshot.state is JobState.CANCELED
    assert snapshot.cancel is not None
    assert snapshot.cancel.abandoned
