"""What a journal costs: acknowledged submits a second against raw SQLite with the same group commit, and coming back.

The raw contender has no jobs: tasks that hand a row over and wait until it is committed; one thread that commits all
rows that have come meanwhile, with the settings of ``SqliteStore`` (WAL, ``synchronous=FULL``). Wall-clock time: both
wait for the disk. asyncio.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from anyio import run, sleep_forever

from jobcancel import JobContext, Registry, Scheduler
from jobcancel.abc import Entry
from jobcancel.stores import SqliteStore

from .figures import Figure

SUBMITTERS: Final = {1: 200, 100: 5_000, 1000: 20_000}  # at once: submits in all
ROUNDS: Final = 5
OPEN, SETTLED = 100_000, 1_000_000

registry = Registry()


@registry.kind("waits", retain_count=None, on_restart="rerun", max_running=1)
async def waits(_job: JobContext, _number: int) -> None:
    await sleep_forever()


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:  # noqa: ARG001  # the raw contender is asyncio's
    """Measure acknowledged submits, in terms of the raw rows, and recovery."""
    for submitters, submits in SUBMITTERS.items():
        count = max(submits // 20, submitters) if quick else submits
        costs, ratios = list[float](), list[float]()
        for _ in range(1 if quick else ROUNDS):
            raw, ours = asyncio.run(raw_rate(submitters, count)), run(our_rate, submitters, count)
            ratios.append(raw / ours)
            costs.append(1e6 / ours)
        note = f"{1e6 / median(costs):.0f} acknowledged submits/s"
        yield Figure(f"submit, {submitters} at once", "us", tuple(costs), note=note)
        yield Figure(f"submit, {submitters} at once / raw SQLite", "ratio", tuple(ratios), aim=2.0)
    small = 50 if quick else 1
    for what, jobs in (("open", OPEN // small), ("settled", SETTLED // small)):
        took_s, grown = run(recovery, what, jobs)
        yield Figure(f"coming back with {jobs} {what} jobs", "s", (took_s,), note=f"{grown:.0f} MiB more at the peak")


async def drive(submitters: int, count: int, submit: Callable[[int], Awaitable[object]]) -> float:
    """Submit so many, so many at once; return submits a second."""
    numbers = iter(range(count))

    async def submitter() -> None:
        for number in numbers:
            await submit(number)

    gc.collect()
    begun = perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(submitters):
            group.create_task(submitter())
    return count / (perf_counter() - begun)


async def our_rate(submitters: int, count: int) -> float:
    """Submit to a scheduler whose jobs wait: what is measured is the submit."""
    with tempfile.TemporaryDirectory() as folder:
        async with Scheduler(registry, store=SqliteStore(Path(folder, "jobs.db"))) as scheduler:
            return await drive(submitters, count, lambda number: scheduler.submit(waits(number)))


async def raw_rate(submitters: int, count: int) -> float:
    """Insert rows of the same size with the same group commit."""
    body = {"seq": 1, "kind": "waits", "created_at": 1795345072.4201806, "args": [1], "state": "pending", "attempt": 1}
    waiting: list[tuple[str, asyncio.Future[None]]] = []
    wanted = asyncio.Event()

    async def submit(number: int) -> None:
        committed = asyncio.get_running_loop().create_future()
        waiting.append((f"job_{number:026}", committed))
        wanted.set()
        await committed

    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder, "raw.db"), isolation_level=None, check_same_thread=False)
        connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE entry (id INTEGER PRIMARY KEY, job_id TEXT, body TEXT); CREATE INDEX of_job ON entry (job_id)"
        )

        def commit(ids: list[str]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO entry (job_id, body) VALUES (?, ?)", [(each, json.dumps(body)) for each in ids]
            )
            connection.execute("COMMIT")

        async def write() -> None:
            while True:
                await wanted.wait()
                wanted.clear()
                batch, waiting[:] = list(waiting), []
                await asyncio.to_thread(commit, [job_id for job_id, _ in batch])
                for _, committed in batch:
                    committed.set_result(None)

        writer = asyncio.create_task(write())
        rate = await drive(submitters, count, submit)
        writer.cancel()
        connection.close()
        return rate


async def recovery(what: str, count: int) -> tuple[float, float]:
    """Write a journal of so many jobs and open it; return the seconds that took, and the MiB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "jobs.db")
        store = SqliteStore(path, synchronous="normal")
        store.open()
        for first in range(0, count, 10_000):
            store.append([_entry(what, number) for number in range(first, min(first + 10_000, count))])
        store.close()
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = perf_counter()
        async with Scheduler(registry, store=store) as scheduler:
            took = perf_counter() - begun
            assert len((await scheduler.find(limit=2)).jobs) == min(count, 2)  # noqa: S101  # they are there
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        return took, grown


def _entry(what: str, number: int) -> Entry:
    common = {"seq": number + 1, "kind": "waits", "created_at": 4e9, "attempt": 1}
    if what == "open":
        return Entry(f"job_{number:026}", {**common, "args": [number], "state": "pending"})
    end = {"state": "succeeded", "started": 0.001, "settled": 0.002, "final": True}
    return Entry(f"job_{number:026}", {**common, **end}, final=True)
