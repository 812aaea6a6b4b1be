"""Leaving a scheduler with a store: what waits stays pending, what can be run again is interrupted."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import (
    CancelCause,
    CompensationContext,
    JobContext,
    JobHandle,
    JobState,
    Outcome,
    Scheduler,
    Snapshot,
    Stage,
)
from jobcancel._runtime.job import Job
from jobcancel._runtime.observers import Watcher
from jobcancel.errors import SchedulerClosedError
from tests.runtime.restarts import Host, never, settle, written

COMMITS = [Stage("publish", commits=True)]


async def test_pending_jobs_start_with_the_next_scheduler(anyio_backend: Any) -> None:
    host = Host(max_running=1)

    @host.kind("work", on_restart="fail")
    async def work(job: JobContext, first: bool) -> str:
        if first:
            await anyio.sleep_forever()
        return "done"

    async with host.running() as scheduler:
        running, waiting = await scheduler.submit(work(first=True)), await scheduler.submit(work(first=False))
    canceled, left = await running.wait(), await waiting.wait()
    assert (left.state, left.settled) == (JobState.PENDING, False)
    assert canceled.cancel is not None
    assert (canceled.state, canceled.cancel.cause) == (JobState.CANCELED, CancelCause.SHUTDOWN)
    async with host.running() as again:
        snapshot = await again.wait(waiting.id)
        assert (await again.get(running.id)) == canceled
    assert (snapshot.result, snapshot.attempt) == ("done", 1)


async def test_a_job_that_reruns_is_interrupted_and_not_undone(anyio_backend: Any) -> None:
    host = Host()
    host.compensation("refund")

    @host.kind("work", stages=[Stage("load")])
    async def work(job: JobContext) -> int:
        host.ran.append(f"attempt {job.attempt}")
        job.add_compensation("refund")
        if job.attempt == 1:
            async with job.stage("load"):
                await anyio.sleep_forever()
        return job.attempt

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
    left = await handle.wait()
    async with host.running() as again:
        snapshot = await again.wait(handle.id)
    assert (left.state, left.attempt, left.cancel, left.started_at) == (JobState.PENDING, 2, None, None)
    assert [(entry.step, entry.status) for entry in left.history] == [
        ("started", "running"),
        ("load", "canceled"),
        ("interrupted", "pending"),
    ]
    assert (snapshot.result, host.ran) == (2, ["attempt 1", "attempt 2"])


@pytest.mark.parametrize(
    "stage",
    [Stage("save", on_cancel="defer"), Stage("save", on_cancel="refuse"), Stage("save", commits=True)],
    ids=["defer", "refuse", "commits"],
)
async def test_a_shielded_stage_ends_before_its_attempt(anyio_backend: Any, stage: Stage) -> None:
    host, in_stage, release = Host(), anyio.Event(), anyio.Event()

    async def save() -> str:
        in_stage.set()
        await release.wait()
        await settle()
        host.ran.append("saved")
        return "saved"

    @host.kind("work", stages=[stage])
    async def work(job: JobContext) -> str:
        result = await job.run_stage("save", save)
        if job.attempt == 1:
            await anyio.sleep_forever()
        return result

    async def leave() -> None:
        async with host.running() as scheduler:
            handles.append(await scheduler.submit(work()))
            await in_stage.wait()

    handles: list[JobHandle[Any]] = []
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await in_stage.wait()
        await settle()
        release.set()
    assert host.ran == ["saved"]
    assert (await handles[0].wait()).state is JobState.PENDING
    async with host.running() as again:
        snapshot = await again.wait(handles[0].id)
    assert (snapshot.result, snapshot.attempt, host.ran) == ("saved", 2, ["saved"])


async def test_a_job_past_a_committing_stage_is_not_interrupted(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("work", stages=COMMITS)
    async def work(job: JobContext) -> None:
        async with job.stage("publish"):
            host.ran.append("published")
        await anyio.sleep_forever()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
    snapshot = await handle.wait()
    async with host.running() as again:
        await settle()
        assert await again.get(handle.id) == snapshot
    assert snapshot.cancel is not None  # as a kind that is not run again
    assert (snapshot.state, snapshot.cancel.cause) == (JobState.CANCELED, CancelCause.SHUTDOWN)
    assert host.ran == ["published"]


async def _left_while_in_stage(host: Host, meanwhile: str) -> Snapshot[Any]:
    in_stage, release = anyio.Event(), anyio.Event()

    @host.kind("work", stages=[Stage("save", on_cancel="defer")])
    async def work(job: JobContext) -> str:
        async with job.stage("save"):
            in_stage.set()
            await release.wait()
        if meanwhile != "returns":
            await anyio.sleep_forever()
        return "done"

    handles: list[JobHandle[Any]] = []

    async def leave() -> None:
        async with host.running() as scheduler:
            handles.append(await scheduler.submit(work()))
            await in_stage.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await in_stage.wait()
        await settle()
        if meanwhile == "canceled":
            assert (await handles[0].cancel(by="ada")).outcome is Outcome.DEFERRED
        release.set()
    return await handles[0].wait()


async def test_a_users_cancel_during_a_shutdown_wins(anyio_backend: Any) -> None:
    snapshot = await _left_while_in_stage(Host(), "canceled")
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.cause, snapshot.cancel.by) == (JobState.CANCELED, CancelCause.USER, "ada")


async def test_a_job_that_returns_before_it_is_stopped_succeeds(anyio_backend: Any) -> None:
    snapshot = await _left_while_in_stage(Host(), "returns")
    assert (snapshot.state, snapshot.result) == (JobState.SUCCEEDED, "done")


async def test_a_stopped_job_under_its_own_shield_begins_nothing(anyio_backend: Any) -> None:
    host, begun, release = Host(), anyio.Event(), anyio.Event()
    child = host.kind("child")(never)

    @host.kind("work", stages=[Stage("next"), *COMMITS])
    async def work(job: JobContext) -> None:
        begun.set()
        with anyio.CancelScope(shield=True):
            await release.wait()
            for name in ("next", "publish"):
                with pytest.raises(Exception, match=name):
                    async with job.stage(name):
                        host.ran.append(name)
            with pytest.raises(Exception, match="'a child' does not begin"):
                await job.submit(child())
        await anyio.lowlevel.checkpoint()
        host.ran.append("went on")

    handles: list[JobHandle[Any]] = []

    async def leave() -> None:
        async with host.running() as scheduler:
            handles.append(await scheduler.submit(work()))
            await begun.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await begun.wait()
        await settle()
        release.set()
    assert host.ran == []
    assert (await handles[0].wait()).attempt == 2


async def test_children_of_an_interrupted_job_are_canceled_first(anyio_backend: Any) -> None:
    host = Host()
    child = host.kind("child")(never)

    @host.kind("work")
    async def work(job: JobContext) -> str:
        if job.attempt == 1:
            await (await job.submit(child())).wait()
        return "done"

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        (first,) = (await scheduler.find(kind="child")).jobs
    assert (await handle.wait()).attempt == 2
    async with host.running() as again:
        assert (await again.wait(handle.id)).result == "done"
        settled = await again.get(first.id)
    assert settled.cancel is not None
    assert (settled.state, settled.cancel.cause) == (JobState.CANCELED, CancelCause.PARENT)


async def test_a_parent_that_waits_for_its_children_is_interrupted(anyio_backend: Any) -> None:
    host = Host()
    child = host.kind("child")(never)

    @host.kind("work")
    async def work(job: JobContext) -> str:
        if job.attempt == 1:
            await job.submit(child())
        return "done"

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        assert (await scheduler.get(handle.id)).state is JobState.RUNNING
    left = await handle.wait()
    assert (left.state, left.attempt) == (JobState.PENDING, 2)
    async with host.running() as again:
        assert (await again.wait(handle.id)).result == "done"


class StopsAtStart:
    """Shuts down in the step in which a job starts: its code has not begun."""

    def __init__(self, scheduler: Scheduler, job: Job) -> None:
        self.scheduler, self.job = scheduler, job

    def changed(self) -> None:
        if self.job.state is JobState.RUNNING and self.job.ending_without_code is None:
            self.scheduler._dispatcher.stop(self.job)  # pyright: ignore[reportPrivateUsage]


async def test_a_job_whose_code_has_not_begun_does_not_begin(anyio_backend: Any) -> None:
    host, finish = Host(max_running=1), anyio.Event()

    @host.kind("work")
    async def work(job: JobContext, name: str) -> None:
        host.ran.append(f"{name} {job.attempt}")
        if name == "first":
            await finish.wait()

    async with host.running() as scheduler:
        first, second = await scheduler.submit(work("first")), await scheduler.submit(work("second"))
        job = scheduler._dispatcher.table.live[second.id]  # pyright: ignore[reportPrivateUsage]
        job.attach(StopsAtStart(scheduler, job))
        finish.set()
        await first.wait()
        await settle()
    left = await second.wait()
    assert (left.state, left.attempt, host.ran) == (JobState.PENDING, 2, ["first 1"])
    async with host.running() as again:
        await again.wait(second.id)
    assert host.ran == ["first 1", "second 2"]


async def test_waiters_of_a_job_left_pending_are_notified(anyio_backend: Any) -> None:
    host, seen = Host(max_running=1), list[object]()
    kind = host.kind("work")(never)

    async def waits(handle: JobHandle[Any]) -> None:
        seen.append((await handle.wait()).state)

    async def watches(handle: JobHandle[Any]) -> None:
        async with scheduler.watch(handle.id) as snapshots:
            last = [snapshot.state async for snapshot in snapshots][-1]
        seen.append(last)

    async def asks(handle: JobHandle[Any]) -> None:
        with pytest.raises(SchedulerClosedError, match="pending in its journal"):
            await handle.result()
        seen.append("result")

    views: list[Watcher] = []
    async with anyio.create_task_group() as group, host.running() as scheduler:
        handles = [await scheduler.submit(kind()) for _ in range(2)]
        for handle in handles:
            for ask in (waits, watches, asks):
                group.start_soon(ask, handle)
        await settle()
        views.append(scheduler.watch(handles[0].id))
    assert sorted(map(str, seen)) == ["pending"] * 4 + ["result"] * 2
    async with views[0] as snapshots:
        assert [snapshot.state async for snapshot in snapshots] == [JobState.PENDING]


async def test_a_closed_scheduler_cannot_cancel_a_job_left_pending(anyio_backend: Any) -> None:
    host = Host(max_running=1)
    kind = host.kind("work")(never)
    async with host.running() as scheduler:
        await scheduler.submit(kind())
        handle = await scheduler.submit(kind())
    with anyio.fail_after(5), pytest.raises(SchedulerClosedError, match="cannot cancel"):
        await handle.cancel()
    assert (await handle.wait()).cancel is None


async def test_a_submit_committed_at_exit_is_answered_and_stays_pending(anyio_backend: Any) -> None:
    host, handles = Host(), list[JobHandle[Any]]()
    kind = host.kind("work")(never)

    async def submits() -> None:
        handles.append(await scheduler.submit(kind()))

    async with anyio.create_task_group() as group, host.running() as scheduler:
        host.store.hold()
        group.start_soon(submits)
        await anyio.to_thread.run_sync(host.store.held.wait)
        group.start_soon(_soon, host.store.go_on)
    with anyio.fail_after(5):
        snapshot = await handles[0].wait()
    assert snapshot.state is JobState.PENDING
    async with host.running() as again:
        assert (await again.get(handles[0].id)).state is JobState.RUNNING


async def _soon(call: Any) -> None:
    await settle()
    call()


async def test_a_cancel_committed_at_exit_is_undone_before_the_exit_ends(anyio_backend: Any) -> None:
    host, verdicts = Host(max_running=1), list[object]()

    @host.registry.compensation("refund")
    async def undo(context: CompensationContext) -> None:
        await settle()
        host.ran.append("refunded")

    refund: Any = host.registry.compensations["refund"]
    kind = host.kind("work")(never)

    async def cancels(waiting: JobHandle[Any]) -> None:
        ids.append(waiting.id)
        verdicts.append((await waiting.cancel()).outcome)

    ids: list[str] = []
    async with anyio.create_task_group() as group, host.running() as scheduler:
        await scheduler.submit(kind())
        waiting = await scheduler.submit(kind(), compensations=[refund()])
        await written(scheduler)
        host.store.hold()
        group.start_soon(cancels, waiting)
        await anyio.to_thread.run_sync(host.store.held.wait)
        group.start_soon(_soon, host.store.go_on)
    assert verdicts == [Outcome.CANCELING]
    assert host.ran == ["refunded"]
    async with host.running() as again:
        snapshot = await again.get(ids[0])
    assert (snapshot.state, host.ran) == (JobState.CANCELED, ["refunded"])


PAYS = [Stage("pay", commits=True)]


@pytest.mark.parametrize("in_stage", [True, False])
async def test_a_shutdown_does_not_repeat_a_committing_stage(anyio_backend: Any, in_stage: bool) -> None:
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
