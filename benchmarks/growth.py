"""What an operation costs when there is a hundred times as much of something: 1 is flat.

Each figure is the CPU time of one operation with many over that with few, both taken in one round. Where the many are
what is operated on (waiters, children), it is the cost of each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import anyio

from jobcancel import JobContext, Registry, Scheduler

from .figures import Figure
from .rounds import BACKENDS, Stopwatch
from .work import ever

FEW, MANY = 100, 10_000
ROUNDS, OPERATIONS = 7, 200


class Jobs:
    """Kinds that wait, end, queue, submit children and write history."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.ever, self.done, self.running = ever(), anyio.Event(), list[JobContext]()
        self.waits = self.registry.kind("waits")(self._waits)
        self.ends = self.registry.kind("ends", retain_count=None)(self._ends)
        self.retained = self.registry.kind("retained", retain_count=FEW)(self._ends)
        self.queues = self.registry.kind("queues", max_running=1)(self._waits)
        self.parent = self.registry.kind("parent")(self._parent)
        self.tells = self.registry.kind("tells")(self._tells)

    async def _waits(self, _job: JobContext) -> None:
        await self.ever()

    async def _ends(self, _job: JobContext) -> None:
        """Do nothing."""

    async def _parent(self, job: JobContext, children: int) -> None:
        for _ in range(children):
            await job.submit(self.waits())
        self.done.set()
        await self.ever()

    async def _tells(self, job: JobContext) -> None:
        self.running.append(job)
        self.done.set()
        await self.ever()


async def submits(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Submit while so many are live."""
    for _ in range(many):
        await scheduler.submit(jobs.waits())
    with watch:
        for _ in range(OPERATIONS):
            await scheduler.submit(jobs.waits())
    return OPERATIONS


async def submits_settled(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Submit and await, while so many are settled."""
    await _settled(jobs, scheduler, many)
    with watch:
        for _ in range(OPERATIONS):
            await (await scheduler.submit(jobs.ends())).wait()
    return OPERATIONS


async def submits_retained(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Submit and await, so many beyond what is retained."""
    with watch:
        for _ in range(many + FEW):
            await (await scheduler.submit(jobs.retained())).wait()
    return many + FEW


async def submits_of_a_kind(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Submit by name, of so many kinds."""
    for number in range(many):
        jobs.registry.kind(f"kind_{number}")(_nothing)
    with watch:
        for number in range(OPERATIONS):
            await scheduler.submit(f"kind_{number * many // OPERATIONS}")
    return OPERATIONS


async def _nothing(_job: JobContext) -> None:
    """Do nothing."""


async def gets(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Read one of so many settled jobs."""
    ids = await _settled(jobs, scheduler, many)
    with watch:
        for place in range(OPERATIONS):
            await scheduler.get(ids[place * many // OPERATIONS])
    return OPERATIONS


async def pages(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Go through all of so many settled jobs by the cursor, fifty a page; the cost of a page."""
    await _settled(jobs, scheduler, many)
    count, cursor = 0, None
    with watch:
        while count == 0 or cursor is not None:
            page = await scheduler.find(limit=50, cursor=cursor)
            count, cursor = count + 1, page.cursor
    return count


async def cancels_pending(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Cancel pending jobs, every other from the end, then the rest."""
    ids = [(await scheduler.submit(jobs.queues())).id for _ in range(many + 1)][1:]
    with watch:
        for job_id in [*ids[::-2], *ids[::2]]:
            await scheduler.cancel(job_id)
    return many


async def cancels_live(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Cancel one of so many live jobs and wait for its end."""
    handles = [await scheduler.submit(jobs.waits()) for _ in range(many + OPERATIONS)]
    for _ in range(3):
        await anyio.lowlevel.checkpoint()  # all have begun to wait
    with watch:
        for handle in handles[-OPERATIONS:]:
            await handle.cancel()
            await handle.wait()
    return OPERATIONS


async def waiters(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Wake so many that wait for one job; the cost of each."""
    handle = await scheduler.submit(jobs.waits())
    with watch:
        async with anyio.create_task_group() as group:
            for _ in range(many):
                group.start_soon(handle.wait)
            await anyio.lowlevel.checkpoint()
            await handle.cancel()
    return many


async def watchers(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Tell so many that watch one job of its end; the cost of each."""
    handle = await scheduler.submit(jobs.waits())

    async def look() -> None:
        async with scheduler.watch(handle.id) as changes:
            async for _ in changes:
                pass

    with watch:
        async with anyio.create_task_group() as group:
            for _ in range(many):
                group.start_soon(look)
            await anyio.lowlevel.checkpoint()
            await handle.cancel()
    return many


async def children(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Cancel a job with so many children; the cost of each."""
    handle = await scheduler.submit(jobs.parent(many))
    await jobs.done.wait()
    with watch:
        await handle.cancel()
        await handle.wait()
    return many


async def notes(jobs: Jobs, scheduler: Scheduler, many: int, watch: Stopwatch) -> int:
    """Write to a history that has so many entries."""
    await scheduler.submit(jobs.tells())
    await jobs.done.wait()
    (job,) = jobs.running
    for _ in range(many):
        job.note("step")
    with watch:
        for _ in range(OPERATIONS):
            job.note("step")
    return OPERATIONS


async def _settled(jobs: Jobs, scheduler: Scheduler, many: int) -> list[str]:
    handles = [await scheduler.submit(jobs.ends()) for _ in range(many)]
    for handle in handles:
        await handle.wait()
    return [handle.id for handle in handles]


Case = Callable[[Jobs, Scheduler, int, Stopwatch], Coroutine[Any, Any, int]]
CASES: Final[dict[str, Case]] = {
    "submit, by live jobs": submits,
    "submit to settled, by settled jobs": submits_settled,
    "submit to settled, by jobs retired": submits_retained,
    "submit by name, by kinds": submits_of_a_kind,
    "get, by settled jobs": gets,
    "a page of find, by settled jobs": pages,
    "cancel pending, by pending jobs": cancels_pending,
    "cancel to settled, by live jobs": cancels_live,
    "each waiter, by waiters": waiters,
    "each watcher, by watchers": watchers,
    "each child canceled, by children": children,
    "note, by length of history": notes,
}


async def _cost(case: Case, many: int) -> float:
    jobs, watch = Jobs(), Stopwatch()
    async with Scheduler(jobs.registry) as scheduler:
        operations = await case(jobs, scheduler, many, watch)
    return (watch.cpu_s - watch.gc_s) / operations


async def _rounds(case: Case, few: int, many: int, rounds: int) -> list[float]:
    return [await _cost(case, many) / await _cost(case, few) for _ in range(rounds + 1)][1:]


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:
    """Measure each with few and a hundred times as many; the collector's time, which grows with the heap, aside."""
    name, options = BACKENDS[backend]
    few, many, rounds = (10, 200, 1) if quick else (FEW, MANY, ROUNDS)
    for title, case in CASES.items():
        values = anyio.run(_rounds, case, few, many, rounds, backend=name, backend_options=options)
        yield Figure(f"{title}: {few} to {many}", "ratio", tuple(values))
