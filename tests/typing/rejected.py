"""What both type checkers must reject, line by line: each line that carries their two comments, and no other.

The comments are how the ordinary runs of both pass; an unnecessary one is an error in either. ``check`` takes them
out and compares what is reported then.
"""

from __future__ import annotations

from jobcancel import JobContext, JobHandle, Registry, Scheduler, Stage

registry = Registry()


@registry.kind("ingest")
async def ingest(job: JobContext, url: str, *, depth: int = 1) -> dict[str, int]:
    await job.run_sync(len, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await job.run_stage("clone", size_of)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.add_compensation(remove, 5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    job.add_compensation(remove)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await job.submit(ingest)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await job.batch([ingest])  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await job.batch([(5, "url")])  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    job.progress("half")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return {"depth": depth}


class Pools:
    reads: int = 4


@registry.kind("with_pools")
async def with_pools(job: JobContext[Pools]) -> None:
    _: str = job.app.reads  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


async def size_of(url: str) -> int:
    return len(url)


def remove(path: str) -> None: ...


async def wrong_calls() -> None:
    ingest()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ingest(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ingest("url", 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ingest("url", depth="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ingest("url", width=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def wrong_uses(scheduler: Scheduler) -> None:
    handle = await scheduler.submit(ingest("url"))
    _: int = await handle.result()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    _other: JobHandle[str] = handle  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    (await handle.wait()).result["depth"]  # type: ignore[index]  # pyright: ignore[reportOptionalSubscript]
    await handle  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await scheduler.submit(ingest("url"), key=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await scheduler.submit(ingest("url"), "more")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await scheduler.submit(ingest)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await scheduler.cancel(handle)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await scheduler.cancel(handle.id, "me")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    scheduler.from_thread.submit(ingest)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def wrong_kinds() -> None:
    registry.kind("a", grace="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    registry.kind("b", grace_s="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    registry.kind("c", stages=["clone"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    registry.kind("d")(remove)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    registry.handler("e")(size_of)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    Stage("f", "refuse")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    registry.kind("g", on_cancel="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    registry.kind("h", compensate_on=["running"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    registry.kind("i", rerun_on=["succeeded"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    registry.kind("i", on_restart="again")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Stage("j", on_cancel="never")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Stage("k", on_cancl="defer")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Stage(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
