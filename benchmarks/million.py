"""A million jobs end to end through one scheduler, each with two stages: does the last one cost what the first did?

A fixed number is under way at any time, as in a service; the default retention lets the oldest go. Four stage events a
job: two entries, two exits. In a process of its own (``python -m benchmarks.million``), for its peak of memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from time import perf_counter
from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, JobState, Registry, Scheduler, Stage

from .figures import Figure
from .rounds import BACKENDS
from .storm import Stalls

JOBS: Final = 1_000_000
UNDER_WAY: Final = 1_000
PARTS: Final = 10

registry = Registry()


@registry.kind("staged", stages=[Stage("first"), Stage("second", on_cancel="refuse")])
async def staged(job: JobContext) -> None:
    """Come through two stages, with a turn of the loop in each."""
    async with job.stage("first"):
        await checkpoint()
    async with job.stage("second"):
        await checkpoint()


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:
    """Run them."""
    jobs = 20_000 if quick else JOBS
    command = [sys.executable, "-m", "benchmarks.million", str(jobs), backend]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    first, last, peak, stall, pause = found
    yield Figure(f"a job, the first tenth of {jobs}", "us", (first,), note=f"{1e6 / first:.0f} jobs/s")
    yield Figure("a job, the last tenth", "us", (last,), note=f"{1e6 / last:.0f} jobs/s")
    yield Figure("the last tenth / the first", "ratio", (last / first,))
    yield Figure("peak of memory", "MiB", (peak,))
    note = f"beside the collector's longest pause, {pause:.3g} ms"
    yield Figure("longest stall of the loop", "ms", (stall,), note=note)


async def through(jobs: int) -> tuple[float, ...]:
    """Return microseconds a job in the first and last tenth, MiB at the peak, ms of longest stall and pause."""
    stalls, marks, settled = Stalls(), [perf_counter()], 0
    async with Scheduler(registry) as scheduler, anyio.create_task_group() as group:
        group.start_soon(stalls.watch)
        numbers = iter(range(jobs))

        async def submitter() -> None:
            nonlocal settled
            for _ in numbers:
                snapshot = await (await scheduler.submit(staged())).wait()
                if snapshot.state is not JobState.SUCCEEDED:
                    raise RuntimeError(f"{snapshot.id} was to succeed")
                settled += 1
                if settled % (jobs // PARTS) == 0:
                    marks.append(perf_counter())

        async with anyio.create_task_group() as submitting:
            for _ in range(UNDER_WAY):
                submitting.start_soon(submitter)
        stalls.end()
    parts = [(later - earlier) / (jobs // PARTS) * 1e6 for earlier, later in pairwise(marks)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return parts[0], parts[-1], peak, stalls.longest_s * 1e3, stalls.collector_s * 1e3


if __name__ == "__main__":
    _backend, _options = BACKENDS[sys.argv[2]]
    print(json.dumps(anyio.run(through, int(sys.argv[1]), backend=_backend, backend_options=_options)))
