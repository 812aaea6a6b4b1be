"""Time: the system's clock, the timers on it, and the tests' own clock."""

from __future__ import annotations

from math import inf
from time import monotonic, time

import anyio
import pytest

from jobcancel._runtime.clock import SystemClock, Timers
from jobcancel.abc import Clock
from jobcancel.testing import ManualClock
from jobcancel.testing.clock import EPOCH


async def test_the_system_clock_has_the_systems_time() -> None:
    clock: Clock = SystemClock()
    before = (time(), monotonic())
    now = (clock.time(), clock.monotonic())

    assert before <= now
    assert now[0] <= time()
    assert now[1] <= monotonic()


@pytest.mark.parametrize("late_by", [0.0, 0.001, 3600.0])
async def test_a_passed_deadline_is_not_slept_for(late_by: float, anyio_backend: object) -> None:
    clock = SystemClock()
    await clock.sleep_until(clock.monotonic() - late_by)  # a negative delay would raise and end all timers


async def test_the_system_clock_wakes_at_the_deadline_never_early(anyio_backend: object) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + 0.01
    while clock.monotonic() < deadline:
        await clock.sleep_until(deadline)


async def test_a_sleep_without_end_ends_when_it_is_cancelled(anyio_backend: object) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await SystemClock().sleep_until(inf)
    assert scope.cancelled_caught


async def test_timers_run_once_in_order_unless_cancelled(clock: ManualClock) -> None:
    timers, made = Timers(clock), list[str]()

    async with anyio.create_task_group() as group:
        timers.add(20, lambda: made.append("b"))
        timers.add(10, lambda: made.append("a"))
        timers.add(20, lambda: made.append("c"))
        never = timers.add(15, lambda: made.append("never"))
        group.start_soon(timers.run)
        never.cancel()
        never.cancel()  # no effect
        await anyio.wait_all_tasks_blocked()
        last = timers.add(5, lambda: made.append("first"))  # earlier than what is slept for
        await clock.advance(9)
        assert made == ["first"]
        await clock.advance(1)
        assert made == ["first", "a"]
        await clock.advance(1000)
        assert made == ["first", "a", "b", "c"]
        last.cancel()  # too late, no effect
        await clock.advance(1000)
        timers.close()
    assert made == ["first", "a", "b", "c"]


async def test_a_timer_added_by_a_timer_runs(clock: ManualClock) -> None:
    timers, made = Timers(clock), list[float]()

    def again() -> None:
        made.append(clock.monotonic())
        if len(made) < 3:
            timers.add(clock.monotonic(), again)

    async with anyio.create_task_group() as group:
        group.start_soon(timers.run)
        timers.add(10, again)
        await anyio.wait_all_tasks_blocked()
        await clock.advance(10)
        timers.close()
    assert made == [10, 10, 10]


def test_cancelled_timers_are_removed_when_they_are_the_majority(clock: ManualClock) -> None:
    timers = Timers(clock)

    def heap() -> list[float]:
        return sorted(entry[0] for entry in timers._heap)  # pyright: ignore[reportPrivateUsage]

    live = [timers.add(number, print) for number in range(50)]
    cancelled = [timers.add(number, print) for number in range(100)]

    for timer in cancelled[:75]:
        timer.cancel()
    assert len(heap()) == 150, "they are no majority"
    cancelled[75].cancel()
    assert len(heap()) == 74
    assert heap() == sorted([*range(50), *range(76, 100)])
    for timer in cancelled[76:]:
        timer.cancel()
    assert len(heap()) == 74, "a few stay, that is cheaper"
    assert all(timer.callback is not None for timer in live)


async def test_the_manual_clock_wakes_sleepers_when_it_is_advanced(clock: ManualClock) -> None:
    woken: list[float] = []

    async def sleep(deadline: float) -> None:
        while clock.monotonic() < deadline:
            await clock.sleep_until(deadline)
        woken.append(deadline)

    assert (clock.time(), clock.monotonic()) == (EPOCH, 0.0)
    async with anyio.create_task_group() as group:
        for deadline in (30.0, 10.0, 0.0):
            group.start_soon(sleep, deadline)
        await anyio.wait_all_tasks_blocked()
        await clock.advance(10)
        await clock.sleep_until(5)
        assert sorted(woken) == [0.0, 10.0]
        await clock.advance(20)
    assert (sorted(woken), clock.time(), clock.monotonic()) == ([0.0, 10.0, 30.0], EPOCH + 30, 30.0)
