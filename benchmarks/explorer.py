"""What the explorer costs: runs a second, and how the work grows with the points of a job.

A job of so many awaits, one after the other, with nothing to check; asyncio. Work is counted in points that were
driven, which no other load on the machine changes: doubling the awaits may make it four times as much.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any, Final

import anyio
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Registry
from jobcancel.testing import Report, explore

from .figures import Figure

AWAITS: Final = (25, 50, 100)
ROUNDS: Final = 5

registry = Registry()


@registry.kind("awaits")
async def awaits(_job: JobContext, times: int) -> None:
    for _ in range(times):
        await checkpoint()


def making(times: int) -> Callable[[], Any]:
    @asynccontextmanager
    async def make() -> AsyncGenerator[Any]:
        yield awaits(times)

    return make


def measured(times: int) -> tuple[Report, float]:
    """Explore the job of so many awaits; return the report and the seconds."""
    begun = time.perf_counter()
    report = anyio.run(explore_it, times)
    return report, time.perf_counter() - begun


async def explore_it(times: int) -> Report:
    return await explore(making(times))


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:  # noqa: ARG001  # asyncio's, as most hosts' tests are
    """Measure."""
    former = None
    for times in AWAITS[: 2 if quick else None]:
        reports, seconds = zip(*(measured(times) for _ in range(1 if quick else ROUNDS)), strict=True)
        one: Report = reports[0]
        rate = one.runs / median(seconds)
        note = f"{one.runs} runs, {one.visited} points, {rate:.0f} runs/s"
        yield Figure(f"a run, {times} awaits", "us", tuple(each / one.runs * 1e6 for each in seconds), note=note)
        if former is not None:
            growth = one.visited / former
            yield Figure(f"work of {times} awaits / of half as many", "ratio", (growth,), must=4.0)
        former = one.visited
