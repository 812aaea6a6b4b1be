"""Schedulers that come one after the other on one journal: left in order, or killed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from threading import Event, Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

import anyio.lowlevel

from jobcancel import CompensationContext, JobContext, Kind, Registry, Scheduler, Snapshot
from jobcancel._runtime.durable_journal import DurableJournal
from jobcancel.abc import Entry
from jobcancel.errors import StoreError
from jobcancel.stores.memory import MemoryStore
from jobcancel.testing import ManualClock

P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[Concatenate[JobContext, P], Coroutine[Any, Any, R]]


class TestedStore(MemoryStore):
    """A journal in memory that can be copied at any instant, held up, and made to fail."""

    __test__ = False

    def __init__(self, *earlier: Entry) -> None:
        super().__init__()
        self.committed: list[Entry] = [*earlier]  # all entries in the order of their commits
        self.broken: str = ""  # why nothing can be written now
        self.held = Event()  # a commit has come, and waits
        self._gate = Event()
        self._gate.set()
        self._copying = Lock()
        if earlier:
            self.open()
            super().append(earlier)
            self.close()

    def append(self, entries: Sequence[Entry]) -> None:
        if not self._gate.is_set():
            self.held.set()
            self._gate.wait()
        if self.broken:
            raise StoreError("in memory", self.broken)
        with self._copying:
            super().append(entries)
            self.committed += entries

    def hold(self) -> None:
        """Let no commit through until ``go_on``."""
        self.held.clear()
        self._gate.clear()

    @property
    def stands(self) -> bool:
        """Whether no commit gets through."""
        return not self._gate.is_set()

    def go_on(self) -> None:
        """Let commits through again."""
        self._gate.set()

    def killed(self) -> TestedStore:
        """Return a copy, as a kill would leave it now."""
        with self._copying:
            return TestedStore(*self.committed)


class Host:
    """A program that runs, ends in some way, and is started again with the same kinds.

    Attributes:
        registry: Its kinds.
        clock: The time, the same for every start.
        store: The journal that the next start will have.
        ran: What the handlers and compensations have recorded.
    """

    def __init__(self, **options: Any) -> None:
        self.registry, self.clock, self.store = Registry(), ManualClock(), TestedStore()
        self.options = options
        self.ran: list[str] = []

    def kind(self, name: str, /, **options: Any) -> Callable[[Handler[P, R]], Kind[P, R]]:
        """Register a kind that is run again after a restart, unless the options say otherwise."""
        options.setdefault("on_restart", "rerun")
        return self.registry.kind(name, **options)

    def compensation(self, *names: str) -> None:
        """Register compensations that record that they ran."""
        for name in names:
            self._compensation(name)

    def _compensation(self, name: str) -> None:
        async def undo(context: CompensationContext, what: str = "it") -> None:
            self.ran.append(f"{name} {what}{context.token.removeprefix(context.job_id)}")

        self.registry.compensation(name)(undo)

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncGenerator[Scheduler]:
        """Start it on its journal, and leave it in order."""
        inside: dict[str, Any] = {
            "registry": self.registry,
            "clock": self.clock,
            "store": self.store,
            **self.options,
            **options,
        }
        async with Scheduler(inside.pop("registry"), **inside) as scheduler:
            RUNNING.append(scheduler)
            try:
                yield scheduler
            finally:
                RUNNING.remove(scheduler)

    @asynccontextmanager
    async def killed(self, scheduler: Scheduler, **options: Any) -> AsyncGenerator[Scheduler]:
        """Commit all changes, kill the scheduler, and start the next one on what is left."""
        await written(scheduler)
        store = durable(scheduler)._store  # pyright: ignore[reportPrivateUsage]
        assert isinstance(store, TestedStore)
        async with self.running(store=store.killed(), **options) as next_one:
            yield next_one


async def written(scheduler: Scheduler) -> None:
    """Return when everything that has happened is in the journal."""
    await settle()
    writer = durable(scheduler).writer
    while writer.busy:
        writer._wake()  # pyright: ignore[reportPrivateUsage]  # nothing public writes at once
        await settle()


def durable(scheduler: Scheduler) -> DurableJournal:
    """Return the journal of a scheduler with a store."""
    journal = scheduler._dispatcher.journal  # pyright: ignore[reportPrivateUsage]
    assert isinstance(journal, DurableJournal)
    return journal


RUNNING: list[Scheduler] = []  # those of this test


async def ended(scheduler: Scheduler, job_id: str) -> Snapshot[Any]:
    """Return a job when it has settled, committed or not."""
    while not (snapshot := await scheduler.get(job_id)).settled:
        await anyio.lowlevel.checkpoint()
    return snapshot


async def settle() -> None:
    """Let everything run that is ready, what a commit makes ready too, unless the commit is held up."""
    left = 30
    while left:
        await anyio.lowlevel.checkpoint()
        left = 30 if any(_waits(scheduler) for scheduler in RUNNING) else left - 1


def _waits(scheduler: Scheduler) -> bool:
    """Whether something waits for a commit that will come."""
    journal = durable(scheduler)
    store, writer = journal._store, journal.writer  # pyright: ignore[reportPrivateUsage]
    if isinstance(store, TestedStore) and (store.stands or store.broken):
        return False
    todo, flight = writer._todo, writer._flight  # pyright: ignore[reportPrivateUsage]
    return bool(flight) or any(item.pending for item in todo.values())


async def never(job: JobContext) -> None:
    """A handler that is never done."""
    await anyio.sleep_forever()
