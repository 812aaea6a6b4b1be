"""The time a job may run, and the time a stage may take."""

from __future__ import annotations

import anyio
import pytest

from jobcancel import (
    CancelCause,
    FailureCode,
    JobContext,
    JobState,
    Outcome,
    Registry,
    Scheduler,
    Snapshot,
    Stage,
    StageTimeoutError,
)
from tests.clock import FakeClock


def assert_timed_out(snapshot: Snapshot[None], reason: str) -> None:
    assert snapshot.state is JobState.FAILED
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.TIMED_OUT
    assert snapshot.cancel is not None
    assert (snapshot.cancel.cause, snapshot.cancel.reason) == (CancelCause.TIMEOUT, reason)


@pytest.mark.parametrize(("of_kind", "of_submit", "limit"), [(60, None, 60), (60, 5, 5), (5, 60, 60), (None, 60, 60)])
async def test_a_job_that_runs_too_long_is_torn_and_has_failed(
    registry: Registry, scheduler: Scheduler, clock: FakeClock, of_kind: int | None, of_submit: int | None, limit: int
) -> None:
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = registry.kind("work")(work) if of_kind is None else registry.kind("work", timeout_s=of_kind)(work)
    handle = await scheduler.submit(kind(), timeout_s=of_submit)

    await clock.advance(limit - 1)
    assert (await handle.wait(timeout_s=0)).cancel is None
    await clock.advance(1)
    assert_timed_out(await handle.wait(), f"timeout_s={limit} is over")


async def test_the_time_counts_from_the_start_and_not_from_the_submission(
    registry: Registry, scheduler: Scheduler, clock: FakeClock
) -> None:
    @registry.kind("work", max_running=1)
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    first = await scheduler.submit(work())
    second = await scheduler.submit(work(), timeout_s=60)
    await clock.advance(600)
    await first.cancel()
    await first.wait()
    await clock.advance(59)
    assert (await second.wait(timeout_s=0)).state is JobState.RUNNING
    await clock.advance(1)

    assert_timed_out(await second.wait(), "timeout_s=60 is over")


@pytest.mark.parametrize("on_cancel", ["defer", "refuse"])
async def test_a_timeout_waits_for_the_end_of_a_stage_that_must_not_be_torn(
    registry: Registry, scheduler: Scheduler, clock: FakeClock, on_cancel: str
) -> None:
    inside, release, after = anyio.Event(), anyio.Event(), anyio.Event()

    @registry.kind("work", stages=[Stage("stage", on_cancel=on_cancel)], timeout_s=60)
    async def work(job: JobContext) -> None:
        async with job.stage("stage"):
            inside.set()
            await release.wait()
        after.set()

    handle = await scheduler.submit(work())
    await inside.wait()
    await clock.advance(60)
    held = await handle.wait(timeout_s=0)
    assert (held.state, held.stage) == (JobState.CANCELING, "stage")
    assert held.cancel is not None
    assert (held.cancel.outcome, held.cancel.delivered_at) == (Outcome.DEFERRED, None)
    release.set()

    assert_timed_out(await handle.wait(), "timeout_s=60 is over")
    assert not after.is_set()


async def test_a_job_that_finishes_after_its_timeout_was_held_has_succeeded(
    registry: Registry, scheduler: Scheduler, clock: FakeClock
) -> None:
    inside, release = anyio.Event(), anyio.Event()

    @registry.kind("work", stages=[Stage("stage", on_cancel="refuse", commits=True)], timeout_s=60)
    async def work(job: JobContext) -> str:
        async with job.stage("stage"):
            inside.set()
            await release.wait()
        return "done"

    handle = await scheduler.submit(work())
    await inside.wait()
    await clock.advance(60)
    release.set()
    snapshot = await handle.wait()

    assert (snapshot.state, snapshot.result, snapshot.failure) == (JobState.SUCCEEDED, "done", None)
    assert snapshot.cancel is not None
    assert (snapshot.cancel.cause, snapshot.cancel.ignored) == (CancelCause.TIMEOUT, True)


async def test_a_timeout_after_a_users_cancel_changes_nothing(
    registry: Registry, scheduler: Scheduler, clock: FakeClock
) -> None:
    inside, release = anyio.Event(), anyio.Event()

    @registry.kind("work", stages=[Stage("stage", on_cancel="defer")], timeout_s=60)
    async def work(job: JobContext) -> None:
        async with job.stage("stage"):
            inside.set()
            await release.wait()

    handle = await scheduler.submit(work())
    await inside.wait()
    await handle.cancel()
    await clock.advance(60)
    release.set()
    snapshot = await handle.wait()

    assert snapshot.state is JobState.CANCELED
    assert snapshot.cancel is not None
    assert snapshot.cancel.cause is CancelCause.USER


async def test_a_job_that_ended_in_time_does_not_time_out(
    registry: Registry, scheduler: Scheduler, clock: FakeClock
) -> None:
    @registry.kind("work", timeout_s=60)
    async def work(job: JobContext) -> int:
        return 1

    handle = await scheduler.submit(work())
    await handle.wait()
    await clock.advance(60)

    assert (await handle.wait()).cancel is None


@pytest.mark.parametrize("on_cancel", ["interrupt", "defer", "refuse"])
async def test_a_stage_that_takes_too_long_is_torn_whatever_its_policy(
    registry: Registry, scheduler: Scheduler, clock: FakeClock, on_cancel: str
) -> None:
    inside = anyio.Event()
    caught: list[StageTimeoutError] = []

    @registry.kind("work", stages=[Stage("slow", on_cancel=on_cancel, timeout_s=60)])
    async def work(job: JobContext) -> str:
        try:
            async with job.stage("slow"):
                inside.set()
                await anyio.sleep_forever()
        except StageTimeoutError as error:
            caught.append(error)
        return "went on"

    handle = await scheduler.submit(work())
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


async def test_a_stage_timeout_that_nobody_catches_fails_the_job(
    registry: Registry, scheduler: Scheduler, clock: FakeClock
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
    registry: Registry, scheduler: Scheduler, clock: FakeClock
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


async def test_a_stage_that_ends_in_time_is_not_torn_afterwards(
    registry: Registry, scheduler: Scheduler, clock: FakeClock
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
    registry: Registry, scheduler: Scheduler, clock: FakeClock
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


async def test_a_stage_whose_timeout_meets_an_error_of_its_own_ends_and_the_error_wins(
    registry: Registry, scheduler: Scheduler, clock: FakeClock
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
