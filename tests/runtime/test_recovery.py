"""Coming back after a kill: what waited waits, what ran is run again or has failed, what has settled is there."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import (
    FailureCode,
    JobContext,
    JobHandle,
    JobState,
)
from jobcancel.errors import QueueFullError
from tests.runtime.restarts import Host, TestedStore, never, settle, written


async def test_pending_jobs_stay_in_their_order_after_a_restart(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("ingest", max_running=1)
    async def ingest(job: JobContext, name: str) -> str:
        host.ran.append(name)
        if host.ran == ["first"]:
            await anyio.sleep_forever()
        return name

    async with host.running() as scheduler:
        handles = [await scheduler.submit(ingest(name)) for name in ("first", "second", "third", "fourth")]
        await settle()
        assert (await handles[2].cancel()).outcome == "canceled"
        async with host.killed(scheduler) as again:
            states = [(await again.wait(handle.id)).state for handle in handles]
        assert states == [JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.CANCELED, JobState.SUCCEEDED]
    assert host.ran == ["first", "first", "second", "fourth"]


async def test_the_schedulers_limit_holds_again_after_a_restart(anyio_backend: Any) -> None:
    host = Host(max_running=2)
    kind = host.kind("ingest")(never)
    async with host.running() as scheduler:
        handles = [await scheduler.submit(kind()) for _ in range(4)]
        async with host.killed(scheduler) as again:
            states = [(await again.get(handle.id)).state for handle in handles]
    assert states == ["running", "running", "pending", "pending"]


async def test_recovered_jobs_may_exceed_a_lowered_max_pending(anyio_backend: Any) -> None:
    host, later = Host(), Host()
    kind = host.kind("ingest", max_running=1)(never)
    smaller = later.kind("ingest", max_running=1, max_pending=1)(never)
    async with host.running() as scheduler:
        handles = [await scheduler.submit(kind()) for _ in range(4)]
        async with host.killed(scheduler, registry=later.registry) as again:
            states = [(await again.get(handle.id)).state for handle in handles]
            with pytest.raises(QueueFullError):
                await again.submit(smaller())
    assert states == ["running", "pending", "pending", "pending"]


async def test_the_time_to_expiry_counts_across_a_restart(anyio_backend: Any) -> None:
    host = Host(max_running=1)
    kind = host.kind("ingest")(never)
    waits = host.kind("waits", expires_s=10)(never)
    async with host.running() as scheduler:
        await scheduler.submit(kind())
        waiting = await scheduler.submit(waits())
        await host.clock.advance(6)
        async with host.killed(scheduler) as again:
            await host.clock.advance(3)
            assert (await again.get(waiting.id)).state is JobState.PENDING
            await host.clock.advance(1)
            snapshot = await again.wait(waiting.id)
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.EXPIRED


async def test_a_job_that_expired_between_two_processes_does_not_start(anyio_backend: Any) -> None:
    host = Host(max_running=1)
    kind, free = host.kind("ingest")(never), host.kind("free", expires_s=10)(never)
    host.compensation("refund")
    refund: Any = host.registry.compensations["refund"]
    async with host.running() as scheduler:
        await scheduler.submit(kind())
        waiting = await scheduler.submit(free())
        undone = await scheduler.submit(free(), compensations=[refund()])
        await written(scheduler)
        await host.clock.advance(0)
        host.store = host.store.killed()
    host.clock.wall += 11  # the machine was off
    async with host.running(max_running=5) as again:
        snapshots = [await again.wait(handle.id) for handle in (waiting, undone)]
    assert [(each.failure and each.failure.code, each.started_at) for each in snapshots] == [("EXPIRED", None)] * 2
    assert host.ran == ["refund it:refund:1"]


async def test_a_running_job_fails_at_a_restart_unless_its_kind_reruns(anyio_backend: Any) -> None:
    host = Host()
    host.compensation("refund")

    @host.kind("once", on_restart="fail")
    async def once(job: JobContext) -> None:
        host.ran.append(f"once {job.attempt}")
        job.add_compensation("refund")
        await anyio.sleep_forever()

    @host.kind("again")
    async def again(job: JobContext) -> int:
        host.ran.append(f"again {job.attempt}")
        if job.attempt < 3:
            await anyio.sleep_forever()
        return job.attempt

    async with host.running() as first:
        handles: list[JobHandle[Any]] = [await first.submit(once()), await first.submit(again())]
        async with host.killed(first) as second:
            failed = await second.wait(handles[0].id)
            async with host.killed(second) as third:
                succeeded = await third.wait(handles[1].id)
                assert (await third.wait(handles[0].id)).failure == failed.failure
        ran = sorted(host.ran)
    assert failed.failure is not None
    assert (failed.state, failed.failure.code, failed.attempt) == (JobState.FAILED, FailureCode.WORKER_LOST, 1)
    assert failed.failure.message == "its process ended while it ran, and its kind has on_restart='fail'"
    assert (succeeded.state, succeeded.result, succeeded.attempt) == (JobState.SUCCEEDED, 3, 3)
    assert [entry.status for entry in succeeded.history if entry.step == "interrupted"] == ["pending", "pending"]
    assert ran == ["again 1", "again 2", "again 3", "once 1", "refund it:refund:1"]


async def test_settled_jobs_are_unchanged_after_a_restart(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("work")
    async def work(job: JobContext, fails: bool) -> dict[str, int]:
        job.progress(1, 2, "half")
        job.note("seen", n=1)
        if fails:
            raise LookupError("no such row")
        return {"n": 1}

    async with host.running() as scheduler:
        handles = [
            await scheduler.submit(work(fails=fails), owner="ada", labels={"a": "b"}, key=f"{fails}")
            for fails in (True, False)
        ]
        before = [await handle.wait() for handle in handles]
        await written(scheduler)
        async with host.killed(scheduler) as again:
            assert [await again.get(handle.id) for handle in handles] == before
            newest = (await again.find(owner="ada", labels={"a": "b"})).jobs
    assert newest == (before[1], before[0])


async def test_a_result_that_is_no_plain_data_is_shown_as_not_committed(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("work")
    async def work(job: JobContext) -> object:
        return {1, 2}

    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        assert (await handle.wait()).result == {1, 2}
        async with host.killed(scheduler) as again:
            snapshot = await again.get(handle.id)
    assert (snapshot.state, snapshot.result) == (JobState.SUCCEEDED, None)
    notes = [(entry.status, entry.details) for entry in snapshot.history if entry.step == "result_not_kept"]
    assert notes == [("noted", {"repr": "{1, 2}"})]


async def test_paging_resumes_after_a_restart(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("work")
    async def work(job: JobContext, ends: bool) -> None:
        if not ends:
            await anyio.sleep_forever()

    async with host.running() as scheduler:
        handles = [await scheduler.submit(work(ends=bool(number % 2))) for number in range(6)]
        await settle()
        page = await scheduler.find(limit=2)
        async with host.killed(scheduler) as again:
            newer = await again.submit(work(ends=True))
            await newer.wait()
            rest = await again.find(cursor=page.cursor)
            every = await again.find()
    ids = [handle.id for handle in reversed(handles)]
    assert [job.id for job in (*page.jobs, *rest.jobs)] == ids
    assert [job.id for job in every.jobs] == [newer.id, *ids]


async def test_a_pending_job_that_may_have_begun_is_lost(anyio_backend: Any) -> None:
    host = Host()
    kind = host.kind("work", on_restart="fail")(never)
    async with host.running() as scheduler:
        handle = await scheduler.submit(kind())
        first = TestedStore(host.store.committed[0])  # written: it waits, and may start; that it has is the next entry
        async with host.running(store=first) as next_one:
            job = await next_one.wait(handle.id)
    assert job.failure is not None
    assert (job.state, job.failure.code) == ("failed", "WORKER_LOST")
    assert job.started_at is not None


async def test_a_job_that_may_have_begun_and_does_not_rerun_is_lost(anyio_backend: Any) -> None:
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


async def test_the_next_attempt_waits_under_a_lowered_limit(anyio_backend: Any) -> None:
    host = Host()
    kind = host.kind("work")(never)
    async with host.running(max_running=2) as scheduler:
        handles = [await scheduler.submit(kind()) for _ in range(2)]
        await settle()
        async with host.killed(scheduler, max_running=1) as again:
            assert [(await again.get(each.id)).state for each in handles] == ["running", "pending"]
