"""What fails in one timer, delivery, commit or clock ends nothing else."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import JobContext, Registry, Scheduler
from jobcancel._core.journal import JobJournal
from jobcancel._runtime.clock import Timers
from jobcancel._runtime.journal_writer import JournalWriter
from jobcancel._runtime.table import JobTable
from jobcancel._runtime.threads import StoreThread
from jobcancel.stores import MemoryStore
from jobcancel.testing import ManualClock
from tests.runtime.restarts import Host, never, settle


async def test_a_failing_timer_callback_is_logged_and_others_run(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    timers, made = Timers(clock), list[str]()
    timers.add(1, lambda: made.append("before"))
    timers.add(1, lambda: 1 / 0)
    timers.add(1, lambda: made.append("beside"))
    timers.add(2, lambda: made.append("after"))
    async with anyio.create_task_group() as group:
        group.start_soon(timers.run)
        await anyio.wait_all_tasks_blocked()
        await clock.advance(1)
        await clock.advance(1)
        timers.close()
    assert made == ["before", "beside", "after"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    assert "a timer's callback has failed" in caplog.text


class OddClock(ManualClock):
    """A clock that raises once when it is slept by."""

    fails = True

    async def sleep_until(self, deadline: float) -> None:
        if self.fails:
            self.fails = False
            raise OSError("no clock")
        await super().sleep_until(deadline)


async def test_a_failing_clock_is_retried(
    anyio_backend: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobcancel._runtime.clock._RETRY_S", 0)
    clock = OddClock()
    timers, made = Timers(clock), anyio.Event()
    timers.add(1, made.set)
    async with anyio.create_task_group() as group:
        group.start_soon(timers.run)
        await anyio.wait_all_tasks_blocked()
        await clock.advance(1)
        await made.wait()
        timers.close()
    assert "the clock has failed" in caplog.text


async def test_a_failing_delivery_blocks_no_other(
    registry: Registry, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kind = registry.kind("work")(never)
    first, second = await scheduler.submit(kind()), await scheduler.submit(kind())
    await anyio.wait_all_tasks_blocked()
    broken = scheduler._dispatcher.table.live[first.id]  # pyright: ignore[reportPrivateUsage]

    original = type(broken).deliver

    def deliver(job: Any, now: float) -> bool:
        if job is broken:
            raise LookupError("as asked")
        return original(job, now)

    with monkeypatch.context() as patched:
        patched.setattr(type(broken), "deliver", deliver)
        await scheduler.cancel_many()
        assert (await second.wait()).state == "canceled"
    assert "a delivery has failed" in caplog.text
    assert not (await first.wait(timeout_s=0)).settled
    scheduler._dispatcher.deliveries.deliver(broken)  # pyright: ignore[reportPrivateUsage]
    assert (await first.wait()).state == "canceled"


async def test_an_error_while_settling_fails_the_job_and_frees_its_slot(
    registry: Registry, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @registry.kind("work", max_running=1)
    async def work(job: JobContext, number: int) -> int:
        return number

    def fails(*_: object) -> None:
        raise LookupError("as asked")

    with monkeypatch.context() as patched:
        patched.setattr("jobcancel._runtime.runner._finish", fails)
        broken = await (await scheduler.submit(work(1))).wait()
    assert broken.failure is not None
    assert (broken.state, broken.failure.code) == ("failed", "HANDLER_ERROR")
    assert "could not be ended in order" in broken.failure.message
    assert "could not be ended in order" in caplog.text
    assert await (await scheduler.submit(work(2))).result() == 2


async def test_an_entry_that_cannot_be_built_blocks_no_other_commit(
    anyio_backend: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host()
    kind = host.kind("work")(never)
    async with host.running() as scheduler:
        bad = await scheduler.submit(kind())
        await settle()
        original = JobJournal.changes

        def entry(pages: Any) -> Any:
            if pages.job.id == bad.id:
                raise LookupError("as asked")
            return original(pages)

        with monkeypatch.context() as patched:
            patched.setattr(JobJournal, "changes", entry)
            cancels = await _errors_of(bad.cancel)
            good = await scheduler.submit(kind())
            assert (await good.cancel()).accepted
        assert cancels == "StoreError"
        assert f"the journal of job {bad.id} cannot be written" in caplog.text
        assert "LookupError: as asked" in caplog.text
        assert (await bad.cancel()).accepted


async def _errors_of(call: Any) -> str:
    try:
        await call()
    except Exception as error:
        return type(error).__name__
    return "none"


@pytest.mark.parametrize("limited", [False, True], ids=["alone", "before_one_that_waits"])
async def test_a_job_settles_though_the_clock_fails_at_its_end(
    registry: Registry, anyio_backend: Any, limited: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class BrokenClock(ManualClock):
        broken = False

        def monotonic(self) -> float:
            if self.broken:
                raise OSError("no clock")
            return super().monotonic()

    clock, begun, go = BrokenClock(), anyio.Event(), anyio.Event()

    @registry.kind("work", max_running=1 if limited else None)
    async def work(job: JobContext, number: int) -> int:
        begun.set()
        await go.wait()
        return number

    async with Scheduler(registry, clock=clock) as scheduler:
        first = await scheduler.submit(work(1))
        second = await scheduler.submit(work(2)) if limited else None
        await begun.wait()
        clock.broken = True
        go.set()
        assert await first.result() == 1
        if second is not None:
            assert await second.result() == 2
        clock.broken = False
    assert "the clock has failed" in caplog.text


async def test_a_cancel_after_the_code_ended_is_not_shown_as_delivered(
    registry: Registry, scheduler: Scheduler
) -> None:
    undoing, go = anyio.Event(), anyio.Event()

    async def undo() -> None:
        undoing.set()
        await go.wait()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation(undo)
        raise LookupError("as asked")

    handle = await scheduler.submit(work())
    await undoing.wait()
    assert (await handle.cancel()).accepted
    await anyio.wait_all_tasks_blocked()
    go.set()
    snapshot = await handle.wait()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.delivered_at) == ("failed", None)
    assert {entry.step for entry in snapshot.history} == {"started", "undo", "cancel_accepted", "failed"}


async def test_a_failing_service_task_is_logged_and_the_scheduler_exits(
    registry: Registry, anyio_backend: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(_: Timers) -> None:
        raise LookupError("as asked")

    monkeypatch.setattr(Timers, "run", fails)

    @registry.kind("work")
    async def work(job: JobContext) -> str:
        return "done"

    async with Scheduler(registry) as scheduler:
        assert await (await scheduler.submit(work())).result() == "done"
    assert "jobcancel timers has failed" in caplog.text
    assert "LookupError: as asked" in caplog.text


async def test_a_job_that_cannot_be_packed_frees_its_slot(
    registry: Registry, anyio_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    @registry.kind("work", max_running=1)
    async def work(job: JobContext, number: int) -> int:
        return number

    def fails(*_: object) -> None:
        raise LookupError("as asked")

    async with Scheduler(registry) as scheduler:
        with monkeypatch.context() as patched:
            patched.setattr(JobTable, "settle", fails)
            assert await (await scheduler.submit(work(1))).result() == 1
            await anyio.wait_all_tasks_blocked()
        assert await (await scheduler.submit(work(2))).result() == 2


async def test_timers_and_journal_closed_before_they_run_end_at_once(
    registry: Registry, anyio_backend: Any, clock: ManualClock
) -> None:
    timers = Timers(clock)
    timers.close()
    await timers.run()
    async with Scheduler(registry) as scheduler:
        dispatcher = scheduler._dispatcher  # pyright: ignore[reportPrivateUsage]
        writer = JournalWriter(dispatcher, MemoryStore(), StoreThread(dispatcher.loop))
        writer.stop()
        await writer.run()
