"""Another attempt reuses committed results and never begins a committing stage again blindly."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import FailureCode, JobContext, JobState, Stage
from jobcancel.stores.memory import MemoryStore
from tests.runtime.restarts import Host, TestedStore, never, settle, written

COMMITS = Stage("publish", commits=True)


async def test_finished_stages_are_not_repeated_in_a_loop_either(anyio_backend: Any) -> None:
    host, parts = Host(), [[1], [2], [3]]

    async def ingest(part: list[int]) -> list[int]:
        host.ran.append(f"part {part[0]}")
        if part == [2] and host.ran.count("part 2") == 1:
            await anyio.sleep_forever()
        return part

    @host.kind("ingest", stages=[Stage("fetch"), Stage("sum")])
    async def work(job: JobContext) -> int:
        done: list[int] = []
        for part in parts:
            result = await job.run_stage("fetch", ingest, part)
            result.append(0)  # its own copy
            done += result
        return await job.run_stage("sum", total, done)

    async def total(numbers: list[int]) -> int:
        return sum(numbers)

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
    assert (snapshot.result, host.ran) == (6, ["part 1", "part 2", "part 2", "part 3"])
    stages = [(entry.step, entry.status) for entry in snapshot.history if entry.step == "fetch"]
    assert stages == [
        ("fetch", "done"),
        ("fetch", "interrupted"),
        ("fetch", "reused"),
        ("fetch", "done"),
        ("fetch", "done"),
    ]


async def test_a_committed_result_is_reused_for_other_arguments_too(anyio_backend: Any) -> None:
    host = Host()

    async def name(attempt: int) -> str:
        return f"of attempt {attempt}"

    @host.kind("work", stages=[Stage("name")])
    async def work(job: JobContext) -> str:
        result = await job.run_stage("name", name, job.attempt)
        if job.attempt == 1:
            await anyio.sleep_forever()
        return result

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        async with host.killed(scheduler) as again:
            assert (await again.wait(handle.id)).result == "of attempt 1"


async def test_results_are_committed_only_for_kinds_that_rerun(anyio_backend: Any) -> None:
    host = Host()

    async def thing() -> set[int]:
        return {1}

    @host.kind("work", stages=[Stage("make")], on_restart="fail")
    async def work(job: JobContext) -> int:
        return len(await job.run_stage("make", thing))

    async with host.running() as scheduler:
        assert await (await scheduler.submit(work())).result() == 1


async def test_a_stage_result_that_is_no_plain_data_is_refused(anyio_backend: Any) -> None:
    host = Host()

    async def thing() -> set[int]:
        return {1}

    @host.kind("work", stages=[Stage("make")])
    async def work(job: JobContext) -> None:
        await job.run_stage("make", thing)

    async with host.running() as scheduler:
        snapshot = await (await scheduler.submit(work())).wait()
    assert snapshot.failure is not None
    assert "result of stage 'make', which is kept for later attempts" in snapshot.failure.message


async def test_a_job_killed_in_a_committing_stage_fails_and_names_it(anyio_backend: Any) -> None:
    host, release = Host(), anyio.Event()
    host.compensation("before", "inside")

    @host.kind("work", stages=[COMMITS])
    async def work(job: JobContext) -> None:
        host.ran.append("began")
        job.add_compensation("before")
        async with job.stage("publish"):
            job.add_compensation("inside")
            await release.wait()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
        release.set()
    assert snapshot.failure is not None
    assert (snapshot.failure.code, snapshot.state) == (FailureCode.WORKER_LOST, JobState.FAILED)
    assert snapshot.failure.message == (
        "its process ended in stage 'publish', which commits and cannot be repeated blindly"
    )
    assert host.ran[:1] == ["began"]
    assert "before it:before:1" not in host.ran  # the point of no return may have been passed


async def test_no_undo_runs_once_a_committing_stage_may_have_begun(anyio_backend: Any) -> None:
    host = Host()
    host.compensation("before")

    @host.kind("work", stages=[COMMITS])
    async def work(job: JobContext) -> None:
        job.add_compensation("before")
        async with job.stage("publish"):
            pass

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
    begins = [bool(entry.body and entry.body.get("committing")) for entry in host.store.committed]
    async with host.running(store=TestedStore(*host.store.committed[: begins.index(True) + 1])) as again:
        snapshot = await again.wait(handle.id)
    assert (snapshot.state, host.ran) == (JobState.FAILED, [])


async def test_an_undecided_cancel_committed_with_a_stage_is_undone(anyio_backend: Any) -> None:
    host, go_in, at_it = Host(), anyio.Event(), anyio.Event()
    host.compensation("refund")

    @host.kind("work", stages=[COMMITS])
    async def work(job: JobContext) -> None:
        job.add_compensation("refund")
        await go_in.wait()
        at_it.set()
        async with job.stage("publish"):
            raise AssertionError("the stage began")

    other = host.kind("other")(never)
    async with host.running() as scheduler, anyio.create_task_group() as group:
        handle = await scheduler.submit(work())
        await written(scheduler)
        host.store.hold()
        group.start_soon(scheduler.submit, other())
        await anyio.to_thread.run_sync(host.store.held.wait)  # that is on its way; what comes now goes with the next
        group.start_soon(handle.cancel)
        go_in.set()
        await at_it.wait()
        await settle()
        host.store.go_on()
        await handle.wait()
    assert host.ran == ["refund it:refund:1"]
    (both,) = [
        n for n, (_, body, _) in enumerate(host.store.committed) if body and {"asked", "committing"} <= body.keys()
    ]
    ended_before_the_decision = TestedStore(*host.store.committed[: both + 1])
    async with host.running(store=ended_before_the_decision) as again:
        assert (await again.wait(host.store.committed[both].job_id)).state is JobState.CANCELED
    assert host.ran == ["refund it:refund:1"] * 2


async def test_a_committing_stage_begins_only_once_that_is_committed(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("work", stages=[COMMITS])
    async def work(job: JobContext) -> None:
        host.store.hold()
        async with job.stage("publish"):
            host.ran.append("published")

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await anyio.to_thread.run_sync(host.store.held.wait)
        await settle()
        assert host.ran == []
        assert (await scheduler.get(handle.id)).stage is None
        host.store.go_on()
        assert (await handle.wait()).state is JobState.SUCCEEDED
    assert host.ran == ["published"]


async def test_a_finished_committing_stage_fails_and_points_to_run_stage(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("work", stages=[COMMITS])
    async def work(job: JobContext) -> None:
        async with job.stage("publish"):
            host.ran.append("published")
        await anyio.sleep_forever()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        async with host.killed(scheduler) as again:
            snapshot = await again.wait(handle.id)
    assert snapshot.failure is not None
    assert snapshot.failure.message == (
        "its process ended after stage 'publish', which commits and cannot be repeated blindly; "
        "enter it with run_stage, which persists that it is done"
    )
    assert host.ran == ["published"]


async def test_a_committing_stage_run_by_run_stage_is_reused(anyio_backend: Any) -> None:
    host = Host()

    async def publish() -> str:
        host.ran.append("published")
        return "it"

    @host.kind("work", stages=[COMMITS])
    async def work(job: JobContext) -> str:
        result = await job.run_stage("publish", publish)
        if job.attempt == 1:
            await anyio.sleep_forever()
        return result

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        async with host.killed(scheduler) as again:
            assert (await again.wait(handle.id)).result == "it"
    assert host.ran == ["published"]


@pytest.mark.parametrize("canceled", [True, False])
async def test_a_cancel_lands_at_a_reused_stage(anyio_backend: Any, canceled: bool) -> None:
    host, begun, go_on = Host(), anyio.Event(), anyio.Event()

    async def one() -> int:
        return 1

    @host.kind("work", stages=[Stage("one"), Stage("two")])
    async def work(job: JobContext) -> str:
        if job.attempt == 2:
            begun.set()
            with anyio.CancelScope(shield=True):
                await go_on.wait()
        await job.run_stage("one", one)
        host.ran.append(f"after {job.attempt}")
        if job.attempt == 1:
            await anyio.sleep_forever()
        return "done"

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        async with host.killed(scheduler) as again:
            await begun.wait()
            if canceled:
                await again.cancel(handle.id)
            go_on.set()
            snapshot = await again.wait(handle.id)
    assert snapshot.state is (JobState.CANCELED if canceled else JobState.SUCCEEDED)
    assert host.ran == ["after 1"] if canceled else ["after 1", "after 2"]


async def test_the_reuse_of_a_result_is_committed(anyio_backend: Any) -> None:
    host, go_on = Host(), anyio.Event()

    async def one() -> int:
        return 1

    @host.kind("work", stages=[Stage("one")])
    async def work(job: JobContext) -> None:
        if job.attempt == 2:
            await go_on.wait()
        if job.attempt < 3:
            await job.run_stage("one", one)
        await anyio.sleep_forever()

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        async with host.killed(scheduler) as again:
            await written(again)  # nothing else is to be written when it is reused
            go_on.set()
            async with host.killed(again) as third:
                history = (await third.get(handle.id)).history
    passages = [entry for entry in history if entry.step == "one"]
    assert [entry.status for entry in passages] == ["done", "reused"]
    assert passages[1].duration_ms == 0


@pytest.mark.parametrize("on_restart", ["fail", "rerun"])
async def test_run_stage_passes_the_arguments_on(anyio_backend: Any, on_restart: str) -> None:
    host = Host()

    async def add(one: int, other: int) -> int:
        return one + other

    @host.kind("work", stages=[Stage("one")], on_restart=on_restart)
    async def work(job: JobContext) -> int:
        return await job.run_stage("one", add, 1, 2)

    async with host.running() as scheduler:
        assert await (await scheduler.submit(work())).result() == 3


async def test_run_stage_refuses_a_settled_job(anyio_backend: Any) -> None:
    host = Host()
    contexts: list[JobContext] = []

    async def one() -> int:
        return 1

    @host.kind("work", stages=[Stage("one")])
    async def work(job: JobContext) -> None:
        await job.run_stage("one", one)
        contexts.append(job)

    async with host.running() as scheduler:
        await (await scheduler.submit(work())).wait()
        with pytest.raises(Exception, match="attempt"):
            await contexts[0].run_stage("one", one)
    assert isinstance(host.store, MemoryStore)
