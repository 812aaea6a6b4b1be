"""From the request to the job's ``finally``: what a user waits for when he cancels one job among many."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import quantiles
from time import perf_counter
from typing import Final

import anyio

from jobcancel import JobContext, Registry, Scheduler

from .figures import Figure
from .rounds import BACKENDS
from .work import Live

AMONG: Final = (1, 1_000, 10_000, 100_000)
SAMPLES: Final = 300
ROUNDS: Final = 5

registry = Registry()


class Victim:
    """A job that says when its ``finally`` was reached."""

    def __init__(self, live: Live) -> None:
        self.live, self.begun, self.reached = live, anyio.Event(), 0.0


@registry.kind("sleeps")
async def sleeps(_job: JobContext, live: Live) -> None:
    """Be one of the many."""
    await live.wait_for_ever()


@registry.kind("victim")
async def victim(_job: JobContext, measured: Victim) -> None:
    """Wait to be canceled."""
    try:
        measured.begun.set()
        await measured.live.wait_for_ever()
    finally:
        measured.reached = perf_counter()


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:
    """Cancel one job after the other among so many live ones."""
    name, options = BACKENDS[backend]
    for among in AMONG[: 2 if quick else None]:
        rounds = anyio.run(
            _latencies, among, 20 if quick else SAMPLES, 2 if quick else ROUNDS, backend=name, backend_options=options
        )
        cuts = [quantiles(each, n=100, method="inclusive") for each in rounds]
        what = f"cancel to finally, {among} live"
        yield Figure(f"{what}, p50", "us", tuple(each[49] * 1e6 for each in cuts))
        yield Figure(f"{what}, p99", "us", tuple(each[98] * 1e6 for each in cuts))


async def _latencies(among: int, samples: int, rounds: int) -> list[list[float]]:
    async with Scheduler(registry) as scheduler:
        live = Live(among + samples * rounds)  # never complete
        for _ in range(among - 1):
            await scheduler.submit(sleeps(live))
        return [[await _latency(scheduler, live) for _ in range(samples)] for _ in range(rounds)]


async def _latency(scheduler: Scheduler, live: Live) -> float:
    measured = Victim(live)
    handle = await scheduler.submit(victim(measured))
    await measured.begun.wait()
    begun = perf_counter()
    await handle.cancel()
    await handle.wait()
    return measured.reached - begun
