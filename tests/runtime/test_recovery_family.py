"""Parents and children over a kill: a child of an attempt that is over is canceled and settles before its parent."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import CancelCause, CompensationContext, JobContext, JobState
from tests.runtime.restarts import Host, TestedStore, never, settle, written


@pytest.mark.parametrize("on_restart", ["fail", "rerun"])
async def test_a_child_of_a_past_attempt_settles_before_its_parent(anyio_backend: Any, on_restart: str) -> None:
    host, refunding, release = Host(), anyio.Event(), anyio.Event()

    @host.registry.compensation("refund")
    async def refund(context: CompensationContext) -> None:
        refunding.set()
        await release.wait()

    @host.kind("child")
    async def child(job: JobContext) -> None:
        job.add_compensation("refund")
        await anyio.sleep_forever()

    @host.kind("parent", on_restart=on_restart)
    async def parent(job: JobContext) -> str:
        if job.attempt == 1:
            await job.batch([child()])
        return "done"

    async with host.running() as scheduler:
        handle = await scheduler.submit(parent())
        await written(scheduler)
        (young,) = (await scheduler.find(kind="child")).jobs
        async with host.killed(scheduler) as again:
            await refunding.wait()
            await settle()
            before = await again.get(handle.id)
            release.set()
            snapshot, settled = await again.wait(handle.id), await again.get(young.id)
            assert not before.settled
    assert snapshot.state is (JobState.SUCCEEDED if on_restart == "rerun" else JobState.FAILED)
    assert settled.cancel is not None
    assert (settled.state, settled.parent_id) == (JobState.CANCELED, handle.id)
    assert (settled.cancel.cause, settled.cancel.by) == (CancelCause.PARENT, handle.id)
    assert settled.settled_at is not None
    assert snapshot.progress is not None
    assert snapshot.progress.batch is not None
    assert (snapshot.progress.batch.total, snapshot.progress.batch.canceled) == (1, 1)
    assert snapshot.progress.batch.pending == 0


async def test_a_pending_child_is_withdrawn_and_a_settled_one_stays(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("child", max_running=2)
    async def child(job: JobContext, ends: bool) -> None:
        if not ends:
            await anyio.sleep_forever()

    @host.kind("parent", on_restart="fail")
    async def parent(job: JobContext) -> None:
        await job.batch([child(ends) for ends in (True, False, False, False)])

    async with host.running() as scheduler:
        handle = await scheduler.submit(parent())
        await written(scheduler)
        before = [job.state for job in reversed((await scheduler.find(kind="child")).jobs)]
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
            after = [job.state for job in reversed((await again.find(kind="child")).jobs)]
    assert before == ["succeeded", "running", "running", "pending"]
    assert after == ["succeeded", "canceled", "canceled", "canceled"]
    assert snapshot.progress is not None
    batch = snapshot.progress.batch
    assert batch is not None
    assert (batch.total, batch.succeeded, batch.canceled, batch.pending) == (4, 1, 3, 0)


async def test_a_canceling_parent_ends_canceled_with_its_children(anyio_backend: Any) -> None:
    host, release = Host(), anyio.Event()

    @host.kind("child")
    async def child(job: JobContext) -> None:
        with anyio.CancelScope(shield=True):
            await release.wait()

    @host.kind("parent")
    async def parent(job: JobContext) -> None:
        await job.submit(child())
        await anyio.sleep_forever()

    async with host.running() as scheduler:
        handle = await scheduler.submit(parent())
        await written(scheduler)
        await handle.cancel()
        await settle()
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
            (young,) = (await again.find(kind="child")).jobs
        release.set()
    assert (snapshot.state, young.state) == (JobState.CANCELED, JobState.CANCELED)


async def test_a_child_whose_parent_settled_is_canceled_alone(anyio_backend: Any) -> None:
    host = Host()
    child = host.kind("child")(never)

    @host.kind("parent")
    async def parent(job: JobContext) -> None:
        await job.submit(child())
        await anyio.sleep_forever()

    async with host.running() as scheduler:
        await scheduler.submit(parent())
        await written(scheduler)
        (young,) = (await scheduler.find(kind="child")).jobs
        async with host.killed(scheduler) as again:
            assert (await again.wait(young.id)).state is JobState.CANCELED
            rest = [entry for entry in host.store.committed if entry.job_id == young.id]
            async with host.running(store=TestedStore(*rest)) as third:
                assert (await third.wait(young.id)).state is JobState.CANCELED


async def test_a_child_settles_before_its_parent_in_the_journal(anyio_backend: Any) -> None:
    host, release = Host(), anyio.Event()

    @host.kind("child")
    async def child(job: JobContext) -> None:
        await release.wait()

    @host.kind("parent")
    async def parent(job: JobContext) -> None:
        await job.batch([child() for _ in range(3)])

    async with host.running() as scheduler:
        handle = await scheduler.submit(parent())
        await written(scheduler)
        host.store.broken = "the disk is full"
        release.set()
        await handle.wait()
        await settle()
        host.store.broken = ""
    finals = [entry.job_id for entry in host.store.committed if entry.final]
    assert finals[-1] == handle.id
    assert len(finals) == 4
