"""``testing.scheduler``: its clock moves all timers, and jobs that still run at its end are canceled."""

from __future__ import annotations

import re

import anyio
import pytest

from jobcancel import Call, JobContext, JobState, Registry, Scheduler, Stage
from jobcancel.errors import JobNotFoundError
from jobcancel.stores import MemoryStore
from jobcancel.testing import ManualClock
from jobcancel.testing import scheduler as scheduler_for_a_test

YEAR_S = 365 * 86400.0


class Sleeper:
    """A kind whose jobs sleep; ``begun`` is set when one begins to."""

    def __init__(self, registry: Registry, **options: object) -> None:
        self.begun = anyio.Event()
        self.stubborn = anyio.Event()

        @registry.kind("sleeper", **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        async def sleeper(job: JobContext, *, stubborn: bool = False) -> None:
            self.begun.set()
            with anyio.CancelScope(shield=stubborn):
                await (self.stubborn.wait() if stubborn else anyio.sleep_forever())

        self.kind = sleeper


async def test_clock_moves_timeouts(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    sleeper = Sleeper(registry, timeout_s=YEAR_S)
    handle = await scheduler.submit(sleeper.kind())
    await sleeper.begun.wait()
    await clock.advance(YEAR_S - 1)
    assert (await handle.wait(timeout_s=0)).state == "running"
    await clock.advance(1)
    snapshot = await handle.wait()
    assert snapshot.failure is not None
    assert (snapshot.state, snapshot.failure.code) == ("failed", "TIMED_OUT")


async def test_clock_moves_stage_timeouts(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    begun = anyio.Event()

    @registry.kind("staged", stages=[Stage("long", timeout_s=YEAR_S)])
    async def staged(job: JobContext) -> None:
        async with job.stage("long"):
            begun.set()
            await anyio.sleep_forever()

    handle = await scheduler.submit(staged())
    await begun.wait()
    await clock.advance(YEAR_S)
    snapshot = await handle.wait()
    assert [(entry.step, entry.status) for entry in snapshot.history][1] == ("long", "timed_out")


async def test_clock_moves_grace(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    sleeper = Sleeper(registry, grace_s=YEAR_S, on_grace_expired="abandon")
    handle = await scheduler.submit(sleeper.kind(stubborn=True))
    await sleeper.begun.wait()
    assert (await handle.cancel()).outcome == "canceling"
    await anyio.wait_all_tasks_blocked()  # the grace counts from the delivery
    await clock.advance(YEAR_S - 1)
    assert (await handle.wait(timeout_s=0)).state == "canceling"
    await clock.advance(1)
    snapshot = await handle.wait()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.abandoned) == ("canceled", True)
    sleeper.stubborn.set()


async def test_clock_moves_expiry(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    sleeper = Sleeper(registry, max_running=1, expires_s=YEAR_S)
    await scheduler.submit(sleeper.kind())
    second = await scheduler.submit(sleeper.kind())
    await clock.advance(YEAR_S - 1)
    assert (await second.wait(timeout_s=0)).state == "pending"
    await clock.advance(1)
    snapshot = await second.wait()
    assert snapshot.failure is not None
    assert (snapshot.state, snapshot.failure.code) == ("failed", "EXPIRED")


async def test_clock_moves_retention(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    sleeper = Sleeper(registry, retain_s=YEAR_S)
    handle = await scheduler.submit(sleeper.kind())
    await handle.cancel()
    await handle.wait()
    await anyio.wait_all_tasks_blocked()
    await clock.advance(YEAR_S - 1)
    assert (await scheduler.get(handle.id)).state == "canceled"
    await clock.advance(1)
    with pytest.raises(JobNotFoundError):
        await scheduler.get(handle.id)


async def test_time_stands_still_without_a_clock_argument(registry: Registry) -> None:
    sleeper = Sleeper(registry, timeout_s=1e-9)
    async with scheduler_for_a_test(registry) as scheduler:
        handle = await scheduler.submit(sleeper.kind())
        await sleeper.begun.wait()
        await anyio.wait_all_tasks_blocked()
        snapshot = await scheduler.get(handle.id)
        assert (snapshot.state, snapshot.created_at.isoformat()) == ("running", "2027-01-15T08:00:00+00:00")


async def test_running_jobs_are_canceled_at_the_end_of_the_block(registry: Registry) -> None:
    sleeper = Sleeper(registry)
    async with scheduler_for_a_test(registry) as scheduler:
        handle = await scheduler.submit(sleeper.kind())
        await sleeper.begun.wait()
    snapshot = await handle.wait()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.cause) == ("canceled", "shutdown")


async def test_handlers_get_the_app(registry: Registry) -> None:
    @registry.kind("returns_app")
    async def returns_app(job: JobContext) -> object:
        return job.app

    async with scheduler_for_a_test(registry, app="the app") as scheduler:
        assert await (await scheduler.submit(returns_app())).result() == "the app"


async def test_second_scheduler_with_the_same_store_is_a_restart(registry: Registry) -> None:
    store = MemoryStore()

    @registry.kind("work", on_restart="rerun")
    async def work(job: JobContext) -> int:
        if job.attempt == 1:
            await anyio.sleep_forever()
        return job.attempt

    async with scheduler_for_a_test(registry, store=store) as first:
        handle = await first.submit(work())
        async with first.watch(handle.id) as snapshots:
            async for snapshot in snapshots:
                if snapshot.state is JobState.RUNNING:
                    break

    async with scheduler_for_a_test(registry, store=store) as second:
        snapshot = await second.wait(handle.id)

    assert (snapshot.state, snapshot.result, snapshot.attempt) == ("succeeded", 2, 2)


async def leave_by(error: Exception, registry: Registry, *calls: Call[None]) -> list[str]:
    """Submit jobs, raise an error when all tasks wait, and return the lines of its note."""
    with pytest.raises(type(error)) as caught:
        await _leave_by(error, registry, *calls)
    assert caught.value is error
    (note,) = error.__notes__
    return note.splitlines()


async def _leave_by(error: Exception, registry: Registry, *calls: Call[None]) -> None:
    async with scheduler_for_a_test(registry) as scheduler:
        for call in calls:
            await scheduler.submit(call)
        await anyio.wait_all_tasks_blocked()
        raise error


async def test_error_has_a_note_with_the_timelines(registry: Registry) -> None:
    sleeper = Sleeper(registry)
    first, *lines = await leave_by(AssertionError("a failed test"), registry, sleeper.kind())
    assert re.fullmatch(r"job job_\w{26} \(sleeper\): running", first)
    assert lines == ["        at  took  step     status   details", "    +0.000        started  running"]


async def test_error_without_jobs_has_a_note_that_says_so(registry: Registry) -> None:
    assert await leave_by(RuntimeError("no job"), registry) == ["no job was submitted"]


async def test_error_has_the_newest_twenty_jobs_oldest_first(registry: Registry) -> None:
    @registry.kind("counts")
    async def counts(job: JobContext, number: int) -> None:
        job.note(f"number_{number}")

    lines = await leave_by(RuntimeError("too many"), registry, *(counts(number) for number in range(21)))
    assert [int(number) for number in re.findall(r" number_(\d+) ", "\n".join(lines))] == list(range(1, 21))


async def test_cancellation_of_the_host_has_no_note(registry: Registry) -> None:
    sleeper, caught = Sleeper(registry), list[BaseException]()
    with anyio.CancelScope() as scope:
        try:
            async with scheduler_for_a_test(registry) as scheduler:
                await scheduler.submit(sleeper.kind())
                scope.cancel()
                await anyio.sleep_forever()
        except BaseException as error:
            caught.append(error)
            raise
    assert scope.cancelled_caught
    assert not hasattr(caught[0], "__notes__")
