"""aiojobs, without its limit: no job waits in a queue."""

from __future__ import annotations

import aiojobs

from benchmarks.peer.side import tell
from benchmarks.rounds import Stopwatch
from benchmarks.work import Live, nothing


async def settle(jobs: int, watch: Stopwatch) -> None:
    """Spawn, and wait for each."""
    async with aiojobs.Scheduler(limit=None) as scheduler:
        with watch:
            spawned = [await scheduler.spawn(nothing()) for _ in range(jobs)]
            for job in spawned:
                await job.wait()


async def cancel(jobs: int, watch: Stopwatch) -> None:
    """``close`` cancels a job and waits for its end, within a time as a job's grace is."""
    async with aiojobs.Scheduler(limit=None, close_timeout=30) as scheduler:
        live = Live(jobs)
        spawned = [await scheduler.spawn(live.wait_for_ever()) for _ in range(jobs)]
        await live.all.wait()
        with watch:
            for job in spawned:
                await job.close()


if __name__ == "__main__":
    tell(settle, cancel, 5_000)
