"""A disk that fails under a running scheduler: nothing is half answered, running jobs go on, and it comes back."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from jobcancel import JobContext, JobState, Outcome, Registry, Scheduler
from jobcancel._core.journal import Entry
from jobcancel._runtime.recovery import Recovered
from jobcancel.errors import StoreError
from jobcancel.stores import SqliteStore
from jobcancel.stores.sqlite_reading import reading

from .restarts import written

if sys.platform != "win32":
    import resource


class FailingStore(SqliteStore):
    """A journal whose disk fails while the test says so."""

    fails = False

    def append(self, entries: Sequence[Entry]) -> None:
        if self.fails:
            raise StoreError("the disk", "fsync: input/output error")
        super().append(entries)

    def query_only(self, only: bool) -> None:
        if self._connection is not None:  # else it was closed meanwhile
            self._connection.execute(f"PRAGMA query_only = {only}")


Break = Callable[[FailingStore, Path], AbstractContextManager[None]]


@contextmanager
def failing_fsync(store: FailingStore, path: Path) -> Generator[None]:
    store.fails = True
    yield
    store.fails = False


@contextmanager
def locked(store: FailingStore, path: Path) -> Generator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@contextmanager
def read_only(store: FailingStore, path: Path) -> Generator[None]:
    store.query_only(True)
    yield
    store.query_only(False)


@contextmanager
def limited(store: FailingStore, path: Path) -> Generator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(f"{path.name}-wal").stat().st_size, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


BREAKS = [failing_fsync, locked, read_only, limited]


@pytest.fixture(params=BREAKS, ids=lambda each: str(each.__name__))
def broken(request: pytest.FixtureRequest) -> Break:
    chosen: Break = request.param
    if chosen is limited and sys.platform == "win32":
        pytest.skip("NOT RUN: there is no limit of file sizes here")
    return chosen


class Jobs:
    """Jobs that stand where the test wants them."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.begun = 0
        self.go_on, self.submits, self.both_run = anyio.Event(), anyio.Event(), anyio.Event()
        self.errors: list[str] = []

        @self.registry.kind("work", max_running=2)
        async def work(job: JobContext, n: int = 0) -> int:
            self.begun += 1
            if self.begun == 2:
                self.both_run.set()
            job.progress(n)
            await self.go_on.wait()
            job.note("went on", n=n)
            return n

        @self.registry.kind("leaf")
        async def leaf(job: JobContext) -> None:
            raise AssertionError("it was not committed")

        @self.registry.kind("parent")
        async def parent(job: JobContext) -> str:
            await self.submits.wait()
            for ask in (job.submit(leaf()), job.batch([leaf(), leaf()])):
                try:
                    await ask
                except StoreError as error:
                    self.errors.append(type(error).__name__)
            return "went on"

        self.work, self.parent = work, parent


async def test_a_failing_disk_leaves_nothing_half_done_and_loses_nothing(
    anyio_backend: Any, broken: Break, tmp_path: Path
) -> None:
    path, jobs = tmp_path / "journal.db", Jobs()
    store = FailingStore(path, busy_timeout_s=0)
    async with Scheduler(jobs.registry, store=store) as scheduler:
        running = [await scheduler.submit(jobs.work(n)) for n in range(2)]
        parent = await scheduler.submit(jobs.parent())
        waiting = await scheduler.submit(jobs.work(2))
        await jobs.both_run.wait()
        await written(scheduler)
        known = {job.id for job in (await scheduler.find()).jobs}

        with broken(store, path):
            for _ in range(2):
                with pytest.raises(StoreError):
                    await scheduler.submit(jobs.work(3), key="again")
            for handle in (running[0], waiting):
                with pytest.raises(StoreError):
                    await handle.cancel()
            with pytest.raises(StoreError):
                await scheduler.cancel_many(kind="work")
            jobs.submits.set()
            assert await parent.result() == "went on"
            assert jobs.errors == ["StoreError", "StoreError"]
            assert {job.id for job in (await scheduler.find()).jobs} == known
            for handle in (*running, waiting):
                assert (await scheduler.get(handle.id)).cancel is None
            jobs.go_on.set()
            assert [await handle.result() for handle in running] == [0, 1]

        await written(scheduler)  # a commit that had begun before may still fail, and with it who waits for the next
        again = await scheduler.submit(jobs.work(3), key="again")
        assert again.created
        assert await again.result() == 3
        assert await waiting.result() == 2
        assert (await again.cancel()).outcome is Outcome.ALREADY_TERMINAL
    recovered = journal(jobs.registry, path)
    assert recovered.open == {}
    assert recovered.settled.keys() == known | {again.id}


# The others are over once SQLite begins with another connection or another log.
@pytest.mark.parametrize("broken", [failing_fsync, locked])
async def test_a_scheduler_left_while_the_disk_fails_raises(
    anyio_backend: Any, broken: Break, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, jobs = tmp_path / "journal.db", Jobs()
    store = FailingStore(path, busy_timeout_s=0)
    with ExitStack() as later, pytest.raises(StoreError):  # noqa: PT012  # it comes when the block is left
        async with Scheduler(jobs.registry, store=store) as scheduler:
            handles = [await scheduler.submit(jobs.work(n)) for n in range(2)]
            await jobs.both_run.wait()
            await written(scheduler)
            later.enter_context(broken(store, path))
            jobs.go_on.set()
            assert [await handle.result() for handle in handles] == [0, 1]
    assert "the last changes of 2 jobs could not be written" in caplog.text
    first = caplog.records[0].getMessage()
    assert first.startswith("journal ")
    assert first.endswith("; changes of the running jobs are written when it works again")

    async with Scheduler(jobs.registry, store=SqliteStore(path)) as scheduler:
        states = {job.state for job in (await scheduler.find()).jobs}
    assert states == {JobState.FAILED}  # the journal had them running


def journal(registry: Registry, path: Path) -> Recovered:
    with reading(path) as file:
        return Recovered(registry, 0.0).read(file.entries())
