"""Invariants 14, 15 and 17: jobs among themselves, and the host that enters, limits and leaves a scheduler."""

from __future__ import annotations

import logging
import subprocess
import sys
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from jobcancel import (
    BlockingScheduler,
    FailureCode,
    JobContext,
    JobHandle,
    JobState,
    Partial,
    Registry,
    Scheduler,
)
from jobcancel.errors import DeadlockError, UnknownKindError
from tests.invariants.conftest import Live, turns

COLOUR: ContextVar[str] = ContextVar("colour", default="none")


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), ZeroDivisionError(), BaseException("bare")])
async def test_14_an_exception_of_any_type_ends_only_its_job(live: Live, error: BaseException) -> None:
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
def test_14_a_keyboard_interrupt_ends_the_job_and_reaches_the_host(backend: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, backend], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.splitlines() == [
        "HANDLER_ERROR",
        "the other job unwound in order",
        "the host was interrupted",
    ], run.stderr


async def test_15_a_job_inherits_context_variables_and_leaks_none(anyio_backend: Any) -> None:
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


async def test_17_a_wait_for_itself_or_an_ancestor_is_a_deadlock_error(live: Live) -> None:
    refused: list[str] = []

    async def child(job: JobContext, parent_id: str) -> None:
        for job_id in (job.id, parent_id):
            with pytest.raises(DeadlockError):
                await live.scheduler.wait(job_id)
            refused.append("wait")
        with pytest.raises(DeadlockError):
            await live.scheduler.wait(parent_id, timeout_s=1)
        refused.append("wait with a timeout")

    kind = live.kind(child)

    async def parent(job: JobContext) -> None:
        await (await job.submit(kind(job.id))).result()

    handle = await live.submit(parent)
    await handle.result()
    assert refused == ["wait", "wait", "wait with a timeout"]


async def test_17_a_job_that_shuts_down_its_scheduler_is_refused(live: Live) -> None:
    async def handler(job: JobContext) -> str:
        with pytest.raises(DeadlockError):
            await live.scheduler.shutdown()
        return "refused"

    assert await (await live.submit(handler)).result() == "refused"


async def test_17_a_limited_kind_below_itself_is_refused(live: Live) -> None:
    async def recurses(job: JobContext, depth: int) -> str:
        with pytest.raises(DeadlockError):
            await job.submit(kind(depth + 1))
        return "refused"

    kind = live.kind(recurses, max_running=1)
    assert await (await live.scheduler.submit(kind(0))).result() == "refused"
    await turns()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_leftover_deliveries_do_not_block_the_next_session(backend: str) -> None:
    live = Live()

    async def quick(job: JobContext) -> None: ...

    async def forever(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = live.kind(quick)

    async def first() -> None:  # all end before their first step; most deliveries are still on their way
        async with live.scheduler:
            for _ in range(6000):
                await live.scheduler.submit(kind())
            await live.scheduler.cancel_many()

    async def second() -> None:
        async with live.scheduler:
            handle = await live.submit(forever)
            await turns(2)
            await handle.cancel()
            assert (await handle.wait()).state is JobState.CANCELED

    anyio.run(first, backend=backend)
    anyio.run(second, backend=backend)


async def test_a_log_handler_that_raises_ends_no_job(live: Live) -> None:
    def raises(record: logging.LogRecord) -> bool:
        raise OSError("the log's disk is full")

    async def fails(job: JobContext) -> None:
        raise LookupError

    logger = logging.getLogger("jobcancel")
    logger.addFilter(raises)
    try:
        assert (await (await live.submit(fails)).wait()).state is JobState.FAILED
    finally:
        logger.removeFilter(raises)


async def test_a_compensation_that_shuts_down_its_scheduler_is_refused(live: Live) -> None:
    async def handler(job: JobContext) -> None:
        job.add_compensation(live.scheduler.shutdown)
        raise LookupError

    snapshot = await (await live.submit(handler)).wait()
    assert [entry.status for entry in snapshot.history if entry.step == "shutdown"] == [FailureCode.CLEANUP_FAILED]


def test_a_job_that_closes_its_blocking_scheduler_is_refused() -> None:
    registry, refused = Registry(), list[type[BaseException]]()

    def close() -> None:
        with pytest.raises(DeadlockError) as error:
            jobs.close()
        refused.append(error.type)

    @registry.kind("closes")
    async def closes(job: JobContext) -> None:
        close()
        await job.run_sync(close)

    with BlockingScheduler(registry) as jobs:
        jobs.submit(closes()).result()
    assert refused == [DeadlockError, DeadlockError]


async def test_a_kind_of_another_registry_is_unknown(live: Live) -> None:
    async def stranger(job: JobContext) -> None: ...

    kind = Registry().kind("kind_1")(stranger)
    live.kind(stranger)  # takes the same name here
    with pytest.raises(UnknownKindError):
        await live.scheduler.submit(kind())
    assert (await live.scheduler.find()).jobs == ()


async def test_two_tasks_cannot_both_enter_a_scheduler(anyio_backend: Any) -> None:
    live, entered = Live(), list[str]()

    async def enter() -> None:
        try:
            async with live.scheduler:
                entered.append("entered")
                await turns()
        except RuntimeError:
            entered.append("refused")

    async with anyio.create_task_group() as group:
        group.start_soon(enter)
        group.start_soon(enter)
    assert sorted(entered) == ["entered", "refused"]


@pytest.mark.parametrize("options", [{"max_running": 0}, {"max_threads": 0}, {"drain_s": -1}])
def test_invalid_limits_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Scheduler(Registry(), **options)


@pytest.mark.parametrize("value", [1, Partial(1)], ids=["returned", "partial"])
async def test_a_job_that_leaves_its_own_scope_open_fails(live: Live, value: object) -> None:
    async def leaks(job: JobContext) -> object:
        anyio.CancelScope().__enter__()
        return value  # the job's own scope cannot be left: an error comes out after the value

    snapshot = await (await live.submit(leaks)).wait()
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.HANDLER_ERROR
    assert (snapshot.state, snapshot.result) == (JobState.FAILED, None)
