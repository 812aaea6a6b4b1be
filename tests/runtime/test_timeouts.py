"""The time a job may run."""

from __future__ import annotations

import anyio
import pytest

from jobcancel import (
    CancelCause,
    FailureCode,
    JobContext,
    JobState,
    OnCancel,
    Outcome,
    Registry,
    Scheduler,
    Snapshot,
    Stage,
)
from jobcancel.testing import ManualClock


def assert_timed_out(snapshot: Snapshot[None], reason: str) -> None:
    assert snapshot.state is JobState.FAILED
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.TIMED_OUT
    assert snapshot.cancel is not None
    assert (snapshot.cancel.cause, snapshot.cancel.reason) == (CancelCause.TIMEOUT, reason)


@pytest.mark.parametrize(("of_kind", "of_submit", "limit"), [(60, None, 60), (60, 5, 5), (5, 60, 60), (None, 60, 60)])
async def test_a_job_past_its_timeout_is_interrupted_and_fails(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, of_kind: int | None, of_submit: int | None, limit: int
) -> None:
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = registry.kind("work")(work) if of_kind is None else registry.kind("work", timeout_s=of_kind)(work)
    handle = await scheduler.submit(kind(), timeout_s=of_submit)

    await clock.advance(limit - 1)
    assert (await handle.wait(timeout_s=0)).cancel is None
    await clock.advance(1)
    assert_timed_out(await handle.wait(), f"timeout_s={limit} is over")


async def test_the_timeout_counts_from_the_start_of_the_job(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
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
async def test_a_timeout_waits_for_the_end_of_a_shielded_stage(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, on_cancel: str
) -> None:
    inside, release, after = anyio.Event(), anyio.Event(), anyio.Event()

    @registry.kind("work", stages=[Stage("stage", on_cancel=OnCancel(on_cancel))], timeout_s=60)
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


async def test_a_job_that_returns_while_its_timeout_is_held_succeeds(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
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
    registry: Registry, scheduler: Scheduler, clock: ManualClock
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
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    @registry.kind("work", timeout_s=60)
    async def work(job: JobContext) -> int:
        return 1

    handle = await scheduler.submit(work())
    await handle.wait()
    await clock.advance(60)

    assert (await handle.wait()).cancel is None
