"""What each thing adds to a job that uses it, and that it adds nothing to one that does not.

The plain job is of a kind without any option in a registry of its own; "beside" is the same plain job where another
kind of the registry uses everything.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import anyio

from jobcancel import JobContext, JobHandle, Kind, Registry, Scheduler
from jobcancel.stores import MemoryStore, SqliteStore

from . import work
from .figures import Figure
from .rounds import Contender, Stopwatch, measure, ratio

JOBS, ROUNDS = 2_000, 7
PLAIN: Final = "plain"


def _nothing() -> None:
    """Undo nothing."""


async def notes(job: JobContext) -> None:
    """Write history."""
    job.note("step")


async def compensates(job: JobContext) -> None:
    """Register an undo that never runs."""
    job.add_compensation(_nothing)


async def plain(_job: JobContext) -> None:
    """Do nothing."""


class Using:
    """One way to use a scheduler."""

    def __init__(
        self, handler: Any = plain, *, key: bool = False, watch: bool = False, store: str = "", **options: Any
    ):
        self.registry = Registry()
        self.kind: Kind[[], None] = self.registry.kind("job", **options)(handler)
        self._key, self._watch, self._store = key, watch, store

    async def __call__(self, jobs: int, watch: Stopwatch) -> None:
        with tempfile.TemporaryDirectory() as folder:
            stores = {"": None, "memory": MemoryStore(), "sqlite": SqliteStore(Path(folder, "jobs.db"))}
            async with Scheduler(self.registry, store=stores[self._store]) as scheduler:
                if self._watch:
                    await self._watched(scheduler, jobs, watch)
                    return
                with watch:
                    handles = await self._submitted(scheduler, jobs)
                    for handle in handles:
                        await handle.result()

    async def _submitted(self, scheduler: Scheduler, jobs: int) -> list[JobHandle[None]]:
        if self._key:
            return [await scheduler.submit(self.kind(), key=str(number)) for number in range(jobs)]
        if not self._store:
            return [await scheduler.submit(self.kind()) for _ in range(jobs)]
        handles: list[JobHandle[None]] = []

        async def submit() -> None:
            handles.append(await scheduler.submit(self.kind()))

        async with anyio.create_task_group() as group:  # a commit is shared by all that wait for it
            for _ in range(jobs):
                group.start_soon(submit)
        return handles

    async def _watched(self, scheduler: Scheduler, jobs: int, watch: Stopwatch) -> None:
        with watch:
            for _ in range(jobs):
                handle = await scheduler.submit(self.kind())
                async with scheduler.watch(handle.id) as changes:
                    async for _snapshot in changes:
                        pass


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:
    """Compare each with the plain job."""
    beside = Using()
    beside.registry.kind("other", max_running=1, max_pending=5, timeout_s=5, grace_s=1, expires_s=9)(plain)
    contenders: dict[str, Contender] = {
        PLAIN: Using(),
        "beside a kind that uses it all": beside,
        "a note in the history": Using(notes),
        "one stage": work.settling(work.staged),
        "watched to its end": Using(watch=True),
        "a key": Using(key=True),
        "a limit that is never reached": Using(max_running=10**9),
        "a compensation": Using(compensates),
        "a timeout": Using(timeout_s=60),
        "another grace": Using(grace_s=60),
        "a journal in memory": Using(store="memory"),
        "a journal in SQLite, fsync": Using(store="sqlite"),
    }
    rounds = measure(contenders, 100 if quick else JOBS, 2 if quick else ROUNDS, backend)
    for name in contenders:
        if name == "one stage":
            values = tuple(1 + (each[name].cpu_s / each[PLAIN].cpu_s - 1) / work.STAGES for each in rounds)
            yield Figure(f"{name} / {PLAIN}", "ratio", values)
        elif name != PLAIN:
            yield ratio(rounds, name, name, PLAIN)
