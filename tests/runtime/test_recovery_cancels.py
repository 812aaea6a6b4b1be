"""Cancels across a kill: a job with a committed cancel is never run again; it is undone."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import (
    CancelCause,
    CompensationContext,
    FailureCode,
    JobContext,
    JobState,
    Outcome,
    Snapshot,
    Stage,
    Verdict,
)
from jobcancel._core.decision import Cancellation
from jobcancel._runtime.job_persistence import persistence_of
from jobcancel.errors import StoreError
from tests.runtime.restarts import Host, never, settle, written


def undone(snapshot: Snapshot[Any]) -> list[tuple[str, str]]:
    return [
        (entry.step, entry.status)
        for entry in snapshot.history
        if entry.status in {"compensated", FailureCode.CLEANUP_FAILED.value}
    ]


@pytest.mark.parametrize("on_restart", ["fail", "rerun"])
async def test_a_canceling_job_is_undone_newest_first_and_canceled(anyio_backend: Any, on_restart: str) -> None:
    host, release = Host(), anyio.Event()
    host.compensation("refund", "delete")

    @host.kind("work", on_restart=on_restart)
    async def work(job: JobContext) -> None:
        host.ran.append("began")
        job.add_compensation("refund", "5")
        job.add_compensation("delete", what="disk")
        job.add_compensation("refund", "6")
        with anyio.CancelScope(shield=True):
            await release.wait()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        assert (await handle.cancel(by="ada", reason="stop")).outcome is Outcome.CANCELING
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
            assert host.ran == ["began", "refund 6:refund:3", "delete disk:delete:2", "refund 5:refund:1"]
        release.set()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.by, snapshot.cancel.reason) == (JobState.CANCELED, "ada", "stop")
    assert (snapshot.cancel.compensated, snapshot.cancel.cause) == (True, CancelCause.USER)
    assert undone(snapshot) == [("refund", "compensated"), ("delete", "compensated"), ("refund", "compensated")]


async def test_an_interrupted_compensation_runs_again_with_its_token(anyio_backend: Any) -> None:
    host, tokens, calls = Host(), list[str](), list[str]()

    @host.registry.compensation("refund")
    async def refund(context: CompensationContext) -> None:
        tokens.append(context.token)
        if len(tokens) == 1:
            await anyio.sleep_forever()

    @host.registry.compensation("delete")
    def delete(context: CompensationContext) -> None:
        calls.append(context.name)

    @host.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation("refund")
        job.add_compensation("delete")
        await anyio.sleep_forever()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        await handle.cancel()
        while not tokens:
            await anyio.lowlevel.checkpoint()
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
        await host.clock.advance(3600)
    assert tokens == [f"{handle.id}:refund:1"] * 2
    assert calls == ["delete"]
    assert undone(snapshot) == [("delete", "compensated"), ("refund", "compensated")]
    assert snapshot.cancel is not None
    assert snapshot.cancel.compensated


async def test_an_unregistered_undo_is_recorded_as_lost_after_a_crash(anyio_backend: Any) -> None:
    host = Host()
    host.compensation("refund")

    def tidy() -> None:
        host.ran.append("tidied")

    @host.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation("refund")
        job.add_compensation(tidy)
        with anyio.CancelScope(shield=True):
            await release.wait()

    release = anyio.Event()
    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        await handle.cancel()
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
            assert host.ran == ["refund it:refund:1"]
        release.set()
    assert undone(snapshot) == [("tidy", "CLEANUP_FAILED"), ("refund", "compensated")]
    assert snapshot.cancel is not None
    assert not snapshot.cancel.compensated
    (advice,) = [entry.details["error"] for entry in snapshot.history if entry.status == "CLEANUP_FAILED"]
    assert "tidy" in advice
    assert "registry.compensation" in advice


async def test_an_undo_that_failed_before_the_crash_still_counts(anyio_backend: Any) -> None:
    host, tried = Host(), list[str]()

    @host.registry.compensation("fails")
    async def fails(context: CompensationContext) -> None:
        raise LookupError("no such row")

    @host.registry.compensation("hangs")
    async def hangs(context: CompensationContext) -> None:
        tried.append("hangs")
        if len(tried) == 1:
            await anyio.sleep_forever()

    @host.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation("hangs")
        job.add_compensation("fails")
        await anyio.sleep_forever()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        await handle.cancel()
        while not tried:
            await anyio.lowlevel.checkpoint()
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
        await host.clock.advance(3600)
    assert snapshot.cancel is not None
    assert not snapshot.cancel.compensated
    assert undone(snapshot) == [("fails", "CLEANUP_FAILED"), ("hangs", "compensated")]


async def test_a_committed_undecided_cancel_is_decided_at_the_start(anyio_backend: Any) -> None:
    host = Host(max_running=1)
    kind = host.kind("work")(never)
    async with host.running() as scheduler:
        running, waiting = await scheduler.submit(kind()), await scheduler.submit(kind())
        await written(scheduler)
        asked = [Cancellation(CancelCause.USER, "ada", "stop")]
        for handle in (running, waiting):
            job = scheduler._dispatcher.table.live[handle.id]  # pyright: ignore[reportPrivateUsage]
            persistence_of(job).requests = asked
            job.changed()
        async with host.killed(scheduler) as again:
            snapshots = [await again.wait(handle.id) for handle in (running, waiting)]
    for snapshot in snapshots:
        assert snapshot.cancel is not None
        assert (snapshot.state, snapshot.cancel.by, snapshot.cancel.reason) == (JobState.CANCELED, "ada", "stop")
    assert [snapshot.attempt for snapshot in snapshots] == [1, 1]


async def test_a_refused_cancel_is_not_decided_again_at_the_start(anyio_backend: Any) -> None:
    host, go_in, inside, release = Host(), anyio.Event(), anyio.Event(), anyio.Event()
    verdicts: list[Verdict] = []

    @host.kind("work", stages=[Stage("paying", on_cancel="refuse")])
    async def work(job: JobContext) -> None:
        await go_in.wait()
        if job.attempt == 1:
            async with job.stage("paying"):
                inside.set()
                await release.wait()

    async with host.running() as scheduler, anyio.create_task_group() as group:
        handle = await scheduler.submit(work())
        await written(scheduler)

        async def cancel() -> None:
            verdicts.append(await handle.cancel())

        host.store.hold()
        group.start_soon(cancel)
        await anyio.to_thread.run_sync(host.store.held.wait)
        go_in.set()  # the stage that refuses begins while the request is on its way
        await inside.wait()
        host.store.go_on()
        async with host.killed(scheduler) as again:
            release.set()
            snapshot = await again.wait(handle.id)
            assert (snapshot.state, snapshot.attempt, snapshot.cancel) == (JobState.SUCCEEDED, 2, None)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.REFUSED]


async def test_a_cancel_that_failed_to_commit_is_not_committed_later(anyio_backend: Any) -> None:
    host, begun, release = Host(), anyio.Event(), anyio.Event()

    @host.kind("work")
    async def work(job: JobContext) -> None:
        begun.set()
        if job.attempt == 1:
            await release.wait()
            job.progress(1)
            await anyio.sleep_forever()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await begun.wait()
        await written(scheduler)
        host.store.broken = "it is full"
        with pytest.raises(StoreError, match="it is full"):
            await handle.cancel()
        host.store.broken = ""
        release.set()
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
    assert (snapshot.state, snapshot.attempt, snapshot.cancel) == (JobState.SUCCEEDED, 2, None)


@pytest.mark.parametrize("force", [False, True])
async def test_a_held_cancel_takes_effect_after_a_crash(anyio_backend: Any, force: bool) -> None:
    host, release = Host(), anyio.Event()

    @host.kind("work", stages=[Stage("charge", on_cancel="defer")])
    async def work(job: JobContext) -> None:
        async with job.stage("charge"):
            with anyio.CancelScope(shield=True):
                await release.wait()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        assert (await handle.cancel()).outcome is Outcome.DEFERRED
        if force:
            assert (await handle.cancel(force=True)).outcome is Outcome.CANCELING
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
        release.set()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.outcome) == (JobState.CANCELED, Outcome.DEFERRED)
    assert snapshot.cancel.forced is force
    assert ("charge", "interrupted") in [(entry.step, entry.status) for entry in snapshot.history]


async def test_a_timed_out_job_fails_after_the_restart(anyio_backend: Any) -> None:
    host, release = Host(), anyio.Event()

    @host.kind("work", timeout_s=5)
    async def work(job: JobContext) -> None:
        with anyio.CancelScope(shield=True):
            await release.wait()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work(), timeout_s=3)
        await written(scheduler)
        await host.clock.advance(3)
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
        release.set()
    assert snapshot.failure is not None
    assert (snapshot.state, snapshot.failure.code) == (JobState.FAILED, FailureCode.TIMED_OUT)


@pytest.mark.parametrize("key", [None, "k"])
async def test_the_next_attempt_has_the_timeout_of_its_submit(anyio_backend: Any, key: str | None) -> None:
    host = Host()
    kind = host.kind("work", timeout_s=5)(never)
    async with host.running() as scheduler:
        handle = await scheduler.submit(kind(), timeout_s=3, key=key)
        async with host.killed(scheduler) as again:
            await settle()
            await host.clock.advance(3)
            await settle()
            snapshot = await again.get(handle.id)
    assert snapshot.failure is not None
    assert (snapshot.failure.code, snapshot.attempt) == (FailureCode.TIMED_OUT, 2)


async def test_a_kinds_timeout_may_change_at_a_restart(anyio_backend: Any) -> None:
    host, later = Host(), Host()
    kind = host.kind("work", timeout_s=5)(never)
    later.kind("work", timeout_s=2)(never)
    async with host.running() as scheduler:
        handle = await scheduler.submit(kind())
        await written(scheduler)
        async with host.killed(scheduler, registry=later.registry) as again:
            await settle()
            await host.clock.advance(2)
            await settle()
            snapshot = await again.get(handle.id)
    assert snapshot.failure is not None
    assert (snapshot.failure.code, snapshot.attempt) == (FailureCode.TIMED_OUT, 2)


@pytest.mark.parametrize("cause", ["user", "timeout"])
async def test_an_abandoned_job_is_undone_by_the_next_process(anyio_backend: Any, cause: str) -> None:
    host, release, late = Host(), anyio.Event(), anyio.Event()
    host.compensation("refund", "late")

    @host.kind("work", grace_s=1, on_grace_expired="abandon", timeout_s=5)
    async def work(job: JobContext) -> None:
        job.add_compensation("refund")
        with anyio.CancelScope(shield=True):
            await late.wait()
            job.add_compensation("late")
            await release.wait()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work(), key="k")
        await written(scheduler)
        async with scheduler.watch(handle.id):  # a watch shows the end, and nothing after it
            if cause == "user":
                await handle.cancel()
            else:
                await host.clock.advance(5)
            await settle()
            await host.clock.advance(1)
        before = await handle.wait()
        late.set()
        async with host.killed(scheduler) as again:
            assert (await again.submit(work(), key="k")).id == handle.id
            await settle()
            snapshot = await again.get(handle.id)
            assert host.ran == ["late it:late:2", "refund it:refund:1"]
        release.set()
    assert (snapshot.state, snapshot.failure, snapshot.settled_at) == (
        before.state,
        before.failure,
        before.settled_at,
    )
    assert snapshot.cancel is not None
    assert (snapshot.cancel.abandoned, snapshot.cancel.compensated) == (True, True)
