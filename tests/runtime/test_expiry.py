"""Jobs that wait too long for their start."""

from __future__ import annotations

import anyio

from jobcancel import FailureCode, JobContext, JobHandle, JobState, Kind, Outcome, Registry, Scheduler
from jobcancel.testing import ManualClock


def limited(registry: Registry) -> Kind[[], None]:
    @registry.kind("work", max_running=1, expires_s=60, cleanup_s=600)
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    return work


async def state(handle: JobHandle[None]) -> JobState:
    return (await handle.wait(timeout_s=0)).state


async def test_a_job_that_waited_too_long_fails_and_never_runs(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind = limited(registry)
    running, waiting = await scheduler.submit(kind()), await scheduler.submit(kind())

    await clock.advance(59)
    assert await state(waiting) is JobState.PENDING
    await clock.advance(1)
    snapshot = await waiting.wait()

    assert (snapshot.state, snapshot.started_at, snapshot.cancel) == (JobState.FAILED, None, None)
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.EXPIRED
    assert [(entry.step, entry.status) for entry in snapshot.history] == [("failed", "failed")]
    assert await state(running) is JobState.RUNNING, "one that started in time does not expire"


async def test_an_expired_job_blocks_no_other(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    kind = limited(registry)
    running, expired = await scheduler.submit(kind()), await scheduler.submit(kind())
    await clock.advance(30)
    last = await scheduler.submit(kind())
    await clock.advance(30)
    await running.cancel()
    await running.wait()

    assert await state(expired) is JobState.FAILED
    assert await state(last) is JobState.RUNNING


async def test_a_job_that_started_in_time_does_not_expire(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind = limited(registry)
    first, second = await scheduler.submit(kind()), await scheduler.submit(kind())
    await clock.advance(59)
    await first.cancel()
    await first.wait()
    await clock.advance(600)

    assert await state(second) is JobState.RUNNING


async def test_an_expired_job_is_compensated_before_it_settles(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind, undoing, finish = limited(registry), anyio.Event(), anyio.Event()

    async def refund() -> None:
        undoing.set()
        await finish.wait()

    await scheduler.submit(kind())
    waiting = await scheduler.submit(kind(), compensations=[refund])
    await clock.advance(60)
    await undoing.wait()
    assert not (await waiting.wait(timeout_s=0)).settled
    finish.set()
    snapshot = await waiting.wait()

    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.EXPIRED
    assert [(entry.step, entry.status) for entry in snapshot.history] == [
        ("refund", "compensated"),
        ("failed", "failed"),
    ]


async def test_expiry_is_not_compensated_unless_failures_are(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    undone: list[str] = []

    @registry.kind("work", max_running=1, expires_s=60, compensate_on=["canceled"])
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    await scheduler.submit(work())
    waiting = await scheduler.submit(work(), compensations=[lambda: undone.append("undone")])
    await clock.advance(60)

    assert (await waiting.wait()).state is JobState.FAILED
    assert undone == []


async def test_a_cancel_does_not_disturb_the_undos_of_an_expired_job(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind, undoing, finish, undone = limited(registry), anyio.Event(), anyio.Event(), list[str]()

    async def last() -> None:
        undone.append("last")

    async def first() -> None:
        undoing.set()
        await finish.wait()
        undone.append("first")

    await scheduler.submit(kind())
    waiting = await scheduler.submit(kind(), compensations=[last, first])
    await clock.advance(60)
    await undoing.wait()
    verdict = await waiting.cancel()
    assert verdict.accepted
    finish.set()
    snapshot = await waiting.wait()

    assert undone == ["first", "last"]
    assert snapshot.state is JobState.FAILED
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.EXPIRED
    assert snapshot.cancel is not None
    assert snapshot.cancel.compensated


async def test_a_cancel_during_an_expired_jobs_undo_settles_it_once(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind, undoing, finish = limited(registry), anyio.Event(), anyio.Event()

    async def refund() -> None:
        undoing.set()
        await finish.wait()

    await scheduler.submit(kind())
    waiting = await scheduler.submit(kind(), compensations=[refund])
    await clock.advance(60)
    await undoing.wait()
    assert (await waiting.cancel()).outcome is Outcome.CANCELING
    assert not (await waiting.wait(timeout_s=0)).settled, "its undo still runs"
    finish.set()

    assert (await waiting.wait()).state is JobState.FAILED


async def test_a_canceled_pending_job_does_not_expire(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind, undoing, finish = limited(registry), anyio.Event(), anyio.Event()

    async def refund() -> None:
        undoing.set()
        await finish.wait()

    await scheduler.submit(kind())
    waiting = await scheduler.submit(kind(), compensations=[refund])
    assert (await waiting.cancel()).outcome is Outcome.CANCELING
    await undoing.wait()
    await clock.advance(60)
    assert not (await waiting.wait(timeout_s=0)).settled
    finish.set()
    snapshot = await waiting.wait()

    assert snapshot.state is JobState.CANCELED
    assert [entry.step for entry in snapshot.history] == ["cancel_accepted", "refund", "unwound"]


async def test_a_withdrawn_job_does_not_expire_afterwards(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind = limited(registry)
    await scheduler.submit(kind())
    waiting = await scheduler.submit(kind())
    assert (await waiting.cancel()).outcome is Outcome.CANCELED
    await clock.advance(60)

    assert (await waiting.wait()).state is JobState.CANCELED
