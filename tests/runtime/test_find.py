"""Finding jobs: filters, and paging by cursor through live and settled ones."""

from __future__ import annotations

from math import nan
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from jobcancel import JobContext, JobState, Registry, Scheduler
from jobcancel.testing import ManualClock


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


async def at_once(job: JobContext) -> None:
    pass


async def test_filters_narrow_the_result_and_the_newest_comes_first(registry: Registry, scheduler: Scheduler) -> None:
    live, done = registry.kind("live")(forever), registry.kind("done")(at_once)
    a = await scheduler.submit(live(), owner="a", labels={"size": "big", "color": "red"})
    b = await scheduler.submit(done(), owner="a", labels={"size": "big"})
    c = await scheduler.submit(live(), owner="b")
    d = await scheduler.submit(done())
    await b.wait()
    await d.wait()

    async def found(**filters: Any) -> list[str]:
        page = await scheduler.find(**filters)
        assert page.cursor is None
        return [job.id for job in page.jobs]

    assert await found() == [d.id, c.id, b.id, a.id]
    assert await found(owner="a") == [b.id, a.id]
    assert await found(kind="live") == [c.id, a.id]
    assert await found(state="succeeded") == [d.id, b.id]
    assert await found(state=JobState.RUNNING, owner="b") == [c.id]
    assert await found(labels={"size": "big"}) == [b.id, a.id]
    assert await found(labels={"size": "big", "color": "red"}) == [a.id]
    assert await found(labels={}) == [d.id, c.id, b.id, a.id]
    assert await found(labels={"size": "small"}) == []
    assert await found(kind="no_such_kind") == []


async def pages(scheduler: Scheduler, limit: int, **filters: Any) -> list[list[str]]:
    collected: list[list[str]] = []
    cursor: str | None = None
    while True:
        page = await scheduler.find(cursor=cursor, limit=limit, **filters)
        collected.append([job.id for job in page.jobs])
        cursor = page.cursor
        if cursor is None:
            return collected


async def test_paging_shows_each_live_and_settled_job_once(registry: Registry, scheduler: Scheduler) -> None:
    kinds = [registry.kind("live")(forever), registry.kind("done")(at_once)]
    handles = [await scheduler.submit(kinds[number % 2](), owner=f"{number % 3}") for number in range(7)]
    for handle in handles[1::2]:
        await handle.wait()
    g, f, e, d, c, b, a = [handle.id for handle in reversed(handles)]

    assert await pages(scheduler, 3) == [[g, f, e], [d, c, b], [a]]
    assert await pages(scheduler, 7) == [[g, f, e, d, c, b, a]], "a full last page needs no empty one behind it"
    assert await pages(scheduler, 2, owner="0") == [[g, d], [a]]


async def test_jobs_that_come_and_go_do_not_disturb_paging(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind = registry.kind("done", retain_s=10)(at_once)
    first = [await scheduler.submit(kind()) for _ in range(2)]
    for handle in first:
        await handle.wait()
    await clock.advance(5)
    second = [await scheduler.submit(kind()) for _ in range(3)]
    for handle in second:
        await handle.wait()

    page = await scheduler.find(limit=2)
    assert [job.id for job in page.jobs] == [second[2].id, second[1].id]
    await clock.advance(6)  # the first two are past their retention now
    await scheduler.submit(kind())  # and this one is newer than the first page
    rest = await scheduler.find(cursor=page.cursor, limit=2)

    assert ([job.id for job in rest.jobs], rest.cursor) == ([second[0].id], None)


@pytest.mark.parametrize(
    "cursor",
    ["", "next", "-1", "1.5", "²", "٣", pytest.param("9" * 21, id="long"), pytest.param("9" * 5000, id="too long")],
)
async def test_an_unknown_cursor_is_refused(scheduler: Scheduler, cursor: str) -> None:
    with pytest.raises(ValueError, match="is no cursor; pass the one that the earlier page carries"):
        await scheduler.find(cursor=cursor)


@pytest.mark.parametrize("cursor", [5, b"6", nan, True])
async def test_a_cursor_that_is_no_string_is_refused(scheduler: Scheduler, cursor: Any) -> None:
    with pytest.raises(TypeError, match="cursor must be a string or None, not "):
        await scheduler.find(cursor=cursor)


async def test_labels_that_are_no_mapping_are_refused(scheduler: Scheduler) -> None:
    labels: Any = ["team"]
    with pytest.raises(TypeError, match="labels must be a mapping of strings to strings, not list"):
        await scheduler.find(labels=labels)
    with pytest.raises(TypeError, match="labels must be a mapping of strings to strings, not list"):
        await scheduler.cancel_many(labels=labels)


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_below_one_is_refused(scheduler: Scheduler, limit: int) -> None:
    with pytest.raises(ValueError, match="limit must be a whole number from 1, "):
        await scheduler.find(limit=limit)


async def test_a_state_that_does_not_exist_is_refused(scheduler: Scheduler) -> None:
    with pytest.raises(ValueError, match=r'^state must be one of "canceled", .*, or None for every state'):
        await scheduler.find(state="cancelled")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_a_search_for_a_rare_job_lets_the_loop_run(registry: Registry, scheduler: Scheduler) -> None:
    done = registry.kind("done", retain_count=None)(at_once)
    handles = [await scheduler.submit(done()) for _ in range(3_000)]
    await handles[-1].wait()
    turns, found = 0, list[int]()

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        await anyio.lowlevel.checkpoint()
        turns = 0
        assert (await scheduler.find(state="failed")).jobs == ()
        assert turns >= 1, "it looked at 3000 places in one step"
        found.append(len((await scheduler.find(state="succeeded", limit=3_000)).jobs))
        group.cancel_scope.cancel()
    assert found == [3_000]


async def test_jobs_that_come_and_go_do_not_disturb_a_search(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    brief = registry.kind("brief", retain_s=1, retain_count=None)(at_once)
    lasting = registry.kind("lasting")(at_once)
    oldest = await scheduler.submit(lasting())
    handles = [await scheduler.submit(brief()) for _ in range(2_500)]
    await handles[-1].wait()
    found: list[str] = []

    async def look() -> None:
        found.extend(job.id for job in (await scheduler.find(kind="lasting", state="succeeded")).jobs)

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        await anyio.lowlevel.checkpoint()
        await clock.advance(1)  # all that is brief goes, and what is left moves up
        newer = [await scheduler.submit(lasting()) for _ in range(200)]
        await newer[-1].wait()
    assert found == [oldest.id]
