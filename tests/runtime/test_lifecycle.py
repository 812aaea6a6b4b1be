"""Entering and leaving a scheduler, and what still works when it has closed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import anyio
import pytest
from anyio import to_thread

from jobcancel import CancelCause, JobContext, JobHandle, JobState, Outcome, Registry, Scheduler
from jobcancel._runtime.session import Session
from jobcancel.errors import DeadlockError, SchedulerClosedError, WrongTaskError


async def at_once(job: JobContext, value: int = 1) -> int:
    return value


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


def test_constructing_needs_no_loop(registry: Registry) -> None:
    with pytest.raises(SchedulerClosedError):
        Scheduler(registry).from_thread.find()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_running": 0}, "max_running must be a whole number from 1, .*, or None for no limit, not 0$"),
        ({"max_threads": 0}, "max_threads must be a whole number from 1, .*, not 0$"),
        ({"drain_s": -1}, "drain_s must be a number of seconds from 0, .*, not -1$"),
        ({"drain_s": float("nan")}, "drain_s must be a number of seconds from 0, .*, not nan$"),
    ],
)
def test_invalid_limits_are_refused(registry: Registry, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scheduler(registry, **options)


async def test_entering_twice_is_refused_without_effect(registry: Registry, anyio_backend: Any) -> None:
    kind = registry.kind("work")(at_once)

    async with Scheduler(registry) as scheduler:
        with pytest.raises(RuntimeError, match="entered already"):
            async with scheduler:
                pass
        assert await (await scheduler.submit(kind())).result() == 1


async def test_leaving_without_entering_is_refused(registry: Registry, anyio_backend: Any) -> None:
    with pytest.raises(SchedulerClosedError, match="cannot leave"):
        await Scheduler(registry).__aexit__(None, None, None)


async def test_leaving_in_another_task_is_refused_without_effect(registry: Registry, anyio_backend: Any) -> None:
    kind = registry.kind("work")(at_once)
    scheduler = Scheduler(registry)
    refused = anyio.Event()

    async def leave() -> None:
        with pytest.raises(WrongTaskError, match="in one task"):
            await scheduler.__aexit__(None, None, None)
        refused.set()

    async with scheduler:
        async with anyio.create_task_group() as group:
            group.start_soon(leave)
        assert refused.is_set()
        assert await (await scheduler.submit(kind())).result() == 1


async def test_the_exception_of_the_body_is_raised_bare(registry: Registry, anyio_backend: Any) -> None:
    error = LookupError("of the body")
    kind = registry.kind("work")(forever)
    handles: list[JobHandle[None]] = []

    async def body() -> None:
        async with Scheduler(registry, drain_s=3600) as scheduler:
            handles.append(await scheduler.submit(kind()))
            raise error

    with pytest.raises(LookupError) as raised:
        await body()
    assert raised.value is error
    snapshot = await handles[0].wait()
    assert snapshot.state is JobState.CANCELED, "no drain for a body that raised"
    assert snapshot.cancel is not None
    assert (snapshot.cancel.cause, snapshot.cancel.reason) == (CancelCause.SHUTDOWN, "the scheduler shuts down")


async def test_a_closed_scheduler_can_be_read_and_not_changed(registry: Registry, anyio_backend: Any) -> None:
    kind, endless = registry.kind("work")(at_once), registry.kind("endless")(forever)
    async with Scheduler(registry) as scheduler:
        done = await scheduler.submit(kind(), key="k")
        await done.wait()
        canceled = await scheduler.submit(endless())

    assert await done.result() == 1
    assert (await scheduler.get(canceled.id)).state is JobState.CANCELED
    assert (await scheduler.wait(canceled.id, timeout_s=1)).settled
    assert [job.id for job in (await scheduler.find()).jobs] == [canceled.id, done.id]
    assert (await scheduler.cancel(done.id)).outcome is Outcome.ALREADY_TERMINAL
    assert (await scheduler.can_cancel(canceled.id)).outcome is Outcome.ALREADY_TERMINAL
    assert await scheduler.cancel_many() == {}
    async with scheduler.watch(done.id) as snapshots:
        assert [snapshot.state async for snapshot in snapshots] == [JobState.SUCCEEDED]
    await scheduler.shutdown()  # it has no effect
    with pytest.raises(SchedulerClosedError):
        await scheduler.submit(kind(), key="k")


_ASYNCIO: dict[str, Any] = {"backend": "asyncio"}
_UVLOOP: dict[str, Any] = {"backend": "asyncio", "backend_options": {"use_uvloop": True}}
_HAS_ALL = find_spec("uvloop") is not None and find_spec("trio") is not None  # a CI run has, or fails elsewhere
BACKENDS = [_ASYNCIO, _UVLOOP, {"backend": "trio"}] if _HAS_ALL else [_ASYNCIO]


@pytest.mark.parametrize("first", BACKENDS)
@pytest.mark.parametrize("second", BACKENDS)
def test_a_scheduler_may_be_entered_again_on_another_loop(
    registry: Registry, first: dict[str, Any], second: dict[str, Any]
) -> None:
    kind = registry.kind("work", timeout_s=3600)(at_once)
    scheduler = Scheduler(registry, max_running=1)
    ids: list[str] = []

    async def run() -> None:
        async with scheduler:
            for value in range(3):
                handle = await scheduler.submit(kind(value), key=f"{value}")
                assert await handle.result() == value
                ids.append(handle.id)
            stuck = await scheduler.submit("endless", compensations=[int])
            assert not (await stuck.wait(timeout_s=0)).settled

    registry.kind("endless")(forever)
    anyio.run(run, **first)
    anyio.run(run, **second)
    assert ids[:3] == ids[3:], "the keys are remembered"


async def test_two_concurrent_shutdowns_end_once(registry: Registry, anyio_backend: Any) -> None:
    kind = registry.kind("work")(forever)

    async with Scheduler(registry) as scheduler:
        handle = await scheduler.submit(kind())
        async with anyio.create_task_group() as group:
            group.start_soon(scheduler.shutdown)
            group.start_soon(scheduler.shutdown)
        await scheduler.shutdown()
        assert [entry.step for entry in (await handle.wait()).history].count("cancel_accepted") == 1
        with pytest.raises(SchedulerClosedError):
            await scheduler.submit(kind())


async def test_a_job_may_shut_down_only_another_scheduler(registry: Registry, anyio_backend: Any) -> None:
    async with Scheduler(registry) as scheduler, Scheduler(registry) as other:

        @registry.kind("work")
        async def work(job: JobContext) -> str:
            with pytest.raises(DeadlockError, match="shut down the scheduler that runs it"):
                await scheduler.shutdown()
            await other.shutdown()
            return "refused"

        assert await (await scheduler.submit(work())).result() == "refused"
        with pytest.raises(SchedulerClosedError):
            await other.submit(work())


async def test_code_that_outlives_its_job_may_shut_down(registry: Registry, anyio_backend: Any) -> None:
    go, over = anyio.Event(), anyio.Event()

    async with anyio.create_task_group() as group, Scheduler(registry) as scheduler:

        async def left_behind() -> None:
            await go.wait()
            await scheduler.shutdown()
            over.set()

        @registry.kind("work")
        async def work(job: JobContext, start: Callable[..., object]) -> None:
            start(left_behind)

        await (await scheduler.submit(work(group.start_soon))).wait()
        go.set()
        await over.wait()


async def test_other_threads_are_refused_before_the_scheduler_runs(
    registry: Registry, anyio_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, begin = Scheduler(registry), Session.begin

    async def begins(session: Session) -> None:
        with pytest.raises(SchedulerClosedError):
            await to_thread.run_sync(scheduler.from_thread.find)
        await begin(session)

    monkeypatch.setattr(Session, "begin", begins)
    async with scheduler:
        assert (await to_thread.run_sync(scheduler.from_thread.find)).jobs == ()
