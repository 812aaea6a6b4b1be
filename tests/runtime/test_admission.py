"""Limits: who may start, in which order, and what waiting costs the others. All on handlers that never end."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, JobHandle, JobState, Outcome, Registry, Scheduler, Snapshot
from jobcancel.errors import QueueFullError


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


async def state(handle: JobHandle[None]) -> JobState:
    return (await handle.wait(timeout_s=0)).state


async def states(*handles: JobHandle[None]) -> list[str]:
    return [await state(handle) for handle in handles]


async def test_a_kinds_limit_holds_and_jobs_start_in_order(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("work", max_running=2)(forever)
    a, b, c, d = [await scheduler.submit(kind()) for _ in range(4)]

    assert await states(a, b, c, d) == ["running", "running", "pending", "pending"]
    await b.cancel()
    await b.wait()
    assert await states(a, c, d) == ["running", "running", "pending"]
    await a.cancel()
    await a.wait()
    assert await states(c, d) == ["running", "running"]


async def test_a_kind_at_its_limit_blocks_no_other(registry: Registry, anyio_backend: object) -> None:
    narrow = registry.kind("narrow", max_running=1)(forever)
    wide = registry.kind("wide")(forever)

    async with Scheduler(registry, max_running=3) as scheduler:
        a, b, c = [await scheduler.submit(narrow()) for _ in range(3)]
        d, e, f = [await scheduler.submit(wide()) for _ in range(3)]

        assert await states(a, b, c, d, e, f) == ["running", "pending", "pending", "running", "running", "pending"]
        await d.cancel()
        await d.wait()
        assert await states(a, b, e, f) == ["running", "pending", "running", "running"]
        await scheduler.cancel_many()


async def test_the_oldest_job_of_all_kinds_starts_first(registry: Registry, anyio_backend: object) -> None:
    one, two = registry.kind("one")(forever), registry.kind("two")(forever)

    async with Scheduler(registry, max_running=1) as scheduler:
        a = await scheduler.submit(one())
        b, c, d = await scheduler.submit(two()), await scheduler.submit(one()), await scheduler.submit(two())

        assert await states(a, b, c, d) == ["running", "pending", "pending", "pending"]
        for ended, expected in (
            (a, ["running", "pending", "pending"]),
            (b, ["canceled", "running", "pending"]),
            (c, ["canceled", "canceled", "running"]),
        ):
            await ended.cancel()
            await ended.wait()
            assert await states(b, c, d) == expected
        await d.cancel()


async def test_withdrawn_jobs_are_skipped_and_take_no_slot(registry: Registry, anyio_backend: object) -> None:
    kind = registry.kind("work", max_running=1)(forever)
    other = registry.kind("other")(forever)

    async with Scheduler(registry, max_running=2) as scheduler:
        a, b, c, d = [await scheduler.submit(kind()) for _ in range(4)]
        e, f, g = [await scheduler.submit(other()) for _ in range(3)]
        for withdrawn in (b, c, f):
            assert (await withdrawn.cancel()).outcome is Outcome.CANCELED

        assert await states(a, d, e, g) == ["running", "pending", "running", "pending"]
        await a.cancel()
        await a.wait()
        assert await states(d, e, g) == ["running", "running", "pending"]
        await e.cancel()
        await e.wait()
        assert await states(d, g) == ["running", "running"]
        await scheduler.cancel_many()


async def test_a_full_queue_refuses_without_effect(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("work", max_running=1, max_pending=1)(forever)
    running, waiting = await scheduler.submit(kind()), await scheduler.submit(kind())
    undone: list[str] = []

    with pytest.raises(QueueFullError, match="kind 'work' has 1 jobs pending, its max_pending"):
        await scheduler.submit(kind(), key="k", compensations=[lambda: undone.append("undone")])

    assert [job.id for job in (await scheduler.find()).jobs] == [waiting.id, running.id]
    await waiting.cancel()
    later = await scheduler.submit(kind(), key="k")  # there is room again, and the key was not used up
    assert later.created
    assert await states(running, later) == ["running", "pending"]
    assert undone == []


async def test_children_do_not_count_against_the_schedulers_limit(registry: Registry, anyio_backend: object) -> None:
    @registry.kind("child")
    async def child(job: JobContext, number: int) -> int:
        return number

    @registry.kind("parent")
    async def parent(job: JobContext) -> list[int | None]:
        return [snapshot.result for snapshot in await job.batch([child(1), child(2)])]

    async with Scheduler(registry, max_running=1) as scheduler:
        handle = await scheduler.submit(parent())
        assert await handle.result() == [1, 2]


async def test_children_count_against_their_kinds_limit(registry: Registry, scheduler: Scheduler) -> None:
    running = most = 0

    @registry.kind("child", max_running=2)
    async def child(job: JobContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await checkpoint()
        running -= 1

    @registry.kind("parent")
    async def parent(job: JobContext) -> list[Snapshot[None]]:
        return await job.batch([child() for _ in range(7)])

    await (await scheduler.submit(parent())).result()
    assert (running, most) == (0, 2)


async def test_a_child_starts_before_other_jobs_of_its_kind(registry: Registry, scheduler: Scheduler) -> None:
    ready, go = anyio.Event(), anyio.Event()
    order: list[str] = []

    @registry.kind("work", max_running=1)
    async def work(job: JobContext, name: str) -> None:
        order.append(name)
        ready.set()
        await go.wait()

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        await ready.wait()
        await job.submit(work("child"))
        go.set()

    parents = await scheduler.submit(parent())
    roots = [await scheduler.submit(work(name)) for name in ("first", "second")]
    await parents.wait()
    for handle in roots:
        await handle.wait()
    assert order == ["first", "child", "second"]


async def test_a_slot_is_released_however_a_job_ends(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work", max_running=1)
    async def work(job: JobContext, error: BaseException | None) -> None:
        if error is not None:
            raise error

    handles = [await scheduler.submit(work(error)) for error in (None, ValueError("no"), SystemExit(1), None)]
    assert [(await handle.wait()).state for handle in handles] == ["succeeded", "failed", "failed", "succeeded"]


async def test_a_canceled_pending_job_takes_no_slot_while_it_is_undone(
    registry: Registry, scheduler: Scheduler
) -> None:
    kind = registry.kind("work", max_running=1, max_pending=1)(forever)
    undoing, finish = anyio.Event(), anyio.Event()

    async def undo() -> None:
        undoing.set()
        await finish.wait()

    running, waiting = await scheduler.submit(kind()), await scheduler.submit(kind(), compensations=[undo])
    assert (await waiting.cancel()).outcome is Outcome.CANCELING
    await undoing.wait()
    another = await scheduler.submit(kind())  # its place in the line is free, and so is no slot
    assert await states(running, waiting, another) == ["running", "canceling", "pending"]
    finish.set()
    assert (await waiting.wait()).state is JobState.CANCELED
    assert await states(running, another) == ["running", "pending"]
