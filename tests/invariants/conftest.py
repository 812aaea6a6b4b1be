"""A scheduler to try the invariants on, and a short way to submit handlers to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Concatenate, Final, ParamSpec

import anyio.lowlevel
import pytest

from jobcancel import JobContext, JobHandle, Kind, Registry, Scheduler
from jobcancel._runtime.dispatcher import Dispatcher
from jobcancel._runtime.durable_journal import DurableJournal
from jobcancel._runtime.job import Job
from jobcancel.abc import Store
from jobcancel.stores.sqlite import SqliteStore
from jobcancel.testing import ManualClock

P = ParamSpec("P")

# The tests that say nothing of a scheduler with a store, each with its reason; ``test_durable`` has its counterpart.
MEMORY_ALONE: Final = {
    "test_1_nothing_runs_between_decision_and_transition": "with a store an answer waits for its commit",
    "test_9_a_cancel_between_admission_and_first_step_is_not_lost": "a job begins while its submit's answer travels",
    "test_9_a_cancel_in_the_same_turn_as_a_stages_end_is_not_lost": "a request is decided turns later, at its commit",
}


class Live:
    """A running scheduler, its registry and its clock."""

    now: ClassVar[list[Live]] = []  # those of this test
    new_store: ClassVar[Callable[[Live], Store | None]] = lambda _: None  # set by the fixture ``store``

    def __init__(self, **options: Any) -> None:
        self.registry, self.clock = Registry(), ManualClock()
        options.setdefault("store", self.new_store())
        self.scheduler = Scheduler(self.registry, clock=self.clock, **options)
        self.now.append(self)
        self._names = (f"kind_{number}" for number in count(1))

    def kind(
        self, handler: Callable[Concatenate[JobContext, P], Coroutine[Any, Any, Any]], **options: Any
    ) -> Kind[P, Any]:
        """Register ``handler`` as a kind of its own."""
        return self.registry.kind(next(self._names), **options)(handler)

    async def submit(
        self,
        handler: Callable[[JobContext], Coroutine[Any, Any, Any]],
        *,
        compensations: Iterable[Callable[[], object]] = (),
        **options: Any,
    ) -> JobHandle[Any]:
        """Submit ``handler`` as a kind of its own."""
        kind = self.kind(handler, **options)
        return await self.scheduler.submit(kind(), compensations=compensations)

    def inside(self, handle: JobHandle[Any]) -> Job:
        """The live job behind a handle."""
        return self.dispatcher.table.live[handle.id]

    @property
    def waits(self) -> bool:
        """Whether something waits for a commit."""
        journal = self.dispatcher.journal
        if not isinstance(journal, DurableJournal):
            return False
        writer = journal.writer  # nothing public tells what it has to do
        todo, flight = writer._todo, writer._flight  # pyright: ignore[reportPrivateUsage]
        return bool(flight) or any(item.pending for item in todo.values())

    @property
    def dispatcher(self) -> Dispatcher:
        """The scheduler's inside."""
        return self.scheduler._dispatcher  # pyright: ignore[reportPrivateUsage]  # nothing public counts a task's steps


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "anyio_backend" in metafunc.fixturenames:
        reason = MEMORY_ALONE.get(metafunc.function.__name__)
        metafunc.parametrize("store", ["memory"] if reason else ["memory", "sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scheduler of the test has a journal in a file of its own, or none."""
    Live.now.clear()
    if getattr(request, "param", "memory") == "sqlite":
        paths = (tmp_path / f"{number}.db" for number in count(1))

        def new_store(_: Live) -> Store:
            return SqliteStore(next(paths), synchronous="normal")

        monkeypatch.setattr(Live, "new_store", new_store)


@pytest.fixture
async def live(anyio_backend: Any) -> AsyncGenerator[Live]:
    """A scheduler that runs for one test."""
    live = Live()
    async with live.scheduler:
        yield live


async def turns(count: int = 20) -> None:
    """Let everything that is ready run, again and again, what a commit makes ready too."""
    left = count
    while left:
        await anyio.lowlevel.checkpoint()
        left = count if any(live.waits for live in Live.now) else left - 1
