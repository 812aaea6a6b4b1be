"""Schedulers that come one after the other on one journal: left in order, or killed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from threading import Event, Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

import anyio.lowlevel

from jobcancel import JobContext, Kind, Registry, Scheduler
from jobcancel._core.journal import Entry
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
        self.kept: list[Entry] = [*earlier]  # all entries in the order of their commits
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
            self.kept += entries

    def hold(self) -> None:
        """Let no commit through until ``go_on``."""
        self.held.clear()
        self._gate.clear()

    def go_on(self) -> None:
        """Let commits through again."""
        self._gate.set()

    def killed(self) -> TestedStore:
        """What a kill would leave now."""
        with self._copying:
            return TestedStore(*self.kept)


class Host:
    """A program that runs, ends in some way, and is started again with the same kinds.

    Attributes:
        registry: Its kinds.
        clock: The time, the same for every start.
        store: The journal that the next start will have.
        ran: What the handlers and compensations have to say.
    """

    def __init__(self, **options: Any) -> None:
        self.registry, self.clock, self.store = Registry(), ManualClock(), TestedStore()
        self.options = options
        self.ran: list[str] = []

    def kind(self, name: str, /, **options: Any) -> Callable[[Handler[P, R]], Kind[P, R]]:
        """Register a kind that is run again after a restart, unless the options say otherwise."""
        return self.registry.kind(name, **{"on_restart": "rerun", **options})

    def compensation(self, *names: str) -> None:
        """Register compensations that say that they ran."""
        for name in names:
            self._compensation(name)

    def _compensation(self, name: str) -> None:
        async def undo(context: Any, what: str = "") -> None:
            self.ran.append(f"{name} {what} {context.token.removeprefix(context.job_id)}".replace("  ", " "))

        self.registry.compensation(name)(undo)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Scheduler]:
        """Start it, and leave it in order."""
        async with Scheduler(self.registry, clock=self.clock, store=self.store, **self.options) as scheduler:
            yield scheduler

    def restarted(self, **options: Any) -> Host:
        """The same program as a kill would leave it now, with kinds of its own and nothing said yet."""
        other = Host(**{**self.options, **options})
        other.clock, other.store = self.clock, self.store.killed()
        return other


async def written(scheduler: Scheduler) -> None:
    """Return when everything that has happened is in the journal."""
    journal = scheduler._kernel.durable.journal  # type: ignore[union-attr]
    while journal._todo or journal._flight:
        journal._wanted.set()
        await anyio.lowlevel.checkpoint()
