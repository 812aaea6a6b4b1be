"""Bytes a job, live and settled, and how long a full collection of garbage stops everything.

Each size in a process of its own (``python -m benchmarks.memory``); bytes are the growth of the resident memory. What
every job needs is measured beside: a task of the loop, with one scope in it, that waits.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

import anyio

from jobcancel import JobContext, Registry, Scheduler

from .figures import Figure
from .rounds import BACKENDS
from .work import Live, native

SIZES: Final = (10_000, 100_000, 1_000_000)
ROUNDS: Final = 3
BYTES: Final = {"live": (2700.0, 2200.0), "settled": (300.0, 190.0)}
PAUSE_MS: Final = {("settled", 1_000_000): (50.0, 10.0)}
ENOUGH: Final = 100_000  # below that the allocator's own steps are in the figure

registry = Registry()


@registry.kind("live")
async def waits(_job: JobContext, live: Live) -> None:
    """Wait for ever."""
    await live.wait_for_ever()


@registry.kind("settled", retain_count=None)
async def ends(_job: JobContext) -> None:
    """Do nothing, and stay known."""


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:
    """Hold so many jobs."""
    for what in ("live", "settled"):
        for jobs in (2_000,) if quick else SIZES:
            rounds = [_probed(what, jobs, backend) for _ in range(1 if quick else ROUNDS)]
            target = BYTES[what] if jobs >= ENOUGH else (None, None)
            yield Figure(f"a {what} job, of {jobs}", "B", tuple(a_job for a_job, _ in rounds), *target)
            pauses = tuple(pause_s * 1e3 for _, pause_s in rounds)
            yield Figure(f"a full collection, {jobs} {what}", "ms", pauses, *PAUSE_MS.get((what, jobs), (None, None)))
    jobs = 2_000 if quick else ENOUGH
    rounds = [_probed("floor", jobs, backend) for _ in range(1 if quick else ROUNDS)]
    yield Figure(f"floor: a live task and a scope, of {jobs}", "B", tuple(a_task for a_task, _ in rounds))


def _probed(what: str, jobs: int, backend: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.memory", what, str(jobs), backend]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    a_job, pause_s = json.loads(found)
    return a_job, pause_s


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def holding(what: str, jobs: int) -> AsyncGenerator[None]:
    """So many jobs, live or settled."""
    async with Scheduler(registry) as scheduler:
        live = Live(jobs)
        if what == "live":
            for _ in range(jobs):
                await scheduler.submit(waits(live))
            await live.all.wait()
        else:
            for _ in range(0, jobs, 1_000):
                handles = [await scheduler.submit(ends()) for _ in range(1_000)]
                for handle in handles:
                    await handle.result()
        yield


async def probe(what: str, jobs: int, backend: str) -> tuple[float, float]:
    """Hold so many; return the bytes of each, and the seconds of a full collection."""
    held = native(backend).holding(jobs) if what == "floor" else holding(what, jobs)
    gc.collect()
    before = resident()
    async with held:
        gc.collect()
        a_job = (resident() - before) / jobs
        begun = perf_counter()
        gc.collect()
        pause_s = perf_counter() - begun
    return a_job, pause_s


if __name__ == "__main__":
    _backend, _options = BACKENDS[sys.argv[3]]
    _found = anyio.run(probe, sys.argv[1], int(sys.argv[2]), sys.argv[3], backend=_backend, backend_options=_options)
    print(json.dumps(_found))
