"""How long settled jobs stay readable: by age and by count, for each kind by itself."""

from __future__ import annotations

from math import inf

import anyio

from jobcancel import JobContext, JobHandle, JobState, Registry, Scheduler
from jobcancel.testing import ManualClock


async def at_once(job: JobContext) -> None:
    pass


async def found(scheduler: Scheduler) -> list[str]:
    return [job.id for job in (await scheduler.find()).jobs]


async def test_a_settled_job_is_retired_after_its_retention(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind = registry.kind("work", retain_s=60)(at_once)
    first, second = await scheduler.submit(kind()), await scheduler.submit(kind())
    await first.wait()
    await second.wait()
    await clock.advance(30)
    third = await scheduler.submit(kind())
    await third.wait()

    await clock.advance(29)
    assert await found(scheduler) == [third.id, second.id, first.id]
    await clock.advance(1)
    assert await found(scheduler) == [third.id]
    await clock.advance(30)
    assert await found(scheduler) == []
    fourth = await scheduler.submit(kind())
    await fourth.wait()
    await clock.advance(60)
    assert await found(scheduler) == [], "the timer is armed again"


async def test_the_age_counts_from_the_settlement(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    release = anyio.Event()

    @registry.kind("work", retain_s=60)
    async def work(job: JobContext) -> None:
        await release.wait()

    handle = await scheduler.submit(work())
    await clock.advance(600)
    release.set()
    await handle.wait()
    await clock.advance(59)

    assert await found(scheduler) == [handle.id]


async def test_only_the_newest_of_a_kind_are_retained(registry: Registry, scheduler: Scheduler) -> None:
    kind, other = registry.kind("work", retain_count=2)(at_once), registry.kind("other")(at_once)
    unlimited = registry.kind("unlimited", retain_count=None, retain_s=inf)(at_once)
    first = await settled(scheduler, await scheduler.submit(kind()))
    a, b = (
        await settled(scheduler, await scheduler.submit(other())),
        await settled(scheduler, await scheduler.submit(unlimited())),
    )
    second, third = [await settled(scheduler, await scheduler.submit(kind())) for _ in range(2)]

    assert await found(scheduler) == [third, second, b, a]
    assert first not in await found(scheduler)


async def settled(scheduler: Scheduler, handle: JobHandle[None]) -> str:
    assert (await scheduler.wait(handle.id)).state is JobState.SUCCEEDED
    return handle.id


async def test_the_oldest_settlement_is_retired_first(registry: Registry, scheduler: Scheduler) -> None:
    release = anyio.Event()

    @registry.kind("work", retain_count=1)
    async def work(job: JobContext, *, wait: bool) -> None:
        if wait:
            await release.wait()

    slow, fast = await scheduler.submit(work(wait=True)), await scheduler.submit(work(wait=False))
    await fast.wait()
    release.set()
    await slow.wait()

    assert await found(scheduler) == [slow.id]


async def test_a_retained_job_is_unchanged(registry: Registry, scheduler: Scheduler) -> None:
    seen: list[object] = []

    @registry.kind("work")
    async def work(job: JobContext) -> object:
        job.progress(1, 2, "half")
        job.note("noted", path=["a", {"b": None}])
        seen.append(await scheduler.get(job.id))
        return seen

    handle = await scheduler.submit(work(), owner="me", labels={"a": "b"}, key="k")
    through_the_handle = await handle.wait()
    retained = await scheduler.get(handle.id)

    assert retained == through_the_handle
    assert retained.result is seen
    assert retained.progress is not None
    assert (retained.progress.done, retained.progress.total, retained.progress.message) == (1, 2, "half")
    assert [(entry.step, entry.details) for entry in retained.history] == [
        ("started", {}),
        ("noted", {"path": ["a", {"b": None}]}),
        ("succeeded", {}),
    ]
