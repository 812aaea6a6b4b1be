"""Job ids: unique, rising, and well-formed whatever the clock does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from jobcancel import JobContext, Registry, Scheduler
from jobcancel._runtime.ids import Ulids
from tests.clock import EPOCH, FakeClock

ID = re.compile(r"job_[0-9A-HJKMNP-TV-Z]{26}")


def bits(*numbers: int) -> Callable[[int], int]:
    """A source of random bits that gives these numbers, one a call."""
    given: Iterator[int] = iter(numbers)
    return lambda _: next(given)


def test_ids_of_one_millisecond_are_unique_and_rise() -> None:
    clock = FakeClock()
    new_id = Ulids(clock.time)
    ids = [new_id() for _ in range(10_000)]

    assert ids == sorted(set(ids))
    assert all(ID.fullmatch(job_id) for job_id in ids)


def test_ids_rise_with_the_time_and_begin_with_it() -> None:
    clock = FakeClock()
    new_id = Ulids(clock.time)
    first = new_id()
    clock.wall += 0.001
    second = new_id()

    assert first < second
    assert (first[4:14], second[4:14]) == ("01MCC5RM00", "01MCC5RM01")  # 1 800 000 000 000 ms, and one more
    assert EPOCH == 1_800_000_000


def test_ids_rise_though_the_clock_goes_backwards() -> None:
    clock = FakeClock()
    new_id = Ulids(clock.time)
    ids = [new_id()]
    for step in (-3600, 10, -1, 3000, 0):
        clock.wall += step
        ids.append(new_id())

    assert ids == sorted(set(ids))
    assert {job_id[4:14] for job_id in ids} == {"01MCC5RM00"}, "the newest time it has seen"


def test_the_layout_is_that_of_a_ulid() -> None:
    new_id = Ulids(lambda: 0.0, bits((1 << 59) - 1, 0))
    assert new_id() == "job_" + "0" * 10 + "FZZZZZZZZZZZ" + "0000"
    assert new_id() == "job_" + "0" * 10 + "FZZZZZZZZZZZ" + "0001"


def test_a_counter_that_overflows_carries_into_the_random_part() -> None:
    new_id = Ulids(lambda: 0.0, bits(41, (1 << 20) - 2))
    ids = [new_id() for _ in range(4)]

    assert [job_id[14:] for job_id in ids] == [
        "000000000019ZZZY",
        "000000000019ZZZZ",
        "00000000001A0000",
        "00000000001A0001",
    ]


async def test_jobs_get_their_ids_from_the_factory_that_was_given(registry: Registry, anyio_backend: object) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> str:
        return job.id

    ids = iter(["first", "second"])
    async with Scheduler(registry, new_id=lambda: next(ids)) as scheduler:
        handles = [await scheduler.submit(work()) for _ in range(2)]
        assert [await handle.result() for handle in handles] == ["first", "second"]
        assert [job.id for job in (await scheduler.find()).jobs] == ["second", "first"]
