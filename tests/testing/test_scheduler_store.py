"""``testing.scheduler(store=)``: a restart inside a host's test."""

from __future__ import annotations

import anyio

from jobcancel import JobContext, JobState, Registry
from jobcancel.stores import MemoryStore
from jobcancel.testing import scheduler


async def test_the_next_scheduler_with_the_same_store_is_a_restart() -> None:
    registry, store = Registry(), MemoryStore()

    @registry.kind("work", on_restart="rerun")
    async def work(job: JobContext) -> int:
        if job.attempt == 1:
            await anyio.sleep_forever()
        return job.attempt

    async with scheduler(registry, store=store) as first:
        handle = await first.submit(work())
        async with first.watch(handle.id) as snapshots:
            async for snapshot in snapshots:
                if snapshot.state is JobState.RUNNING:
                    break

    async with scheduler(registry, store=store) as second:
        snapshot = await second.wait(handle.id)

    assert (snapshot.state, snapshot.result, snapshot.attempt) == ("succeeded", 2, 2)
