"""A service with a journal for `jobcancel jobs`: it submits its jobs, prints their ids and runs until it is killed."""

from __future__ import annotations

import sys

import anyio
import anyio.lowlevel

from jobcancel import CompensationContext, JobContext, Registry, Scheduler, Stage
from jobcancel.stores import SqliteStore

registry = Registry()


@registry.compensation("refund")
async def refund(context: CompensationContext, amount: int) -> None:
    """Do nothing."""


def forget() -> None:
    """A function without a registered name."""


@registry.kind("quick", max_running=1)
async def quick(job: JobContext, outcome: str) -> str:
    if outcome == "fail":
        raise LookupError("nothing\tthere")
    return outcome


@registry.kind("ingest", stages=[Stage("cloning"), Stage("working"), Stage("publishing", commits=True)], max_running=2)
async def ingest(job: JobContext, stage: str) -> None:
    await job.run_stage("cloning", anyio.lowlevel.checkpoint)
    job.add_compensation("refund", amount=5)
    job.add_compensation(forget)
    async with job.stage(stage):
        job.progress(1, 3, "one of three")
        await anyio.sleep_forever()


@registry.kind("stubborn")
async def stubborn(job: JobContext) -> None:
    job.add_compensation(refund(7))
    with anyio.CancelScope(shield=True):
        await anyio.sleep_forever()


async def main(path: str) -> None:
    async with Scheduler(registry, store=SqliteStore(path)) as scheduler:
        done = await scheduler.submit(quick("done"), owner="ann", key="once")
        failed = await scheduler.submit(quick("fail"), owner="bob", labels={"team": "red"})
        working = await scheduler.submit(ingest("working"), owner="ann")
        publishing = await scheduler.submit(ingest("publishing"), owner="ann")
        pending = await scheduler.submit(ingest("working"), owner="ann")
        canceling = await scheduler.submit(stubborn(), owner="ann")
        await done.wait()
        await failed.wait()
        for handle, stage in ((working, "working"), (publishing, "publishing")):
            async with scheduler.watch(handle.id) as snapshots:
                async for snapshot in snapshots:
                    if snapshot.stage == stage and snapshot.progress is not None:
                        break
        await scheduler.cancel(canceling.id, by="ann", reason="enough")
        await scheduler.cancel(canceling.id)  # answered after the commit of the first one and of everything before it
        ids = (done.id, failed.id, working.id, publishing.id, pending.id, canceling.id)
        sys.stdout.write(" ".join(ids) + "\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


anyio.run(main, sys.argv[1])
