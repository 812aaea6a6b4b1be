"""What goes into one commit, what waits for the next, compaction, and a store that stays broken."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio import from_thread
from anyio.lowlevel import checkpoint

from jobcancel import CancelCause, JobContext, JobState, Outcome, Registry, Scheduler, Stage, Verdict
from jobcancel._core.decision import Cancellation
from jobcancel._runtime import journal_writer
from jobcancel._runtime.job import Job
from jobcancel._runtime.job_persistence import persistence_of
from jobcancel._runtime.journal_writer import PendingCommit
from jobcancel._runtime.loops import current_loop
from jobcancel._runtime.recovery import Recovered
from jobcancel.abc import Entry
from jobcancel.errors import StoreError
from jobcancel.stores import MemoryStore
from tests.runtime.restarts import durable

from .gated import GatedStore
from .restarts import Host, ended, never, settle, written


def inside(scheduler: Scheduler, job_id: str) -> Job:
    return scheduler._dispatcher.table.live[job_id]  # pyright: ignore[reportPrivateUsage]


async def until(true: Any) -> None:
    while not true():
        await checkpoint()


def test_a_final_tombstone_removes_the_job() -> None:
    recovered = Recovered(Registry(), 0.0)
    body = {"seq": 1, "kind": "work", "created_at": 0.0, "state": "pending", "attempt": 1}
    recovered.read([Entry("job_1", body), Entry("job_1", None, final=True)])
    assert (recovered.open, recovered.settled, recovered.seq) == ({}, {}, 1)


async def test_a_compensation_is_committed_before_a_concurrent_verdict(anyio_backend: Any) -> None:
    host, begun, register, registered = Host(), anyio.Event(), anyio.Event(), anyio.Event()
    host.compensation("refund")
    store = GatedStore()

    @host.kind("work")
    async def work(job: JobContext) -> None:
        begun.set()
        await register.wait()
        job.add_compensation("refund")
        registered.set()
        await anyio.sleep_forever()

    verdicts: list[Verdict] = []
    async with host.running(store=store) as scheduler, anyio.create_task_group() as group:
        handle = await scheduler.submit(work())
        await begun.wait()
        await written(scheduler)
        store.closed = True

        async def cancel() -> None:
            verdicts.append(await handle.cancel())

        group.start_soon(cancel)
        await store.arrived()
        register.set()
        await registered.wait()
        store.open_gate()
        await until(lambda: verdicts)
        await handle.wait()
    assert verdicts[0].outcome is Outcome.CANCELING
    assert host.ran == ["refund it:refund:1"]


async def test_a_cancel_wins_over_a_committing_stage_of_the_same_commit(anyio_backend: Any) -> None:
    host, go_in, at_it = Host(), anyio.Event(), anyio.Event()
    store = GatedStore()

    @host.kind("work", stages=[Stage("paying", commits=True)])
    async def work(job: JobContext) -> None:
        await go_in.wait()
        at_it.set()
        async with job.stage("paying"):
            raise AssertionError("the stage began")

    other = host.kind("other")(never)
    async with host.running(store=store) as scheduler, anyio.create_task_group() as group:
        handle = await scheduler.submit(work())
        await written(scheduler)
        store.closed = True
        group.start_soon(scheduler.submit, other())
        await store.arrived()
        go_in.set()
        await at_it.wait()
        group.start_soon(handle.cancel)
        await _turns()
        store.open_gate()
        assert (await handle.wait()).state is JobState.CANCELED


async def _turns() -> None:
    for _ in range(20):
        await checkpoint()


async def test_a_cancel_wins_over_a_start_in_the_same_commit(anyio_backend: Any) -> None:
    host, release = Host(max_running=1), anyio.Event()
    store = GatedStore()

    @host.kind("first", on_restart="fail")
    async def first(job: JobContext) -> None:
        await release.wait()

    @host.kind("once", on_restart="fail")
    async def once(job: JobContext) -> None:
        raise AssertionError("it began")

    async with host.running(store=store) as scheduler, anyio.create_task_group() as group:
        blocker = await scheduler.submit(first())
        handle = await scheduler.submit(once())
        await written(scheduler)
        store.closed = True
        group.start_soon(scheduler.submit, first())
        await store.arrived()
        release.set()
        await ended(scheduler, blocker.id)
        await until(lambda: inside(scheduler, handle.id).state is JobState.RUNNING)
        group.start_soon(handle.cancel)
        await _turns()
        store.open_gate()
        assert (await handle.wait()).state is JobState.CANCELED


async def test_a_cancel_before_the_interruption_of_a_stopped_job_wins(anyio_backend: Any) -> None:
    host = Host()
    kind = host.kind("work")(never)
    async with host.running() as scheduler:
        handle = await scheduler.submit(kind())
        await settle()
        job = inside(scheduler, handle.id)
        persistence_of(job).stop()
        job.host.cancel(job, Cancellation(CancelCause.TIMEOUT))  # before the loop's next turn, in which it is cut
        assert (await handle.wait()).state is JobState.FAILED


class PokedStore(MemoryStore):
    """A store that gets a change while it is compacted, or that fails to compact."""

    poke: Any = None
    compacted = 0

    def compact(self) -> None:
        self.compacted += 1
        if isinstance(self.poke, Exception):
            raise self.poke
        if self.poke is not None:
            poke, self.poke = self.poke, None
            from_thread.run_sync(poke)


async def test_changes_during_the_final_compaction_are_committed(anyio_backend: Any) -> None:
    host, store = Host(max_running=1), PokedStore()
    kind = host.kind("work")(never)
    async with host.running(store=store) as scheduler:
        await (await scheduler.submit(kind())).cancel()
        running, waiting = await scheduler.submit(kind()), await scheduler.submit(kind())
        await settle()
        job = inside(scheduler, waiting.id)
        store.poke = job.changed
    assert store.compacted == 1
    assert (await running.wait()).state is JobState.PENDING


async def test_a_failed_compaction_does_not_stop_the_journal(
    anyio_backend: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal_writer, "_COMPACT", 1)
    host, store = Host(), PokedStore()
    store.poke = OSError("no room")

    @host.kind("work")
    async def work(job: JobContext) -> None: ...

    async with host.running(store=store) as scheduler:
        await (await scheduler.submit(work())).wait()
        await written(scheduler)
        await until(lambda: store.compacted == 1)
        await (await scheduler.submit(work())).wait()
    assert "not compacted: journal" in caplog.text
    assert "no room" in caplog.text


async def test_a_pending_commit_fails_at_exit_if_the_store_stays_broken(anyio_backend: Any) -> None:
    host, errors = Host(), list[StoreError]()
    kind = host.kind("work")(never)

    async def waits(commit: PendingCommit[None]) -> None:
        try:
            await commit.answer()
        except StoreError as error:
            errors.append(error)

    async def breaks() -> None:
        async with host.running() as scheduler:
            handle = await scheduler.submit(kind())
            await written(scheduler)
            host.store.broken = "the disk is full"
            job = inside(scheduler, handle.id)
            commit: PendingCommit[None] = durable(scheduler).writer.commit(persistence_of(job), patient=True)
            group.start_soon(waits, commit)
            job.note("later", 0.0)

    async with anyio.create_task_group() as group:
        with pytest.raises(StoreError, match="the disk is full"):
            await breaks()
    assert [error.problem for error in errors] == ["the disk is full"]


async def test_an_error_after_a_commit_is_raised_to_its_waiter(anyio_backend: Any) -> None:
    def fails() -> None:
        raise LookupError("the host's clock")

    for ends in ("committed", "failed"):
        commit = PendingCommit(current_loop().wakeup(), fails, fails)
        commit.committed() if ends == "committed" else commit.failed(StoreError("journal", "the disk is full"))
        with pytest.raises(LookupError):
            await commit.answer()
