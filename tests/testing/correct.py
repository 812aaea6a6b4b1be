"""The correct versions of the jobs in `faulty.py`: a cancel at any point leaves nothing wrong."""

from __future__ import annotations

import asyncio
import threading

import anyio
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Registry, Stage

from .host import Host

CORRECT = Registry()
STAGES = [Stage("working")]


@CORRECT.kind("swallowing", stages=STAGES)
async def swallowing(job: JobContext) -> None:
    """``except Exception`` catches the errors of a fetch, but no cancellation."""
    host: Host = job.app
    async with job.stage("working"):
        for page in ("one", "two", "three"):
            try:
                await checkpoint()
            except Exception:
                host.saved.append(f"{page} is missing")


@CORRECT.kind("unshielded_cleanup", stages=STAGES)
async def unshielded_cleanup(job: JobContext) -> None:
    host: Host = job.app
    draft = host.folder / "draft"
    draft.touch()
    async with job.stage("working"):
        try:
            await checkpoint()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.Path(draft).unlink()


@CORRECT.kind("late_compensation", stages=STAGES)
async def late_compensation(job: JobContext) -> None:
    """The refund is registered before the charge, and does nothing if there was no charge."""
    host: Host = job.app

    def refund() -> None:
        if job.id in host.charges:
            host.charges.remove(job.id)

    async with job.stage("working"):
        job.add_compensation(refund)
        host.charges.append(job.id)
        await checkpoint()
    await checkpoint()


@CORRECT.kind("leaked_task", stages=STAGES)
async def leaked_task(job: JobContext) -> None:
    async with job.stage("working"):
        heartbeat = asyncio.create_task(asyncio.sleep(3600))
        try:
            await checkpoint()
        finally:
            heartbeat.cancel()


@CORRECT.kind("leaked_into_the_host", stages=STAGES)
async def leaked_into_the_host(job: JobContext) -> None:
    host: Host = job.app
    heart = anyio.CancelScope()

    async def heartbeat() -> None:
        with heart:
            await anyio.sleep_forever()

    async with job.stage("working"):
        host.group.start_soon(heartbeat)
        try:
            await checkpoint()
        finally:
            heart.cancel()


@CORRECT.kind("asyncio_shield", stages=[Stage("working", on_cancel="defer")])
async def asyncio_shield(job: JobContext) -> None:
    """The stage's policy protects the upload, and the job ends after it."""
    host: Host = job.app

    async def upload() -> None:
        for part in range(3):
            await asyncio.sleep(0)
            host.saved.append(f"part {part}")

    async with job.stage("working"):
        await upload()


@CORRECT.kind("suppressed_in_finally", stages=STAGES)
async def suppressed_in_finally(job: JobContext) -> list[str]:
    host: Host = job.app
    async with job.stage("working"):
        try:
            await checkpoint()
        finally:
            host.saved.append("page")
    return host.saved


@CORRECT.kind("two_writes", stages=[Stage("working", on_cancel="defer")])
async def two_writes(job: JobContext) -> None:
    host: Host = job.app
    async with job.stage("working"):
        host.accounts["ada"] -= 5
        await checkpoint()
        host.accounts["bob"] += 5


@CORRECT.kind("lock_held", stages=STAGES)
async def lock_held(job: JobContext) -> None:
    host: Host = job.app
    async with job.stage("working"), host.lock:
        await checkpoint()


@CORRECT.kind("orphan", stages=STAGES)
async def orphan(job: JobContext) -> None:
    host: Host = job.app
    async with job.stage("working"):
        process = host.start_reader()
        assert process.stdin is not None
        try:
            await checkpoint()
        finally:
            process.stdin.close()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(process.wait)


@CORRECT.kind("ignored_thread", stages=STAGES)
async def ignored_thread(job: JobContext) -> None:
    """The job ends the thread and waits for it."""
    host: Host = job.app

    def encode() -> None:
        host.frames.extend(iter(host.rendered.get, None))

    async with job.stage("working"):
        encoder = threading.Thread(target=encode)
        encoder.start()
        try:
            host.rendered.put("frame")
            await checkpoint()
        finally:
            host.rendered.put(None)
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(encoder.join)
