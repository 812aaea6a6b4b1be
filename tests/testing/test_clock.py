"""The clock that a test moves: what it moves, what it refuses, and that it waits until all is done that was due."""

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


async def test_it_stands_still_until_it_is_moved_and_then_both_readings_move(clock: ManualClock) -> None:
    as_a_clock: Clock = clock
    assert (as_a_clock.time(), as_a_clock.monotonic(), repr(clock)) == (BEGINNING, 0.0, "<clock moved by 0 s>")
    await clock.advance(0)
    assert (clock.time(), clock.monotonic()) == (BEGINNING, 0.0)
    await clock.advance(2.5)
    assert (clock.time(), clock.monotonic(), repr(clock)) == (BEGINNING + 2.5, 2.5, "<clock moved by 2.5 s>")


async def test_an_operator_may_set_the_wall_back_and_durations_do_not_notice(clock: ManualClock) -> None:
    clock.wall -= 3600
    await clock.advance(1)
    assert (clock.time(), clock.monotonic()) == (BEGINNING - 3599, 1.0)


@pytest.mark.parametrize("seconds", [-1, -0.001, nan, inf, -inf])
async def test_a_step_back_or_without_end_is_refused_and_moves_nothing(clock: ManualClock, seconds: float) -> None:
    with pytest.raises(
        ValueError, match=f"^seconds must be a number of seconds from 0, up to 3155760000 .*, not {seconds!r}$"
    ):
        await clock.advance(seconds)
    assert (clock.time(), clock.monotonic()) == (BEGINNING, 0.0)


async def test_who_sleeps_wakes_at_its_time_and_not_before(clock: ManualClock) -> None:
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


async def test_a_sleep_that_is_cancelled_is_waited_for_by_nobody(clock: ManualClock) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(clock.sleep_until, inf)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    await clock.advance(1)


async def test_a_deadline_that_has_come_is_a_checkpoint_and_no_more(clock: ManualClock) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await clock.sleep_until(0)
    assert scope.cancelled_caught
    await clock.sleep_until(-5)


async def test_moving_the_time_returns_when_what_was_due_is_done(clock: ManualClock) -> None:
    timers, made = Timers(clock), list[str]()
    async with anyio.create_task_group() as group:
        group.start_soon(timers.run)
        await anyio.wait_all_tasks_blocked()
        timers.add(10, lambda: made.append("as it was told before it slept"))
        await clock.advance(10)
        assert made == ["as it was told before it slept"]
        timers.close()


async def test_what_was_ready_before_the_time_moved_reads_the_time_before_it(clock: ManualClock) -> None:
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


async def test_code_that_is_always_ready_does_not_keep_the_time_from_moving(clock: ManualClock) -> None:
    async def spin() -> None:
        while clock.monotonic() == 0:
            await checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(spin)
        await clock.advance(1)


@pytest.mark.parametrize("turns", [0, 1])
async def test_the_grace_of_a_cancel_counts_from_before_the_time_moved(
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
