"""Submits, cancels, waits and stages that meet the end of their scheduler, of their caller, or of the loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import anyio
import pytest

from jobcancel import JobContext, JobState, Kind, Stage
from tests.runtime.restarts import Host, never, settle

NATIVE: list[tuple[str, dict[str, bool]]] = [
    ("asyncio", {}),
    ("asyncio", {"use_uvloop": True}),
]  # trio has no native cancel of a task


@pytest.mark.parametrize("has_undo", [False, True], ids=["nothing_to_undo", "with_an_undo"])
async def test_a_cancel_of_an_interrupted_job_is_answered_and_lasts(anyio_backend: Any, has_undo: bool) -> None:
    host, sending, release = Host(), anyio.Event(), anyio.Event()
    host.compensation("refund")

    @host.kind("again")
    async def again(job: JobContext) -> None:
        if has_undo:
            job.add_compensation("refund")
        await anyio.sleep_forever()

    @host.kind("slow", stages=[Stage("sending", on_cancel="defer")])
    async def slow(job: JobContext) -> None:
        async with job.stage("sending"):
            sending.set()
            await release.wait()

    async with host.running() as scheduler:
        handle = await scheduler.submit(again())
        await scheduler.submit(slow())
        await sending.wait()
        await settle()
        async with anyio.create_task_group() as group:
            group.start_soon(scheduler.shutdown)
            await settle()
            interrupted = await handle.wait()
            assert (interrupted.state, interrupted.attempt) == ("pending", 2)
            verdict = await handle.cancel()
            assert verdict.accepted
            release.set()
    async with host.running() as scheduler:
        assert (await scheduler.wait(handle.id)).state == "canceled"
    assert host.ran == (["refund it:refund:1"] if has_undo else [])


@pytest.mark.parametrize("stored", [False, True], ids=["in_memory", "with_a_store"])
async def test_a_shutdown_ends_though_a_job_waits_for_a_pending_one(anyio_backend: Any, stored: bool) -> None:
    host, seen = Host(), list[JobState]()
    part: Kind[[], None] = host.kind("part", max_running=1)(never)
    waiting = anyio.Event()

    @host.kind("whole", stages=[Stage("sending", on_cancel="defer")])
    async def whole(job: JobContext) -> None:
        async with job.stage("sending"):
            handle = await job.app[0].submit(part())
            waiting.set()
            seen.append((await handle.wait()).state)

    app: list[Any] = []
    options: dict[str, Any] = {} if stored else {"store": None}
    async with host.running(app=app, **options) as scheduler:
        app.append(scheduler)
        await scheduler.submit(part())
        await scheduler.submit(whole())
        await waiting.wait()
    assert seen == ["pending" if stored else "canceled"]


async def test_a_child_starts_though_pending_jobs_are_left_for_later(anyio_backend: Any) -> None:
    host, go = Host(), anyio.Event()

    @host.kind("part", max_running=1, on_restart="fail")
    async def part(job: JobContext, endless: bool) -> str:
        if endless:
            await anyio.sleep_forever()
        return "done"

    @host.kind("whole", on_cancel="defer", on_restart="fail")
    async def whole(job: JobContext) -> list[Any]:
        await go.wait()
        return [child.result for child in await job.batch([part(False)])]

    async with host.running() as scheduler:
        await scheduler.submit(part(True))
        waiting = await scheduler.submit(part(True))
        asking = await scheduler.submit(whole())
        await settle()
        async with anyio.create_task_group() as group:
            group.start_soon(scheduler.shutdown)
            await settle()
            go.set()
        assert (await asking.wait()).result == ["done"]
        assert (await scheduler.get(waiting.id)).state == "pending"


@pytest.mark.parametrize("between", ["stages", "kept_stages"])
async def test_no_stage_begins_once_a_shutdown_interrupts_the_job(anyio_backend: Any, between: str) -> None:
    host, running, go = Host(), anyio.Event(), anyio.Event()

    async def send(number: int) -> None:
        host.ran.append(f"sent in attempt {number}")

    @host.kind("export", on_cancel="defer", stages=[Stage("sending")])
    async def export(job: JobContext) -> None:
        running.set()
        await go.wait()
        if between == "kept_stages":
            await job.run_stage("sending", send, job.attempt)
        else:
            async with job.stage("sending"):
                await send(job.attempt)

    async with host.running() as scheduler:
        handle = await scheduler.submit(export())
        await running.wait()
        async with anyio.create_task_group() as group:
            group.start_soon(scheduler.shutdown)
            await settle()
            go.set()
        assert (await scheduler.get(handle.id)).state == "pending"
    assert host.ran == []
    async with host.running() as scheduler:
        assert (await scheduler.wait(handle.id)).state == "succeeded"
    assert host.ran == ["sent in attempt 2"]


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("asks", ["submit", "submit_by_key", "cancel", "cancel_many"])
async def test_a_timed_out_caller_of_a_slow_store_gets_its_answer(anyio_backend: Any, asks: str) -> None:
    host = Host()
    kind = host.kind("work")(never)
    async with host.running() as scheduler:
        handle = await scheduler.submit(kind())
        await settle()
        calls: dict[str, Any] = {
            "submit": lambda: scheduler.submit(kind()),
            "submit_by_key": lambda: scheduler.submit(kind(), key="once"),
            "cancel": handle.cancel,
            "cancel_many": scheduler.cancel_many,
        }
        host.store.hold()
        asking = asyncio.create_task(asyncio.wait_for(calls[asks](), 0.001))
        overdue = asyncio.Event()
        asyncio.get_running_loop().call_later(0.02, overdue.set)
        await overdue.wait()
        assert not asking.done()
        host.store.go_on()
        answer = await asking
        if asks == "cancel":
            assert answer.outcome == "canceling"
        elif asks == "cancel_many":
            assert [verdict.outcome for verdict in answer.values()] == ["canceling"]
        else:
            assert (await scheduler.get(answer.id)).state == "running"
        await scheduler.cancel_many()


FORGOTTEN = """
import asyncio, sys
from jobcancel import Registry, Scheduler
from jobcancel.stores import MemoryStore

registry = Registry()

@registry.kind("long", on_restart="rerun")
async def long(job):
    try:
        await asyncio.sleep(3600)
    finally:
        print("the job has unwound", flush=True)

async def main():
    scheduler = Scheduler(registry, store=MemoryStore() if sys.argv[2] == "store" else None)
    await scheduler.__aenter__()  # and it is never left
    await scheduler.submit(long())
    await asyncio.sleep(0.01)

if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
print("ended", flush=True)
"""


@pytest.mark.parametrize("store", ["store", "memory"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_loop_ends_with_a_scheduler_that_was_never_left(loop: str, store: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", FORGOTTEN, loop, store], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.splitlines() == ["the job has unwound", "ended"], run.stderr
    assert "the scheduler was not left" in run.stderr
