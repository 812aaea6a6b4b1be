"""Jobs that are left behind: settled while their code still runs."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import FailureCode, JobContext, JobState, Kind, Registry, Scheduler, Snapshot, Stage
from jobcancel.errors import StageUnavailableError, StaleAttemptError
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


async def test_an_abandoned_job_settles_while_its_code_holds_its_slot(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    stubborn = Stubborn(registry, on_grace_expired="abandon", max_running=1)
    undone = anyio.Event()

    async def undo() -> None:
        undone.set()

    handle = await scheduler.submit(stubborn.kind(), compensations=[undo])
    await stubborn.inside.wait()
    await handle.cancel()
    await delivered(scheduler, handle.id)
    await clock.advance(10)

    abandoned = await handle.wait()
    assert (abandoned.state, abandoned.result, steps(abandoned)[-1]) == (JobState.CANCELED, None, "abandoned")
    assert abandoned.cancel is not None
    assert (abandoned.cancel.abandoned, abandoned.cancel.compensated) == (True, False)
    waiting = await scheduler.submit(stubborn.kind())
    assert (await waiting.wait(timeout_s=0)).state is JobState.PENDING
    assert not undone.is_set()

    stubborn.release.set()
    await undone.wait()
    assert await waiting.result() == "done all the same"
    ended = await handle.wait()
    assert (ended.state, ended.result) == (JobState.CANCELED, None), "its return value is dropped"
    assert ended.cancel is not None
    assert ended.cancel.compensated


async def test_the_open_stage_of_an_abandoned_job_is_recorded_as_abandoned(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    inside, release = anyio.Event(), anyio.Event()

    @registry.kind("work", grace_s=10, on_grace_expired="abandon", stages=[Stage("slow")])
    async def work(job: JobContext) -> None:
        async with job.stage("slow"):
            with anyio.CancelScope(shield=True):
                inside.set()
                await release.wait()

    handle = await scheduler.submit(work())
    await inside.wait()
    await handle.cancel()
    await delivered(scheduler, handle.id)
    await clock.advance(10)
    snapshot = await handle.wait()
    release.set()

    assert ("slow", "abandoned") in [(entry.step, entry.status) for entry in snapshot.history]
    assert snapshot.stage is None


async def test_an_abandoned_job_that_timed_out_fails(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    stubborn = Stubborn(registry, on_grace_expired="abandon", timeout_s=60)
    handle = await scheduler.submit(stubborn.kind())
    await stubborn.inside.wait()
    await clock.advance(60)
    await delivered(scheduler, handle.id)
    await clock.advance(10)
    snapshot = await handle.wait()
    stubborn.release.set()

    assert snapshot.state is JobState.FAILED
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.TIMED_OUT
    assert snapshot.cancel is not None
    assert snapshot.cancel.abandoned


async def test_code_of_an_abandoned_job_may_only_add_compensations(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    inside, release, over = anyio.Event(), anyio.Event(), anyio.Event()
    outcomes: list[str] = []

    async def late_undo() -> None:
        outcomes.append("undone")

    @registry.kind("child")
    async def child(job: JobContext) -> None:
        pass

    @registry.kind("work", grace_s=10, on_grace_expired="abandon")
    async def work(job: JobContext) -> None:
        with anyio.CancelScope(shield=True):
            inside.set()
            await release.wait()
            with pytest.raises(StaleAttemptError, match="attempt 1 is over"):
                job.progress(1)
            with pytest.raises(StaleAttemptError, match="attempt 1 is over"):
                job.note("late")
            with pytest.raises(StageUnavailableError):
                await job.submit(child())
            job.add_compensation(late_undo)
            outcomes.append("written")

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        await job.submit(work())
        await over.wait()

    outer = await scheduler.submit(parent())
    await inside.wait()
    handle = (await scheduler.find(kind="work")).jobs[0]
    await scheduler.cancel(handle.id)
    await delivered(scheduler, handle.id)
    await clock.advance(10)
    assert (await scheduler.wait(handle.id)).state is JobState.CANCELED
    over.set()
    assert (await outer.wait()).state is JobState.SUCCEEDED, "an abandoned child has settled, it blocks no other"
    release.set()
    async with scheduler.watch(handle.id) as snapshots:
        async for last in snapshots:
            assert last.state is JobState.CANCELED
    await scheduler.shutdown()  # waits for the code that was left behind

    assert outcomes == ["written", "undone"]
    assert steps(await scheduler.get(handle.id)).count("late") == 0
