"""Invariants 14, 15 and 17: jobs among themselves, and the host."""

from __future__ import annotations

import subprocess
import sys
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from jobcancel import FailureCode, JobContext, JobHandle, JobState
from jobcancel.errors import DeadlockError
from tests.invariants.conftest import Live, turns

COLOUR: ContextVar[str] = ContextVar("colour", default="none")


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), ZeroDivisionError(), BaseException("bare")])
async def test_14_whatever_a_job_raises_ends_that_job_and_no_other(live: Live, error: BaseException) -> None:
    release = anyio.Event()

    async def raises(job: JobContext) -> None:
        raise error

    async def works(job: JobContext) -> str:
        await release.wait()
        return "works on"

    other = await live.submit(works)
    snapshot = await (await live.submit(raises)).wait()
    release.set()
    assert snapshot.failure is not None
    assert (snapshot.state, snapshot.failure.code) == (JobState.FAILED, FailureCode.HANDLER_ERROR)
    assert snapshot.failure.details["type"] == f"builtins.{type(error).__name__}"
    assert await other.result() == "works on"


INTERRUPTED = """
import anyio, signal, sys
from jobcancel import Registry, Scheduler

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would inherit that it is ignored
registry = Registry()

@registry.kind("interrupts")
async def interrupts(job):
    raise KeyboardInterrupt

@registry.kind("works", stages=[])
async def works(job):
    try:
        await anyio.sleep_forever()
    finally:
        print("the other job unwound in order", flush=True)

async def main():
    async with Scheduler(registry) as scheduler:
        other = await scheduler.submit(works())
        await anyio.lowlevel.checkpoint()
        handle = await scheduler.submit(interrupts())
        print((await handle.wait()).failure.code, flush=True)
        await anyio.sleep_forever()

try:
    anyio.run(main, backend=sys.argv[1])
except KeyboardInterrupt:
    print("the host was interrupted", flush=True)
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_14_a_keyboard_interrupt_ends_the_job_and_then_reaches_the_host(backend: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, backend], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.splitlines() == [
        "HANDLER_ERROR",
        "the other job unwound in order",
        "the host was interrupted",
    ], run.stderr


async def test_15_a_job_inherits_its_submitters_variables_and_keeps_its_own(anyio_backend: Any) -> None:
    live, seen = Live(max_running=1), list[str]()

    async def paints(job: JobContext) -> None:
        seen.append(COLOUR.get())
        COLOUR.set("the job's")

    async with live.scheduler:
        handles: list[JobHandle[Any]] = []
        for colour in ("red", "green", "blue"):  # the second and third start from the end of the one before
            COLOUR.set(colour)
            handles.append(await live.submit(paints))
        COLOUR.set("the submitter's")
        for handle in handles:
            await handle.wait()
        assert seen == ["red", "green", "blue"]
        assert COLOUR.get() == "the submitter's"


async def test_17_a_job_that_waits_for_itself_or_an_ancestor_is_told(live: Live) -> None:
    told: list[str] = []

    async def child(job: JobContext, parent_id: str) -> None:
        for job_id in (job.id, parent_id):
            with pytest.raises(DeadlockError):
                await live.scheduler.wait(job_id)
            told.append("wait")
        with pytest.raises(DeadlockError):
            await live.scheduler.wait(parent_id, timeout_s=1)
        told.append("wait with a timeout")

    kind = live.kind(child)

    async def parent(job: JobContext) -> None:
        await (await job.submit(kind(job.id))).result()

    handle = await live.submit(parent)
    await handle.result()
    assert told == ["wait", "wait", "wait with a timeout"]


async def test_17_a_job_that_shuts_its_scheduler_down_is_told(live: Live) -> None:
    async def handler(job: JobContext) -> str:
        with pytest.raises(DeadlockError):
            await live.scheduler.shutdown()
        return "told"

    assert await (await live.submit(handler)).result() == "told"


async def test_17_a_limited_kind_among_its_own_ancestors_is_refused(live: Live) -> None:
    async def recurses(job: JobContext, depth: int) -> str:
        with pytest.raises(DeadlockError):
            await job.submit(kind(depth + 1))
        return "told"

    kind = live.kind(recurses, max_running=1)
    assert await (await live.scheduler.submit(kind(0))).result() == "told"
    await turns()
