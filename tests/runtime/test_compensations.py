"""Compensations: how they are called, named and recorded."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio

from jobcancel import JobContext, Registry, Scheduler, Snapshot
from jobcancel.testing import ManualClock


def entries(snapshot: Snapshot[Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(entry.step, entry.status, dict(entry.details)) for entry in snapshot.history]


class Remote:
    """As the proxies of RPC libraries: any attribute is a method."""

    def __getattr__(self, name: str) -> Remote:
        return Remote()

    def __call__(self, *arguments: object) -> None:
        pass


async def test_a_compensation_without_a_proper_name_is_recorded_by_its_type(
    registry: Registry, scheduler: Scheduler
) -> None:
    remote = Remote()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation(remote.refund, 5)
        job.add_compensation(partial(remote.refund, 5))
        raise ValueError("so that it is undone")

    snapshot = await (await scheduler.submit(work())).wait()
    assert entries(snapshot)[1:3] == [("Remote", "compensated", {}), ("Remote", "compensated", {})]


async def test_compensations_that_raise_or_overrun_are_recorded_and_stop_no_other(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    hanging = anyio.Event()
    undone: list[str] = []

    async def hangs() -> None:
        hanging.set()
        await anyio.sleep_forever()

    def raises() -> None:
        raise OSError("the disk is full")

    @registry.kind("work", cleanup_s=5)
    async def work(job: JobContext) -> None:
        job.add_compensation(undone.append, "last")
        job.add_compensation(hangs)
        job.add_compensation(raises)
        raise ValueError("so that it is undone")

    handle = await scheduler.submit(work())
    await hanging.wait()
    await clock.advance(5)
    snapshot = await handle.wait()

    assert undone == ["last"]
    assert entries(snapshot)[1:4] == [
        ("raises", "CLEANUP_FAILED", {"error": "the disk is full"}),
        ("hangs", "CLEANUP_FAILED", {"error": "it took longer than cleanup_s=5"}),
        ("append", "compensated", {}),
    ]
    assert snapshot.failure is not None
    assert snapshot.failure.message == "so that it is undone"


async def test_a_plain_compensation_that_gives_an_awaitable_is_awaited(
    registry: Registry, scheduler: Scheduler
) -> None:
    undone: list[str] = []

    async def undo(what: str) -> None:
        undone.append(what)

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation(lambda: undo("undone"))
        raise ValueError("so that it is undone")

    await (await scheduler.submit(work())).wait()
    assert undone == ["undone"]
