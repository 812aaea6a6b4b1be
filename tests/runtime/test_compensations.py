"""Compensations: how they are called, named and recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import (
    CompensationContext,
    JobContext,
    Registry,
    Scheduler,
    Snapshot,
)
from jobcancel.errors import RegistrationError
from jobcancel.testing import ManualClock


def entries(snapshot: Snapshot[Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(entry.step, entry.status, dict(entry.details)) for entry in snapshot.history]


class Remote:
    """As the proxies of RPC libraries: any attribute is a method."""

    def __getattr__(self, name: str) -> Remote:
        return Remote()

    def __call__(self, *arguments: object) -> None:
        pass


async def test_an_unnamed_compensation_is_recorded_by_its_type(registry: Registry, scheduler: Scheduler) -> None:
    remote = Remote()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation(remote.refund, 5)
        job.add_compensation(partial(remote.refund, 5))
        raise ValueError("so that it is undone")

    snapshot = await (await scheduler.submit(work())).wait()
    assert entries(snapshot)[1:3] == [("Remote", "compensated", {}), ("Remote", "compensated", {})]


async def test_a_failing_or_overrunning_compensation_is_recorded_and_stops_no_other(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, caplog: pytest.LogCaptureFixture
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
    assert "OSError: the disk is full" in caplog.text


@pytest.mark.parametrize(("bad", "compensated"), [("none", True), ("raises", False), ("overruns", False)])
async def test_a_cancel_is_compensated_only_if_every_compensation_ended_well(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, bad: str, *, compensated: bool
) -> None:
    inside, newest = anyio.Event(), anyio.Event()

    async def undo() -> None:
        newest.set()
        if bad == "raises":
            raise OSError("the disk is full")
        if bad == "overruns":
            await anyio.sleep_forever()

    @registry.kind("work", cleanup_s=5)
    async def work(job: JobContext) -> None:
        job.add_compensation(checkpoint)
        job.add_compensation(undo)
        inside.set()
        await anyio.sleep_forever()

    handle = await scheduler.submit(work())
    await inside.wait()
    await handle.cancel()
    await newest.wait()
    await clock.advance(5)
    cancel = (await handle.wait()).cancel

    assert cancel is not None
    assert cancel.compensated is compensated


async def test_an_awaitable_returned_by_a_plain_compensation_is_awaited(
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


class NeverRuns:
    """Undos that return work that never runs."""

    def __init__(self, registry: Registry) -> None:
        self.ran: list[str] = []

        @registry.compensation("refund")
        async def refund(context: CompensationContext, amount: int) -> None:
            self.ran.append("refund")

        @registry.kind("other")
        async def other(job: JobContext) -> None:
            self.ran.append("other")

        async def coroutine() -> Coroutine[Any, Any, None]:
            return self.asynchronous()

        async def late_undo() -> object:
            return refund(5)

        self.ways: dict[str, tuple[Callable[[], object], str]] = {
            "async generator": (self.async_generator, "a generator, of which no line ran; write it without `yield`"),
            "generator": (self.generator, "a generator, of which no line ran; write it without `yield`"),
            "undo": (
                lambda: refund(5),
                "<undo by refund>, which ran nothing; register that itself: job.add_compensation('refund', ...)",
            ),
            "undo from an async function": (
                late_undo,
                "<undo by refund>, which ran nothing; register that itself: job.add_compensation('refund', ...)",
            ),
            "call": (other, "<call of other>, which was not submitted"),
            "coroutine": (coroutine, "a coroutine that it did not await; await it there"),
        }

    async def asynchronous(self) -> None:
        self.ran.append("coroutine")

    async def async_generator(self) -> AsyncIterator[int]:
        self.ran.append("async generator")
        yield 1

    def generator(self) -> Iterator[int]:
        self.ran.append("generator")
        yield 1


@pytest.mark.parametrize(
    "what", ["async generator", "generator", "undo", "undo from an async function", "call", "coroutine"]
)
async def test_an_undo_that_returns_work_that_never_runs_has_failed(
    registry: Registry, scheduler: Scheduler, what: str
) -> None:
    undos = NeverRuns(registry)
    undo, returned = undos.ways[what]
    begun = anyio.Event()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation(undo)
        begun.set()
        await anyio.sleep_forever()

    handle = await scheduler.submit(work())
    await begun.wait()
    await handle.cancel()
    snapshot = await handle.wait()

    assert snapshot.cancel is not None
    assert not snapshot.cancel.compensated
    assert [(status, details) for _, status, details in entries(snapshot) if status == "CLEANUP_FAILED"] == [
        ("CLEANUP_FAILED", {"error": f"nothing was undone: the compensation returned {returned}"})
    ]
    assert undos.ran == []


def test_a_compensation_is_never_replaced() -> None:
    registry = Registry()

    def undo(context: object) -> None: ...

    registry.compensation("refund")(undo)
    with pytest.raises(RegistrationError, match="compensation 'refund' is registered already"):
        registry.compensation("refund")(undo)
