"""Children settle before their parent: a child belongs to it from the moment of its submit."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from jobcancel import JobContext, Kind, Snapshot
from jobcancel.errors import DeadlockError, QueueFullError
from tests.runtime.restarts import Host, never, settle

NATIVE: list[tuple[str, dict[str, bool]]] = [
    ("asyncio", {}),
    ("asyncio", {"use_uvloop": True}),
]  # trio leaves no task behind


def ends(job: Snapshot[Any]) -> list[str]:
    return [entry.step for entry in job.history if entry.status in {"failed", "canceled", "succeeded"}]


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("raises", [False, True], ids=["returns", "raises"])
async def test_a_parent_does_not_settle_while_a_child_is_being_submitted(anyio_backend: Any, raises: bool) -> None:
    host, go, asked = Host(), asyncio.Event(), asyncio.Event()

    @host.kind("child", max_running=1, max_pending=1)
    async def child(job: JobContext) -> None:
        host.ran.append("a child began")

    @host.kind("parent")
    async def parent(job: JobContext) -> str:
        await go.wait()
        with pytest.raises(QueueFullError):
            await asyncio.gather(*(job.submit(child()) for _ in range(3)))  # the third is refused at once
        asked.set()
        if raises:
            raise LookupError("as asked")
        return "over"

    async with host.running() as scheduler:
        handle = await scheduler.submit(parent())
        await settle()
        host.store.hold()
        go.set()
        await asked.wait()
        await settle()
        assert not (await scheduler.get(handle.id)).settled, "two children are on their way to the store"
        host.store.go_on()
        job = await handle.wait()
        children = (await scheduler.find(kind="child")).jobs
    assert (job.state, job.result) == (("failed", None) if raises else ("succeeded", "over"))
    assert [child.state for child in children] == 2 * ["canceled" if raises else "succeeded"]
    assert host.ran == ([] if raises else 2 * ["a child began"])


async def test_a_child_does_not_begin_after_its_parents_cancel(anyio_backend: Any) -> None:
    host = Host()
    go, released, submitted = anyio.Event(), anyio.Event(), anyio.Event()

    @host.kind("child")
    async def child(job: JobContext) -> None:
        host.ran.append("the child")

    @host.kind("parent", on_restart="fail", grace_s=10, on_grace_expired="abandon", timeout_s=5)
    async def parent(job: JobContext) -> None:
        with anyio.CancelScope(shield=True):
            await go.wait()
            await job.submit(child())
            submitted.set()
            await released.wait()

    async with host.running() as scheduler:
        handle = await scheduler.submit(parent())
        await settle()
        host.store.hold()
        go.set()
        await settle()
        await host.clock.advance(5)  # its time is over while its child's submit is on its way
        await host.clock.advance(10)  # and its grace would be, but for the child
        assert not (await scheduler.get(handle.id)).settled
        host.store.go_on()
        await submitted.wait()
        [begun] = (await scheduler.find(kind="child")).jobs
        assert (begun.state, begun.started_at, host.ran) == ("canceled", None, [])
        await host.clock.advance(10)
        abandoned = await handle.wait()
        assert (abandoned.state, ends(abandoned)) == ("failed", ["failed"])
        later = await scheduler.submit(host.kind("timed", timeout_s=1)(never)())
        await settle()
        await host.clock.advance(1)
        assert (await later.wait()).state == "failed", "a timer works still"
        released.set()
    assert ends(await scheduler.get(handle.id)) == ["failed"]


async def test_a_batch_above_the_limit_is_refused_whole_with_a_store(anyio_backend: Any) -> None:
    host = Host()
    child: Kind[[], None] = host.kind("child", max_running=1, max_pending=1)(never)

    @host.kind("parent")
    async def parent(job: JobContext, count: int) -> str:
        try:
            await job.batch([child() for _ in range(count)])
        except QueueFullError:
            return "refused"
        return "taken"

    async with host.running() as scheduler:
        refused = await scheduler.submit(parent(3))
        assert await refused.result() == "refused"
        assert (await scheduler.find(kind="child")).jobs == ()
        fits = await scheduler.submit(parent(2))
        await settle()
        assert [job.state for job in (await scheduler.find(kind="child")).jobs] == ["pending", "running"]
        await fits.cancel()
        await fits.wait()
        assert [job.state for job in (await scheduler.find(kind="child")).jobs] == ["canceled", "canceled"]


@pytest.mark.parametrize("asks", ["the_parent", "all", "the_child_then_the_parent", "the_child_alone"])
@pytest.mark.parametrize("child_waits", [False, True], ids=["running_child", "pending_child"])
async def test_a_parent_with_an_accepted_cancel_ends_canceled(anyio_backend: Any, asks: str, child_waits: bool) -> None:
    host = Host()
    child: Kind[[], None] = host.kind("child", max_running=1)(never)

    @host.kind("parent")
    async def parent(job: JobContext) -> str:
        await job.submit(child())
        return "returned"

    async with host.running(store=None) as scheduler:
        if child_waits:
            await scheduler.submit(child(), owner="other")
        handle = await scheduler.submit(parent(), owner="me")
        await anyio.wait_all_tasks_blocked()
        [inner] = (await scheduler.find(kind="child", owner="me")).jobs
        if asks == "all":
            verdicts = await scheduler.cancel_many(owner="me")
            assert verdicts[handle.id].accepted
        if asks.startswith("the_child"):
            assert await scheduler.cancel(inner.id)
        if asks == "the_child_then_the_parent" and not child_waits:
            assert (await handle.cancel()).accepted
        if asks == "the_parent":
            assert (await handle.cancel()).accepted
        job = await handle.wait()
        assert (await scheduler.get(inner.id)).state == "canceled"
        # A child that was pending is gone at once, and its parent with it: there is nothing left to cancel.
        alone = asks == "the_child_alone" or (asks == "the_child_then_the_parent" and child_waits)
        assert job.state == ("succeeded" if alone else "canceled")
        await scheduler.cancel_many()


@pytest.mark.parametrize("between", ["each_other", "through_a_job_without_a_limit"])
async def test_children_that_would_deadlock_on_slots_are_refused(anyio_backend: Any, between: str) -> None:
    host = Host()
    begun = {name: anyio.Event() for name in ("left", "right")}

    async def submits(job: JobContext, mine: str, other: str) -> str:
        begun[mine].set()
        await begun[other].wait()
        try:
            if between == "each_other":
                await job.batch([host.registry[other](other, mine)])
            else:
                await job.batch([host.registry["middle"](other, mine)])
        except DeadlockError:
            return "refused"
        return "done"

    host.kind("left", max_running=1, on_cancel="defer")(submits)
    host.kind("right", max_running=1, on_cancel="defer")(submits)

    @host.kind("middle")
    async def middle(job: JobContext, other: str, mine: str) -> None:
        await job.batch([host.registry[other](other, mine)])

    async with host.running(store=None) as scheduler:
        handles = [await scheduler.submit("left", "left", "right"), await scheduler.submit("right", "right", "left")]
        ended = [await handle.result() for handle in handles]
    if between == "each_other":
        assert sorted(ended) == ["done", "refused"]
    else:
        assert ended == ["done", "done"]  # the job in the middle failed, and its batch reported that


async def test_a_child_without_a_certain_deadlock_is_accepted(
    anyio_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobcancel._runtime.admission._STEPS", 0)
    host, go = Host(), anyio.Event()

    @host.kind("part", max_running=1)
    async def part(job: JobContext) -> str:
        await go.wait()
        return "done"

    @host.kind("whole")
    async def whole(job: JobContext) -> list[str]:
        return [child.result or "" for child in await job.batch([part()])]

    async with host.running(store=None) as scheduler:
        await scheduler.submit(part())
        handle = await scheduler.submit(whole())
        await anyio.wait_all_tasks_blocked()
        go.set()
        assert await handle.result() == ["done"]
