"""Everything canceled at once: what it costs a job, and how long the loop stands still for everybody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter, process_time
from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from jobcancel import Scheduler

from .figures import Figure
from .rounds import BACKENDS
from .work import Live, endless, registry

SIZES: Final = (10_000, 100_000)
ROUNDS: Final = 5
YIELDS: Final = 500  # a host that cancels many by id lets the loop turn so often
TARGET: Final = {100_000: (50.0, 20.0)}  # milliseconds


class Stalls:
    """The longest time between two turns of the loop while it is entered."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._over = False

    async def watch(self) -> None:
        """Look at the clock in every turn."""
        last = perf_counter()
        while not self._over:
            await checkpoint()
            now = perf_counter()
            self.longest_s, last = max(self.longest_s, now - last), now

    def end(self) -> None:
        """Look no longer."""
        self._over = True


Storm = Callable[[Scheduler, list[str]], Awaitable[object]]


async def by_id(scheduler: Scheduler, ids: list[str]) -> None:
    """Cancel each, letting the loop turn now and then."""
    for place, job_id in enumerate(ids):
        await scheduler.cancel(job_id)
        if place % YIELDS == YIELDS - 1:
            await checkpoint()


async def shutdown(scheduler: Scheduler, _ids: list[str]) -> None:
    """Shut down at once."""
    await scheduler.shutdown(drain_s=0)


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:
    """Cancel all of many live jobs, by id and by a shutdown."""
    name, options = BACKENDS[backend]
    for jobs in (1_000,) if quick else SIZES:
        for title, storm in (("by id", by_id), ("by shutdown", shutdown)):
            rounds = [
                anyio.run(_storm, jobs, storm, backend=name, backend_options=options)
                for _ in range(2 if quick else ROUNDS)
            ]
            yield Figure(f"cancel {jobs} {title}: a job", "us", tuple(cpu_s / jobs * 1e6 for cpu_s, _ in rounds))
            stalls = tuple(stall_s * 1e3 for _, stall_s in rounds)
            yield Figure(f"cancel {jobs} {title}: longest stall", "ms", stalls, *TARGET.get(jobs, (None, None)))


async def _storm(jobs: int, storm: Storm) -> tuple[float, float]:
    """Return the CPU seconds until the last has settled, and the longest stall."""
    stalls, took = Stalls(), 0.0
    async with Scheduler(registry) as scheduler, anyio.create_task_group() as group:
        live = Live(jobs)
        ids = [(await scheduler.submit(endless(live))).id for _ in range(jobs)]
        await live.all.wait()
        group.start_soon(stalls.watch)
        await checkpoint()
        begun = process_time()
        await storm(scheduler, ids)
        await scheduler.shutdown(drain_s=600)
        took = process_time() - begun
        stalls.end()
    return took, stalls.longest_s
