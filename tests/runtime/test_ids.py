"""Job ids: unique, rising, and well-formed whatever the clock does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

import pytest

from jobcancel import JobContext, Registry, Scheduler
from jobcancel._runtime.ids import _randbits, ulids  # pyright: ignore[reportPrivateUsage]
from jobcancel.stores import MemoryStore
from jobcancel.testing import ManualClock
from jobcancel.testing.clock import EPOCH

ID = re.compile(r"job_[0-9A-HJKMNP-TV-Z]{26}")


def bits(*numbers: int) -> Callable[[int], int]:
    """A source of random bits that gives these numbers, one a call."""
    given: Iterator[int] = iter(numbers)
    return lambda _: next(given)


def test_ids_of_one_millisecond_are_unique_and_rise() -> None:
    clock = ManualClock()
    new_id = ulids(clock.time)
    ids = [new_id() for _ in range(10_000)]

    assert ids == sorted(set(ids))
    assert all(ID.fullmatch(job_id) for job_id in ids)


@pytest.mark.parametrize("bits", [1, 7, 8, 9, 79, 80])
def test_random_numbers_have_the_requested_bits(bits: int) -> None:
    drawn = [_randbits(bits) for _ in range(500)]
    assert min(drawn) >= 0
    assert max(drawn).bit_length() == bits


def test_ids_rise_with_the_time_and_begin_with_it() -> None:
    clock = ManualClock()
    new_id = ulids(clock.time)
    first = new_id()
    clock.wall += 0.001
    second = new_id()

    assert first < second
    assert (first[4:14], second[4:14]) == ("01MCC5RM00", "01MCC5RM01")  # 1 800 000 000 000 ms, and one more
    assert EPOCH == 1_800_000_000


def test_ids_rise_though_the_clock_goes_backwards() -> None:
    clock = ManualClock()
    new_id = ulids(clock.time)
    ids = [new_id()]
    for step in (-3600, 10, -1, 3000, 0):
        clock.wall += step
        ids.append(new_id())

    assert ids == sorted(set(ids))
    assert {job_id[4:14] for job_id in ids} == {"01MCC5RM00"}, "the newest time it has seen"


def test_the_layout_is_that_of_a_ulid() -> None:
    new_id = ulids(lambda: 0.0, bits(((1 << 59) - 1) << 20))
    assert new_id() == "job_" + "0" * 10 + "FZZZZZZZZZZZ" + "0000"
    assert new_id() == "job_" + "0" * 10 + "FZZZZZZZZZZZ" + "0001"


def test_the_largest_random_number_can_be_counted_up() -> None:
    asked: list[int] = []

    def largest(count: int) -> int:
        asked.append(count)
        return (1 << count) - 1

    new_id = ulids(lambda: 0.0, largest)
    assert [new_id() for _ in range(3)] == [
        "job_" + "0" * 10 + "FZZZZZZZZZZZZZZZ",
        "job_" + "0" * 10 + "G000000000000000",
        "job_" + "0" * 10 + "G000000000000001",
    ]
    assert asked == [79], "of 80; once a millisecond"


def test_a_counter_that_overflows_carries_into_the_random_part() -> None:
    new_id = ulids(lambda: 0.0, bits((41 << 20) + (1 << 20) - 2))
    ids = [new_id() for _ in range(4)]

    assert [job_id[14:] for job_id in ids] == [
        "000000000019ZZZY",
        "000000000019ZZZZ",
        "00000000001A0000",
        "00000000001A0001",
    ]


def test_an_error_of_clock_or_randomness_costs_one_id_only() -> None:
    clock, broken = ManualClock(), {"time": False, "bits": False}

    def time() -> float:
        if broken["time"]:
            raise OSError("no clock")
        return clock.time()

    def randbits(count: int) -> int:
        if broken["bits"]:
            raise OSError("no randomness")
        return 1

    new_id = ulids(time, randbits)
    ids = [new_id()]
    for what in broken:
        clock.wall += 1
        broken[what] = True
        with pytest.raises(OSError, match="no "):
            new_id()
        broken[what] = False
        ids.append(new_id())

    assert ids == sorted(set(ids))


async def test_jobs_get_their_ids_from_the_given_factory(registry: Registry, anyio_backend: object) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> str:
        return job.id

    ids = iter(["first", "second"])
    async with Scheduler(registry, new_id=lambda: next(ids)) as scheduler:
        handles = [await scheduler.submit(work()) for _ in range(2)]
        assert [await handle.result() for handle in handles] == ["first", "second"]
        assert [job.id for job in (await scheduler.find()).jobs] == ["second", "first"]


class OfAnEnum(StrEnum):
    FIRST = "first"


@pytest.mark.parametrize(
    ("given", "error"),
    [(None, TypeError), (5, TypeError), (b"a", TypeError), ("", ValueError), ("job\udcff", ValueError)],
)
@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "stored"])
async def test_an_invalid_id_is_refused_and_submits_no_job(
    registry: Registry, anyio_backend: Any, stored: bool, given: Any, error: type[Exception]
) -> None:
    @registry.kind("work", max_running=1)
    async def work(job: JobContext) -> None: ...

    ids = [OfAnEnum.FIRST, given]
    async with Scheduler(registry, new_id=ids.pop, store=MemoryStore() if stored else None) as scheduler:
        with pytest.raises(error, match="the id factory must give strings"):
            await scheduler.submit(work())
        assert (await scheduler.find()).jobs == ()
        settled = await (await scheduler.submit(work())).wait()
    assert (settled.id, type(settled.id), settled.state) == ("first", str, "succeeded")
