"""APScheduler 4 (an alpha), its data in memory, as many jobs at once as there are."""

from __future__ import annotations

from datetime import timedelta

from apscheduler import AsyncScheduler

from benchmarks.peer.side import tell
from benchmarks.rounds import Stopwatch
from benchmarks.work import nothing

EXPIRATION = timedelta(minutes=10)


async def settle(jobs: int, watch: Stopwatch) -> None:
    """Add jobs, and wait for each result."""
    async with AsyncScheduler(max_concurrent_jobs=jobs) as scheduler:
        await scheduler.configure_task("nothing", func=nothing, max_running_jobs=jobs)
        await scheduler.start_in_background()
        with watch:
            ids = [await scheduler.add_job("nothing", result_expiration_time=EXPIRATION) for _ in range(jobs)]
            for job_id in ids:
                await scheduler.get_job_result(job_id)
        await scheduler.stop()


if __name__ == "__main__":
    tell(settle, "cannot: it has no call that cancels a job", 500)
