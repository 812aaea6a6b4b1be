"""Jobs that swallow their cancellation: noticed, recorded once, logged."""

from __future__ import annotations

import logging

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, JobState, Registry, Scheduler
from jobcancel.testing import ManualClock


async def recorded(scheduler: Scheduler, clock: ManualClock, job_id: str, step: str) -> None:
    """Move the time on, a few hundred turns of the loop a second, until the job's history has ``step``."""
    while all(entry.step != step for entry in (await scheduler.get(job_id)).history):
        for _ in range(200):
            await checkpoint()
        await clock.advance(1)


async def test_a_job_that_swallows_its_cancel_is_recorded_once_and_logged(
    registry: Registry, clock: ManualClock, anyio_backend: object, caplog: pytest.LogCaptureFixture
) -> None:
    give_up, begun = False, anyio.Event()

    @registry.kind("swallows", grace_s=86400)
    async def swallows(job: JobContext) -> str:
        begun.set()
        while not give_up:
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                pass
        return "gave up"

    async with Scheduler(registry, clock=clock) as scheduler:
        handle = await scheduler.submit(swallows())
        await begun.wait()
        with caplog.at_level(logging.WARNING, "jobcancel"):
            await handle.cancel()
            await recorded(scheduler, clock, handle.id, "unresponsive")
            begun = anyio.Event()
            other = await scheduler.submit(swallows())
            await begun.wait()
            await other.cancel()
            await recorded(scheduler, clock, other.id, "unresponsive")  # two more looks at the first
        give_up = True
        snapshot = await handle.wait()

    assert [entry.step for entry in snapshot.history].count("unresponsive") == 1
    assert snapshot.cancel is not None
    assert (snapshot.cancel.unresponsive, snapshot.cancel.ignored) == (True, True)
    assert snapshot.state is JobState.SUCCEEDED
    ours = [record for record in caplog.records if record.name == "jobcancel"]  # asyncio's debug mode may say more
    assert [vars(record)["job_id"] for record in ours] == [handle.id, other.id]
    assert "swallows its cancellation over and over" in ours[0].getMessage()


async def test_a_slow_unwind_under_its_own_shield_is_not_unresponsive(
    registry: Registry, clock: ManualClock, anyio_backend: object
) -> None:
    shielding, swallowing, release = anyio.Event(), anyio.Event(), anyio.Event()

    @registry.kind("shielded")
    async def shielded(job: JobContext) -> None:
        with anyio.CancelScope(shield=True):
            shielding.set()
            await release.wait()

    @registry.kind("swallows", grace_s=86400)
    async def swallows(job: JobContext) -> None:
        swallowing.set()
        while not release.is_set():
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                pass

    async with Scheduler(registry, clock=clock) as scheduler:
        slow, bad = await scheduler.submit(shielded()), await scheduler.submit(swallows())
        await shielding.wait()
        await swallowing.wait()
        await scheduler.cancel_many()
        await recorded(scheduler, clock, bad.id, "unresponsive")  # both have been looked at as often
        release.set()
        snapshot = await slow.wait()

    assert snapshot.cancel is not None
    assert not snapshot.cancel.unresponsive
