"""Jobs with one fault each, one of the ten in two shapes. The line that is to be found is marked.

The faults are the ones that people make; what the jobs work on is made for the tests, and answers at once. The same
work done right is in `correct.py`.
"""

from __future__ import annotations

import asyncio
import threading

import anyio
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Registry, Stage

from .host import Host

FAULTY = Registry()
STAGES = [Stage("working")]


@FAULTY.kind("swallowing", stages=STAGES)
async def swallowing(job: JobContext) -> None:
    """Whatever goes wrong with a page, the next one is fetched."""
    host: Host = job.app
    async with job.stage("working"):
        for page in ("one", "two", "three"):
            try:
                await checkpoint()  # FAULT swallowing: a broad except around it
            except BaseException:
                host.saved.append(f"{page} is missing")


@FAULTY.kind("unshielded_cleanup", stages=STAGES)
async def unshielded_cleanup(job: JobContext) -> None:
    """A folder of the job's own is removed at the end, by an await that a cancel kills at once."""
    host: Host = job.app
    draft = host.folder / "draft"
    draft.touch()
    async with job.stage("working"):
        try:
            await checkpoint()
        finally:
            await anyio.Path(draft).unlink()  # FAULT unshielded_cleanup


@FAULTY.kind("late_compensation", stages=STAGES)
async def late_compensation(job: JobContext) -> None:
    """The bank has charged when the answer is awaited; the refund is registered after that."""
    host: Host = job.app
    async with job.stage("working"):
        host.charges.append(job.id)
        await checkpoint()  # FAULT late_compensation: the bank's answer
        job.add_compensation(host.charges.remove, job.id)
    await checkpoint()


@FAULTY.kind("leaked_task", stages=STAGES)
async def leaked_task(job: JobContext) -> None:
    """A heartbeat that only an orderly end stops."""
    async with job.stage("working"):
        heartbeat = asyncio.create_task(asyncio.sleep(3600))  # FAULT leaked_task
        await checkpoint()
        heartbeat.cancel()


@FAULTY.kind("leaked_into_the_host", stages=STAGES)
async def leaked_into_the_host(job: JobContext) -> None:
    """The same in a task group of the host's, on every backend."""
    host: Host = job.app
    heart = anyio.CancelScope()

    async def heartbeat() -> None:
        with heart:
            await anyio.sleep_forever()

    async with job.stage("working"):
        host.group.start_soon(heartbeat)  # FAULT leaked_into_the_host
        await checkpoint()
        heart.cancel()


@FAULTY.kind("asyncio_shield", stages=STAGES)
async def asyncio_shield(job: JobContext) -> None:
    """The shield saves the upload from the cancel, and lets the job end before it."""
    host: Host = job.app

    async def upload() -> None:
        for part in range(3):
            await asyncio.sleep(0)
            host.saved.append(f"part {part}")

    async with job.stage("working"):
        await asyncio.shield(upload())  # FAULT asyncio_shield


@FAULTY.kind("suppressed_in_finally", stages=STAGES)
async def suppressed_in_finally(job: JobContext) -> list[str]:
    """A ``return`` in a ``finally`` loses whatever is being raised, the cancellation too."""
    host: Host = job.app
    async with job.stage("working"):
        try:
            await checkpoint()  # FAULT suppressed_in_finally
            host.saved.append("page")
        finally:
            return host.saved  # noqa: B012


@FAULTY.kind("two_writes", stages=STAGES)
async def two_writes(job: JobContext) -> None:
    """A cancel between the two writes loses five."""
    host: Host = job.app
    async with job.stage("working"):
        host.accounts["ada"] -= 5
        await checkpoint()  # FAULT two_writes
        host.accounts["bob"] += 5


@FAULTY.kind("lock_held", stages=STAGES)
async def lock_held(job: JobContext) -> None:
    """The lock is given back by an orderly end only."""
    host: Host = job.app
    async with job.stage("working"):
        await host.lock.acquire()
        await checkpoint()  # FAULT lock_held
        host.lock.release()


@FAULTY.kind("orphan", stages=STAGES)
async def orphan(job: JobContext) -> None:
    """The process would end with its input, which nobody closes when the job is canceled."""
    host: Host = job.app
    async with job.stage("working"):
        process = host.start_reader()
        assert process.stdin is not None
        await checkpoint()  # FAULT orphan
        process.stdin.close()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(process.wait)


@FAULTY.kind("ignored_thread", stages=STAGES)
async def ignored_thread(job: JobContext) -> None:
    """The thread waits for frames that never come, and nobody waits for the thread."""
    host: Host = job.app

    def encode() -> None:
        host.frames.extend(iter(host.rendered.get, None))  # FAULT ignored_thread

    async with job.stage("working"):
        encoder = threading.Thread(target=encode)
        encoder.start()
        host.rendered.put("frame")
        await checkpoint()
        host.rendered.put(None)
        await anyio.to_thread.run_sync(encoder.join, abandon_on_cancel=True)
