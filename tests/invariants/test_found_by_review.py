"""What a review of the whole found broken, each as the shortest program that shows it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest

from jobcancel import (
    BlockingScheduler,
    FailureCode,
    JobContext,
    JobHandle,
    JobState,
    Outcome,
    Partial,
    Registry,
    Scheduler,
    Stage,
)
from jobcancel.errors import DeadlockError, UnknownKindError
from tests.invariants.conftest import Live, turns

ASYNCIO = pytest.mark.parametrize("anyio_backend", [("asyncio", {})], ids=["asyncio"])


async def test_settled_children_do_not_free_slots_that_they_never_held(anyio_backend: Any) -> None:
    live, running, peak = Live(max_running=1), 0, 0

    async def child(job: JobContext) -> None: ...

    async def root(job: JobContext) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await job.batch([kind(), kind(), kind()])
        await turns()
        running -= 1

    async with live.scheduler:
        kind = live.kind(child)
        for handle in [await live.submit(root) for _ in range(4)]:
            await handle.result()
    assert peak == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_deliveries_that_a_session_left_behind_do_not_stop_those_of_the_next(backend: str) -> None:
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


async def test_a_log_that_raises_costs_no_job(live: Live) -> None:
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


@ASYNCIO
async def test_a_native_timeout_of_the_jobs_own_is_no_foreign_cancel(anyio_backend: Any, live: Live) -> None:
    begun = anyio.Event()

    async def handler(job: JobContext) -> None:
        try:
            async with asyncio.timeout(None) as own, job.stage("work"):
                begun.set()
                timeouts.append(own)
                await anyio.sleep_forever()
        except TimeoutError:
            await anyio.sleep_forever()

    timeouts: list[asyncio.Timeout] = []
    handle = await live.submit(handler, stages=[Stage("work", on_cancel="defer")])
    await begun.wait()
    await handle.cancel()
    timeouts[0].reschedule(0)
    snapshot = await handle.wait()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.pierced) == (JobState.CANCELED, False)


async def test_a_compensation_that_shuts_the_scheduler_down_is_told(live: Live) -> None:
    async def handler(job: JobContext) -> None:
        job.add_compensation(live.scheduler.shutdown)
        raise LookupError

    snapshot = await (await live.submit(handler)).wait()
    assert [entry.status for entry in snapshot.history if entry.step == "shutdown"] == [FailureCode.CLEANUP_FAILED]


async def test_a_child_that_was_canceled_for_itself_does_not_undo_its_parents_success(live: Live) -> None:
    in_commit, release = anyio.Event(), anyio.Event()

    async def speculative(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = live.kind(speculative)

    async def pays(job: JobContext) -> str:
        child = await job.submit(kind())
        await child.cancel()
        await child.wait()
        async with job.stage("commit"):
            in_commit.set()
            await release.wait()
            return "paid"

    handle = await live.submit(pays, stages=[Stage("commit", on_cancel="defer", commits=True)])
    await in_commit.wait()
    assert (await handle.cancel()).outcome is Outcome.DEFERRED
    release.set()
    assert await handle.result() == "paid"


def test_a_job_that_closes_its_blocking_scheduler_is_told() -> None:
    registry, told = Registry(), list[type[BaseException]]()

    def close() -> None:
        with pytest.raises(DeadlockError) as error:
            jobs.close()
        told.append(error.type)

    @registry.kind("closes")
    async def closes(job: JobContext) -> None:
        close()
        await job.run_sync(close)

    with BlockingScheduler(registry) as jobs:
        jobs.submit(closes()).result()
    assert told == [DeadlockError, DeadlockError]


@ASYNCIO
async def test_a_native_cancel_of_the_last_step_does_not_tear_a_compensation(anyio_backend: Any, live: Live) -> None:
    undone: list[str] = []

    async def refund() -> None:
        await anyio.lowlevel.checkpoint()
        undone.append("refund")

    async def handler(job: JobContext) -> None:
        job.add_compensation(refund)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        raise LookupError

    await (await live.submit(handler)).wait()
    assert undone == ["refund"]


@pytest.mark.parametrize("policy", ["defer", "refuse"])
async def test_a_kinds_policy_shields_its_code_and_no_longer(live: Live, policy: str) -> None:
    returned = anyio.Event()

    async def child(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = live.kind(child)

    async def handler(job: JobContext) -> None:
        await job.submit(kind())
        returned.set()

    handle = await live.submit(handler, on_cancel=policy)
    await returned.wait()
    await turns()
    assert (await handle.cancel()).outcome is Outcome.CANCELING
    assert (await handle.wait()).state is JobState.CANCELED


async def test_a_cancel_that_the_kind_held_is_released_when_the_code_has_ended(live: Live) -> None:
    submitted, release = anyio.Event(), anyio.Event()

    async def child(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = live.kind(child)

    async def handler(job: JobContext) -> None:
        await job.submit(kind())
        submitted.set()
        await release.wait()

    handle = await live.submit(handler, on_cancel="defer")
    await submitted.wait()
    assert (await handle.cancel()).outcome is Outcome.DEFERRED
    release.set()
    assert (await handle.wait()).state is JobState.CANCELED


async def test_a_snapshot_shares_nothing_with_the_live_job(live: Live) -> None:
    async def forever(job: JobContext) -> None:
        job.note("seen", what="first")
        await anyio.sleep_forever()

    handle: JobHandle[None] = await live.scheduler.submit(live.kind(forever)(), labels={"team": "a"})
    await turns()
    snapshot = await live.scheduler.get(handle.id)
    cast("dict[str, str]", snapshot.labels)["team"] = "b"
    cast("dict[str, str]", snapshot.history[-1].details)["what"] = "forged"
    again = await live.scheduler.get(handle.id)
    assert (again.labels, again.history[-1].details) == ({"team": "a"}, {"what": "first"})


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
def test_limits_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Scheduler(Registry(), **options)


async def test_waiting_with_a_timeout_goes_by_the_schedulers_clock(live: Live) -> None:
    async def forever(job: JobContext) -> None:
        await anyio.sleep_forever()

    handle = await live.submit(forever)
    async with anyio.create_task_group() as group:
        waiting = partial(handle.wait, timeout_s=3600)
        group.start_soon(waiting)
        await turns()
        await live.clock.advance(3600)
    assert not (await live.scheduler.get(handle.id)).settled


@pytest.mark.parametrize("value", [1, Partial(1)], ids=["returned", "partial"])
async def test_a_job_that_leaves_a_scope_of_its_own_open_has_failed_whatever_it_returned(
    live: Live, value: object
) -> None:
    async def leaks(job: JobContext) -> object:
        anyio.CancelScope().__enter__()
        return value  # the job's own scope cannot be left: an error comes out after the value

    snapshot = await (await live.submit(leaks)).wait()
    assert snapshot.failure is not None
    assert snapshot.failure.code is FailureCode.HANDLER_ERROR
    assert (snapshot.state, snapshot.result) == (JobState.FAILED, None)
