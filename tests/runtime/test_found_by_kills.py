"""Defects that the kill test has found, each as the smallest program that shows it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import CancelCause, FailureCode, JobContext, JobState, Stage

from .restarts import Host

PAYS = [Stage("pay", commits=True)]


@pytest.mark.parametrize("in_stage", [True, False])
async def test_a_shutdown_has_no_stage_that_commits_begin_again(anyio_backend: Any, in_stage: bool) -> None:
    host, paid = Host(), anyio.Event()

    @host.kind("pays", stages=PAYS)
    async def pays(job: JobContext) -> None:
        async with job.stage("pay"):
            host.ran.append("paid")
            if in_stage:
                paid.set()
            await anyio.lowlevel.checkpoint()
        paid.set()
        await anyio.sleep_forever()

    async with host.running() as scheduler:
        handle = await scheduler.submit(pays())
        await paid.wait()
    async with host.running() as scheduler:
        snapshot = await scheduler.wait(handle.id)
    assert host.ran == ["paid"]
    assert snapshot.state is JobState.CANCELED
    assert snapshot.cancel is not None
    assert snapshot.cancel.cause is CancelCause.SHUTDOWN


async def test_a_batch_counts_children_that_end_at_once(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("leaf")
    async def leaf(job: JobContext) -> None:
        pass

    @host.kind("family")
    async def family(job: JobContext) -> None:
        await job.batch([leaf() for _ in range(3)])

    async with host.running() as scheduler:
        snapshot = await (await scheduler.submit(family())).wait()
    assert snapshot.progress is not None
    assert snapshot.progress.batch is not None
    assert (snapshot.progress.batch.succeeded, snapshot.progress.batch.pending) == (3, 0)


async def test_a_job_that_may_have_begun_and_is_not_to_be_run_again_is_lost(anyio_backend: Any) -> None:
    host, begun = Host(), anyio.Event()

    @host.kind("once", on_restart="fail")
    async def once(job: JobContext) -> None:
        host.ran.append("began")
        begun.set()
        await anyio.sleep_forever()

    async with host.running() as scheduler:
        handle = await scheduler.submit(once())
        await begun.wait()
        store = host.store.killed()  # killed before anything was written but the submit
        async with host.running(store=store) as later:
            snapshot = await later.wait(handle.id)
    assert host.ran == ["began"]
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.WORKER_LOST
