"""Everything canceled at once: what it costs a job, and how long the loop stands still for everybody else."""

from __future__ import annotations

import gc
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
YIELDS: Final = 200  # a host that cancels many by id lets the loop turn so often
TARGET: Final = {100_000: (50.0, 20.0)}  # milliseconds


class Stalls:
    """The longest time between two turns of the loop, apart from what the garbage collector took of it.

    Attributes:
        longest_s: That.
        collector_s: The collector's longest pause.
    """

    def __init__(self) -> None:
        self.longest_s = self.collector_s = 0.0
        self._paused_s = self._begun = 0.0
        self._over = False

    async def watch(self) -> None:
        """Look at the clock in every turn."""
        gc.callbacks.append(self._collecting)
        last, self._paused_s = perf_counter(), 0.0
        while not self._over:
            await checkpoint()
            now = perf_counter()
            self.longest_s = max(self.longest_s, now - last - self._paused_s)
            last, self._paused_s = now, 0.0
        gc.callbacks.remove(self._collecting)

    def end(self) -> None:
        """Look no longer."""
        self._over = True

    def _collecting(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._begun = perf_counter()
        else:
            pause_s = perf_counter() - self._begun
            self._paused_s += pause_s
            self.collector_s = max(self.collector_s, pause_s)


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
            yield Figure(f"cancel {jobs} {title}: a job", "us", tuple(each[0] / jobs * 1e6 for each in rounds))
            stalls = tuple(each[1] * 1e3 for each in rounds)
            note = f"beside the collector's longest pause, {max(each[2] for each in rounds) * 1e3:.3g} ms"
            must, aim = TARGET.get(jobs, (None, None))
            yield Figure(f"cancel {jobs} {title}: longest stall", "ms", stalls, must, aim, note)


async def _storm(jobs: int, storm: Storm) -> tuple[float, float, float]:
    """Return the CPU seconds until the last has settled, the longest stall, and the collector's longest pause."""
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
    return took, stalls.longest_s, stalls.collector_s
