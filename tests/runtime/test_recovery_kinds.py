"""Jobs whose kind has changed since: they have failed with a clear error, stay readable, and are undone."""

from __future__ import annotations

from typing import Any

import pytest

from jobcancel import FailureCode, JobContext, JobState, Registry, Stage
from jobcancel.errors import IdempotencyConflictError
from tests.runtime.restarts import Host, durable, never, written


async def none(job: JobContext) -> None:
    return


async def other(job: JobContext, path: str) -> None:
    return


GONE = "its kind 'work' is registered no longer, so that it cannot go on"


@pytest.mark.parametrize("waits", [True, False])
async def test_a_job_of_a_removed_kind_fails_is_undone_and_readable(anyio_backend: Any, waits: bool) -> None:
    host, later = Host(max_running=1), Host()
    later.compensation("refund")
    kind = host.kind("work")(never)
    host.compensation("refund")
    refund: Any = host.registry.compensations["refund"]
    async with host.running() as scheduler:
        if waits:
            await scheduler.submit(kind())
        handle = await scheduler.submit(kind(), key="k", owner="ada", compensations=[refund()])
        await written(scheduler)
        async with host.killed(scheduler, registry=later.registry) as again:
            snapshot = await again.wait(handle.id, owner="ada")
            found = (await again.find(kind="work", owner="ada")).jobs
            async with host.killed(again, registry=later.registry) as third:
                assert await third.get(handle.id) == snapshot
    assert snapshot.failure is not None
    assert (snapshot.state, snapshot.failure.code) == (JobState.FAILED, FailureCode.WORKER_LOST)
    assert snapshot.failure.message == GONE
    assert found == (snapshot,)
    assert later.ran == ["refund it:refund:1"]


async def test_a_canceling_job_of_a_removed_kind_is_canceled(anyio_backend: Any) -> None:
    host, later = Host(), Host()
    kind = host.kind("work", stages=[], on_cancel="defer")(never)
    async with host.running() as scheduler:
        handle = await scheduler.submit(kind())
        await written(scheduler)
        assert (await handle.cancel()).outcome == "deferred"
        async with host.killed(scheduler, registry=later.registry) as again:
            snapshot = await again.wait(handle.id)
        await handle.cancel(force=True)
    assert snapshot.state is JobState.CANCELED


@pytest.mark.parametrize(
    ("handler", "message"), [(other, "missing a required argument: 'path'"), (None, "handler")], ids=["args", "handler"]
)
async def test_a_job_that_can_no_longer_be_called_fails_with_the_reason(
    anyio_backend: Any, handler: Any, message: str
) -> None:
    host = Host()
    kind = host.kind("work", on_restart="rerun")(never)
    registry = Registry()
    if handler is None:
        registry = Registry.from_mapping({"kinds": {"work": {"on_restart": "rerun"}}})
    else:
        registry.kind("work", on_restart="rerun")(handler)
    async with host.running() as scheduler:
        handle = await scheduler.submit(kind(), key="k")
        await written(scheduler)
        async with host.killed(scheduler, registry=registry) as again:
            snapshot = await again.wait(handle.id)
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.WORKER_LOST
    assert snapshot.failure.message.startswith("it cannot go on: ")
    assert message in snapshot.failure.message


async def test_a_stage_no_longer_declared_is_known_by_its_name(anyio_backend: Any) -> None:
    host, later = Host(), Host()

    @host.kind("work", stages=[Stage("old")])
    async def work(job: JobContext) -> None:
        async with job.stage("old"):
            await never(job)

    later.kind("work", stages=[Stage("new")])(none)
    async with host.running() as scheduler:
        handle = await scheduler.submit(work())
        await written(scheduler)
        async with host.killed(scheduler, registry=later.registry) as again:
            snapshot = await again.wait(handle.id)
    assert snapshot.state is JobState.SUCCEEDED
    assert ("old", "interrupted") in [(entry.step, entry.status) for entry in snapshot.history]


async def test_keys_find_their_job_after_a_restart_until_their_ttl(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("work", key_ttl_s=100, retain_s=10)
    async def work(job: JobContext, n: int) -> int:
        return n

    async with host.running() as scheduler:
        first = await scheduler.submit(work(1), key="k", owner="ada")
        await first.wait()
        async with host.killed(scheduler) as again:
            same = await again.submit(work(1), key="k", owner="ada")
            assert (same.id, same.created) == (first.id, False)
            with pytest.raises(IdempotencyConflictError):
                await again.submit(work(2), key="k", owner="ada")
            await host.clock.advance(50)  # past its retention
            assert (await again.find()).jobs == ()
            async with host.killed(again) as third:
                same = await third.submit(work(1), key="k", owner="ada")
                assert (same.id, same.created) == (first.id, False)
                with pytest.raises(IdempotencyConflictError):
                    await third.submit(work(2), key="k", owner="ada")
                await host.clock.advance(50)  # past its key's life
                new = await third.submit(work(2), key="k", owner="ada")
                assert new.created
                async with host.killed(third) as fourth:
                    assert (await fourth.submit(work(2), key="k", owner="ada")).id == new.id


@pytest.mark.parametrize("rerun_on", [["failed"], ["canceled"], []], ids=["failed", "canceled", "never"])
@pytest.mark.parametrize("settles", ["before", "after"])
async def test_a_key_reruns_a_failed_job_after_a_restart(anyio_backend: Any, rerun_on: list[str], settles: str) -> None:
    host = Host()

    @host.kind("work", on_restart="fail", rerun_on=rerun_on, retain_s=10)
    async def work(job: JobContext) -> None:
        if settles == "before":
            raise LookupError("no such row")
        await never(job)

    async with host.running() as scheduler:
        first = await scheduler.submit(work(), key="k")
        await written(scheduler)
        async with host.killed(scheduler) as again:
            await again.wait(first.id)
            await host.clock.advance(10)
            async with host.killed(again) as third:
                assert (await third.submit(work(), key="k")).created is (rerun_on == ["failed"])


@pytest.mark.parametrize("rerun_on", [["failed"], ["canceled"], []], ids=["failed", "canceled", "never"])
@pytest.mark.parametrize("retired", [False, True], ids=["retained", "retired"])
async def test_a_key_reruns_a_canceled_job_after_a_restart(
    anyio_backend: Any, rerun_on: list[str], retired: bool
) -> None:
    host = Host()
    kind = host.kind("work", rerun_on=rerun_on, retain_s=10)(never)
    async with host.running() as scheduler:
        first = await scheduler.submit(kind(), key="k")
        await first.cancel()
        assert (await first.wait()).state is JobState.CANCELED
        async with host.killed(scheduler) as again:
            if retired:
                await host.clock.advance(10)
                assert (await again.find()).jobs == ()
            async with host.killed(again) as third:
                second = await third.submit(kind(), key="k")
                assert second.created is (rerun_on == ["canceled"])
                assert (second.id != first.id) is (rerun_on == ["canceled"])


async def test_the_key_of_a_resumed_job_finds_it(anyio_backend: Any) -> None:
    host = Host()
    kind = host.kind("work")(never)
    async with host.running() as scheduler:
        first = await scheduler.submit(kind(), key="k")
        async with host.killed(scheduler) as again:
            assert (await again.submit(kind(), key="k")).id == first.id


async def test_jobs_are_retired_by_age_and_count_across_restarts(anyio_backend: Any) -> None:
    host = Host()
    aged, counted = host.kind("aged", retain_s=10)(none), host.kind("counted", retain_count=2)(none)
    async with host.running() as scheduler:
        old = await scheduler.submit(aged())
        await old.wait()
        await host.clock.advance(6)
        young = await scheduler.submit(aged())
        some = [await scheduler.submit(counted()) for _ in range(2)]
        for handle in (young, *some):
            await handle.wait()
        async with host.killed(scheduler) as again:
            last = await again.submit(counted())
            await last.wait()
            await host.clock.advance(4)
            ids = [job.id for job in (await again.find()).jobs]
            assert ids == [last.id, some[1].id, young.id]
            async with host.killed(again) as third:
                assert [job.id for job in (await third.find()).jobs] == ids
                store = durable(third)._store  # pyright: ignore[reportPrivateUsage]
                assert {entry.job_id for entry in store.read()} == set(ids)


async def test_a_lowered_retention_retires_jobs_at_the_start(anyio_backend: Any) -> None:
    host, later = Host(), Host()
    kind = host.kind("work")(none)
    later.kind("work", retain_count=1)(none)
    async with host.running() as scheduler:
        handles = [await scheduler.submit(kind(), key=str(number)) for number in range(3)]
        for handle in handles:
            await handle.wait()
        async with host.killed(scheduler, registry=later.registry) as again:
            assert [job.id for job in (await again.find()).jobs] == [handles[2].id]
            same = await again.submit("work", key="0")
            assert (same.id, same.created) == (handles[0].id, False)
