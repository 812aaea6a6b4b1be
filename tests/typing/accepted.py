"""What both type checkers must accept, with the types that they must find."""

from __future__ import annotations

from typing import Any, assert_type

from jobcancel import (
    BlockingScheduler,
    Call,
    JobContext,
    JobHandle,
    JobState,
    OnGraceExpired,
    Partial,
    Registry,
    Scheduler,
    Snapshot,
    Stage,
    current_job,
)
from jobcancel.abc import Clock, JobService
from jobcancel.testing import ManualClock

registry = Registry()
declared = Registry.from_mapping({"kinds": {"count": {}}})


@registry.kind("ingest", stages=[Stage("clone", on_cancel="refuse"), Stage("push", commits=True)], grace_s=5)
async def ingest(job: JobContext, url: str, *, depth: int = 1) -> dict[str, int]:
    assert_type(await job.run_stage("clone", size_of, url), int)
    assert_type(await job.run_sync(len, url), int)
    assert_type(await job.run_sync(divmod, 7, depth), tuple[int, int])
    async with job.stage("push") as nothing:
        assert_type(nothing, None)
    job.add_compensation(remove, url, force=True)
    child = await job.submit(in_part())
    assert_type(child, JobHandle[list[int]])
    assert_type(await child.result(), list[int])
    assert_type(await job.batch([perhaps_in_part(True), perhaps_in_part(False)]), list[Snapshot[str]])
    assert_type(await job.submit("in_part"), JobHandle[Any])
    assert_type(await job.submit("ingest", url, depth=2, labels={"a": "b"}), JobHandle[Any])
    assert_type(await job.batch([in_part(), ("ingest", url), "in_part"]), list[Snapshot[Any]])
    assert_type(await job.batch(("ingest", each) for each in url), list[Snapshot[Any]])
    return {"depth": depth}


async def size_of(url: str) -> int:
    return len(url)


def remove(path: str, *, force: bool) -> None: ...


@registry.kind("in_part")
async def in_part(job: JobContext) -> Partial[list[int]]:
    return Partial([1])


@registry.kind("perhaps_in_part")
async def perhaps_in_part(job: JobContext, whole: bool) -> str | Partial[str]:
    return "all" if whole else Partial("some")


@registry.kind("nothing")
async def nothing(job: JobContext) -> None: ...


@registry.kind("perhaps_nothing")
async def perhaps_nothing(job: JobContext) -> int | None: ...


@registry.kind(
    "with_policies",
    on_cancel="defer",
    on_grace_expired=OnGraceExpired.ABANDON,
    on_restart="rerun",
    rerun_on=["failed", JobState.CANCELED],
    compensate_on=["canceled", JobState.FAILED],
)
async def with_policies(job: JobContext) -> None: ...


class Pools:
    reads: int = 4


class Mailer:
    sender: str = "me"


@registry.kind("with_pools")
async def with_pools(job: JobContext[Pools], url: str) -> int:
    assert_type(job.app, Pools)
    return job.app.reads


@registry.kind("with_mailer")
async def with_mailer(job: JobContext[Mailer]) -> str | Partial[str]:
    return job.app.sender


@registry.kind("with_either")
async def with_either(job: JobContext[Pools | Mailer]) -> Partial[int]:
    return Partial(await with_a_plain_context(job))


async def with_a_plain_context(job: JobContext) -> int:
    assert_type(job.app, Any)
    return 1


@declared.handler("count")
async def count(job: JobContext, upto: int) -> int:
    return upto


def deep_inside_a_job() -> None:
    assert_type(current_job(), JobContext[Any] | None)


async def from_a_loop(scheduler: Scheduler) -> None:
    assert_type(ingest("url"), Call[dict[str, int]])
    handle = await scheduler.submit(ingest("url", depth=2), key="k", labels={"a": "b"}, compensations=[print])
    assert_type(handle, JobHandle[dict[str, int]])
    assert_type(await handle.wait(), Snapshot[dict[str, int]])
    assert_type((await handle.wait(timeout_s=1)).result, dict[str, int] | None)
    assert_type(await handle.result(), dict[str, int])

    assert_type(await (await scheduler.submit(in_part())).result(), list[int])
    assert_type(await (await scheduler.submit(perhaps_in_part(True))).result(), str)
    assert_type(await (await scheduler.submit(nothing())).result(), None)
    assert_type(await (await scheduler.submit(perhaps_nothing())).result(), int | None)
    assert_type(await (await scheduler.submit(count(3))).result(), int)

    assert_type(with_pools("url"), Call[int])
    assert_type(with_mailer(), Call[str])
    assert_type(with_either(), Call[int])

    by_name = await scheduler.submit("ingest", "url", depth=2, key="k")
    assert_type(by_name, JobHandle[Any])
    async with scheduler.watch(handle.id) as snapshots:
        async for snapshot in snapshots:
            assert_type(snapshot, Snapshot[Any])


def from_a_thread(scheduler: Scheduler, blocking: BlockingScheduler) -> None:
    for jobs in (scheduler.from_thread, blocking):
        handle = jobs.submit(ingest("url"))
        assert_type(handle.result(), dict[str, int])
        assert_type(handle.wait().result, dict[str, int] | None)
        assert_type(jobs.submit("ingest", "url").result(), Any)
        with jobs.watch(handle.id) as snapshots:
            assert_type(next(snapshots), Snapshot[Any])


# What stands in for a protocol is one.
service: JobService = Scheduler(registry)
clock: Clock = ManualClock()


def a_handle_of_less_is_one_of_more(handle: JobHandle[dict[str, int]]) -> JobHandle[object]:
    return handle
