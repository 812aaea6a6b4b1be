"""Jobs with one typical fault each; the line to be found has a mark. The correct versions are in `correct.py`."""

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
    """The broad ``except`` catches the cancellation too, and the next page is fetched."""
    host: Host = job.app
    async with job.stage("working"):
        for page in ("one", "two", "three"):
            try:
                await checkpoint()  # FAULT swallowing: a broad except around it
            except BaseException:
                host.saved.append(f"{page} is missing")


@FAULTY.kind("unshielded_cleanup", stages=STAGES)
async def unshielded_cleanup(job: JobContext) -> None:
    """The draft is removed at the end, but the cancel interrupts the await that does it."""
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
    """The refund is registered too late: after the await of the bank's answer."""
    host: Host = job.app
    async with job.stage("working"):
        host.charges.append(job.id)
        await checkpoint()  # FAULT late_compensation: the bank's answer
        job.add_compensation(host.charges.remove, job.id)
    await checkpoint()


@FAULTY.kind("leaked_task", stages=STAGES)
async def leaked_task(job: JobContext) -> None:
    """The heartbeat is stopped only if the job is not canceled."""
    async with job.stage("working"):
        heartbeat = asyncio.create_task(asyncio.sleep(3600))  # FAULT leaked_task
        await checkpoint()
        heartbeat.cancel()


@FAULTY.kind("leaked_into_the_host", stages=STAGES)
async def leaked_into_the_host(job: JobContext) -> None:
    """The same with a task group of the host, on every backend."""
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
    """The shield protects the upload, but the job ends before it."""
    host: Host = job.app

    async def upload() -> None:
        for part in range(3):
            await asyncio.sleep(0)
            host.saved.append(f"part {part}")

    async with job.stage("working"):
        await asyncio.shield(upload())  # FAULT asyncio_shield


@FAULTY.kind("suppressed_in_finally", stages=STAGES)
async def suppressed_in_finally(job: JobContext) -> list[str]:
    """A ``return`` in a ``finally`` discards the exception, also a cancellation."""
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
    """The lock is released only if the job is not canceled."""
    host: Host = job.app
    async with job.stage("working"):
        await host.lock.acquire()
        await checkpoint()  # FAULT lock_held
        host.lock.release()


@FAULTY.kind("orphan", stages=STAGES)
async def orphan(job: JobContext) -> None:
    """The process ends when its input is closed, which happens only if the job is not canceled."""
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
    """The thread waits for more frames, and a canceled job does not wait for the thread."""
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
