"""The time a stage may take."""

from __future__ import annotations

import anyio
import pytest

from jobcancel import JobContext, JobState, OnCancel, Outcome, Registry, Scheduler, Stage
from jobcancel.errors import StageTimeoutError
from jobcancel.testing import ManualClock


@pytest.mark.parametrize("on_cancel", ["interrupt", "defer", "refuse"])
async def test_a_stage_past_its_timeout_is_interrupted_under_any_policy(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, on_cancel: str
) -> None:
    enter, inside = anyio.Event(), anyio.Event()
    caught: list[StageTimeoutError] = []

    @registry.kind("work", stages=[Stage("slow", on_cancel=OnCancel(on_cancel), timeout_s=60)])
    async def work(job: JobContext) -> str:
        await enter.wait()
        try:
            async with job.stage("slow"):
                inside.set()
                await anyio.sleep_forever()
        except StageTimeoutError as error:
            caught.append(error)
        return "went on"

    handle = await scheduler.submit(work())
    await clock.advance(100)  # the time before the stage does not count
    enter.set()
    await inside.wait()
    await clock.advance(59)
    assert (await handle.wait(timeout_s=0)).stage == "slow"
    await clock.advance(1)
    snapshot = await handle.wait()

    assert snapshot.result == "went on"
    assert isinstance(caught[0], TimeoutError)
    assert str(caught[0]) == f"job {handle.id}: stage 'slow' took longer than its timeout_s=60"
    entry = snapshot.history[1]
    assert (entry.step, entry.status, entry.duration_ms) == ("slow", "timed_out", 60_000)


async def test_an_uncaught_stage_timeout_fails_the_job(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    inside = anyio.Event()

    @registry.kind("work", stages=[Stage("slow", timeout_s=60)])
    async def work(job: JobContext) -> None:
        async with job.stage("slow"):
            inside.set()
            await anyio.sleep_forever()

    handle = await scheduler.submit(work())
    await inside.wait()
    await clock.advance(60)
    snapshot = await handle.wait()

    assert snapshot.failure is not None
    assert snapshot.failure.details["type"] == "jobcancel.errors.StageTimeoutError"


async def test_a_stage_timeout_releases_a_held_cancel_that_then_lands(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    inside, went_on = anyio.Event(), anyio.Event()

    async def forever() -> None:
        inside.set()
        await anyio.sleep_forever()

    @registry.kind("work", stages=[Stage("slow", on_cancel="refuse", timeout_s=60)])
    async def work(job: JobContext) -> None:
        with pytest.raises(StageTimeoutError):
            await job.run_stage("slow", forever)
        went_on.set()
        await anyio.sleep_forever()

    handle = await scheduler.submit(work())
    await inside.wait()
    assert (await handle.cancel(defer=True)).outcome is Outcome.DEFERRED
    await clock.advance(60)

    assert (await handle.wait()).state is JobState.CANCELED
    assert went_on.is_set()


async def test_a_stage_that_ends_in_time_is_not_interrupted_later(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    outside, release = anyio.Event(), anyio.Event()

    @registry.kind("work", stages=[Stage("quick", timeout_s=60)])
    async def work(job: JobContext) -> str:
        async with job.stage("quick"):
            pass
        outside.set()
        await release.wait()
        return "done"

    handle = await scheduler.submit(work())
    await outside.wait()
    await clock.advance(60)
    release.set()

    assert await handle.result() == "done"


async def test_a_stage_that_swallows_its_timeout_has_not_timed_out(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    inside = anyio.Event()

    @registry.kind("work", stages=[Stage("slow", timeout_s=60)])
    async def work(job: JobContext) -> str:
        async with job.stage("slow"):
            inside.set()
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                pass
        return "done"

    handle = await scheduler.submit(work())
    await inside.wait()
    await clock.advance(60)
    snapshot = await handle.wait()

    assert snapshot.result == "done"
    assert [entry.status for entry in snapshot.history if entry.step == "slow"] == ["done"]


async def test_a_stages_own_error_wins_over_its_timeout(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    inside = anyio.Event()

    async def fails_while_it_unwinds() -> None:
        try:
            inside.set()
            await anyio.sleep_forever()
        finally:
            raise OSError("the disk is full")

    @registry.kind("work", stages=[Stage("slow", timeout_s=60), Stage("next")])
    async def work(job: JobContext) -> str:
        with pytest.raises(BaseExceptionGroup) as raised:
            async with job.stage("slow"), anyio.create_task_group() as group:
                group.start_soon(fails_while_it_unwinds)
        assert raised.group_contains(OSError)
        async with job.stage("next"):
            return "went on"

    handle = await scheduler.submit(work())
    await inside.wait()
    await clock.advance(60)
    snapshot = await handle.wait()

    assert snapshot.result == "went on"
    assert [entry.status for entry in snapshot.history if entry.step == "slow"] == ["failed"]
