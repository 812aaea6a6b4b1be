"""``ManualClock``: a test moves it, and ``advance`` waits for the timers that are due."""

from __future__ import annotations

from math import inf, nan

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Registry, Scheduler
from jobcancel._runtime.clock import Timers
from jobcancel.abc import Clock
from jobcancel.testing import ManualClock

BEGINNING = 1_800_000_000.0  # 2027-01-15T08:00:00Z


async def test_advance_moves_both_readings(clock: ManualClock) -> None:
    as_a_clock: Clock = clock
    assert (as_a_clock.time(), as_a_clock.monotonic(), repr(clock)) == (BEGINNING, 0.0, "<clock moved by 0 s>")
    await clock.advance(0)
    assert (clock.time(), clock.monotonic()) == (BEGINNING, 0.0)
    await clock.advance(2.5)
    assert (clock.time(), clock.monotonic(), repr(clock)) == (BEGINNING + 2.5, 2.5, "<clock moved by 2.5 s>")


async def test_wall_time_may_be_set_back(clock: ManualClock) -> None:
    clock.wall -= 3600
    await clock.advance(1)
    assert (clock.time(), clock.monotonic()) == (BEGINNING - 3599, 1.0)


@pytest.mark.parametrize("seconds", [-1, -0.001, nan, inf, -inf])
async def test_advance_rejects_invalid_seconds(clock: ManualClock, seconds: float) -> None:
    with pytest.raises(
        ValueError, match=f"^seconds must be a number of seconds from 0, up to 3155760000 .*, not {seconds!r}$"
    ):
        await clock.advance(seconds)
    assert (clock.time(), clock.monotonic()) == (BEGINNING, 0.0)


async def test_sleepers_wake_at_their_deadlines(clock: ManualClock) -> None:
    woken: list[float] = []

    async def sleep(deadline: float) -> None:
        while clock.monotonic() < deadline:
            await clock.sleep_until(deadline)
        woken.append(deadline)

    async with anyio.create_task_group() as group:
        for deadline in (30.0, 10.0, 0.0):
            group.start_soon(sleep, deadline)
        await anyio.wait_all_tasks_blocked()
        assert woken == [0.0]
        await clock.advance(9.999)
        assert woken == [0.0]
        await clock.advance(0.001)
        assert woken == [0.0, 10.0]
        await clock.advance(1000)
        assert woken == [0.0, 10.0, 30.0]


async def test_advance_does_not_wait_for_a_cancelled_sleep(clock: ManualClock) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(clock.sleep_until, inf)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    await clock.advance(1)


async def test_sleep_until_a_past_deadline_is_a_checkpoint(clock: ManualClock) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await clock.sleep_until(0)
    assert scope.cancelled_caught
    await clock.sleep_until(-5)


async def test_advance_returns_when_due_timers_have_run(clock: ManualClock) -> None:
    timers, made = Timers(clock), list[str]()
    async with anyio.create_task_group() as group:
        group.start_soon(timers.run)
        await anyio.wait_all_tasks_blocked()
        timers.add(10, lambda: made.append("due"))
        await clock.advance(10)
        assert made == ["due"]
        timers.close()


async def test_ready_tasks_read_the_time_before_advance(clock: ManualClock) -> None:
    read: list[float] = []

    async def look(turns: int) -> None:
        for _ in range(turns):
            await checkpoint()
        read.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        for turns in (0, 1, 3):
            group.start_soon(look, turns)
        await clock.advance(31)
        assert read == [0.0, 0.0, 0.0]


async def test_busy_task_does_not_block_advance(clock: ManualClock) -> None:
    async def spin() -> None:
        while clock.monotonic() == 0:
            await checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(spin)
        await clock.advance(1)


@pytest.mark.parametrize("turns", [0, 1])
async def test_grace_counts_from_a_delivery_before_advance(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, turns: int
) -> None:
    running, release = anyio.Event(), anyio.Event()

    @registry.kind("slow_to_unwind", grace_s=30)
    async def slow_to_unwind(job: JobContext) -> None:
        try:
            running.set()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await release.wait()

    handle = await scheduler.submit(slow_to_unwind())
    await running.wait()
    await handle.cancel()
    for _ in range(turns):
        await checkpoint()
    await clock.advance(31)

    release.set()
    cancel = (await handle.wait()).cancel

    assert cancel is not None
    assert cancel.stuck
    assert cancel.delivered_at == cancel.requested_at
