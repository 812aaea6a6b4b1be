"""What is done many times costs each time the same: counted steps, no seconds, with twenty times as many.

A step is a line of the package's own code that is run, or, wherever it is called from, what a method of a
container goes through that looks at its elements one by one. Twenty times as many may take twenty times the steps, and
a fifth more; what is quadratic takes four hundred times.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import anyio
import pytest
from anyio.lowlevel import checkpoint

import jobcancel
from jobcancel import JobContext, JobHandle, Registry, Scheduler
from jobcancel.stores import MemoryStore

FEW, TIMES = 10, 20
PACKAGE: Final = str(Path(jobcancel.__file__).parent)
_CONTAINERS: Final[tuple[type, ...]] = (list, deque)
LINEAR: Final = frozenset({"remove", "index", "count", "insert", "copy", "sort", "reverse"})


class Steps:
    """Counts while it is entered."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Generator[None]:
        gc.disable()  # what it calls is not ours
        before = sys.gettrace(), sys.getprofile()
        sys.settrace(self._trace)
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.settrace(before[0])
            sys.setprofile(before[1])
            gc.enable()

    def _trace(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        return self._line

    def _line(self, _frame: FrameType, event: str, _arg: Any) -> Any:
        self.count += event == "line"
        return self._line

    def _profile(self, _frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call" and arg.__name__ in LINEAR:
            container: Any = getattr(arg, "__self__", None)
            self.count += len(container) if type(container) in _CONTAINERS else 0


class Host:
    """Kinds that wait, end, and queue."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.waits = self.registry.kind("waits")(self._waits)
        self.ends = self.registry.kind("ends", retain_count=None)(self._ends)
        self.retained = self.registry.kind("retained", retain_count=5)(self._ends)
        self.queues = self.registry.kind("queues", max_running=1)(self._waits)
        self.parent = self.registry.kind("parent")(self._parent)
        self.children, self.submitted = 0, anyio.Event()

    async def _waits(self, job: JobContext) -> None:
        await anyio.sleep_forever()

    async def _ends(self, job: JobContext) -> None: ...

    async def _parent(self, job: JobContext) -> None:
        for _ in range(self.children):
            await job.submit(self.waits())
        self.submitted.set()
        await anyio.sleep_forever()

    async def settled(self, scheduler: Scheduler, many: int) -> list[JobHandle[None]]:
        handles = [await scheduler.submit(self.ends()) for _ in range(many)]
        for handle in handles:
            await handle.wait()
        return handles


Case = Callable[[Host, Scheduler, int, Steps], Awaitable[None]]


async def submits(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    with steps.counted():
        for _ in range(many):
            await scheduler.submit(host.waits())


async def submits_to_a_full_kind(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    with steps.counted():
        for _ in range(many):
            await scheduler.submit(host.queues())


async def cancels_pending(host: Host, scheduler: Scheduler, ids: list[str], steps: Steps) -> None:
    with steps.counted():
        for job_id in ids:
            await scheduler.cancel(job_id)
        await checkpoint()


async def pending(host: Host, scheduler: Scheduler, many: int) -> list[str]:
    return [(await scheduler.submit(host.queues())).id for _ in range(many + 1)][1:]


async def cancels_pending_from_the_oldest(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    await cancels_pending(host, scheduler, await pending(host, scheduler, many), steps)


async def cancels_pending_from_the_newest(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    await cancels_pending(host, scheduler, (await pending(host, scheduler, many))[::-1], steps)


async def cancels_pending_from_the_middle(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    ids = await pending(host, scheduler, many)
    await cancels_pending(host, scheduler, ids[many // 2 :] + ids[: many // 2], steps)


async def cancels_every_other_live_job(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    handles = [await scheduler.submit(host.waits()) for _ in range(2 * many)]
    await checkpoint()
    with steps.counted():
        for handle in handles[::2]:
            await handle.cancel()
        for handle in handles[::2]:
            await handle.wait()


async def waiters_of_one_job(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    handle = await scheduler.submit(host.waits())
    with steps.counted():
        async with anyio.create_task_group() as group:
            for _ in range(many):
                group.start_soon(handle.wait)
            await checkpoint()
            await handle.cancel()


async def waiters_that_give_up(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    handle = await scheduler.submit(host.waits())
    scopes = [anyio.CancelScope() for _ in range(many)]

    async def wait(scope: anyio.CancelScope) -> None:
        with scope:
            await handle.wait()

    with steps.counted():
        async with anyio.create_task_group() as group:
            for scope in scopes:
                group.start_soon(wait, scope)
            await checkpoint()
            for scope in scopes[::-1]:
                scope.cancel()


async def watchers_of_one_job(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    handle = await scheduler.submit(host.waits())

    async def look() -> None:
        async with scheduler.watch(handle.id) as changes:
            async for _ in changes:
                pass

    with steps.counted():
        async with anyio.create_task_group() as group:
            for _ in range(many):
                group.start_soon(look)
            await checkpoint()
            await handle.cancel()


async def children_of_one_job(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    host.children = many
    with steps.counted():
        handle = await scheduler.submit(host.parent())
        await host.submitted.wait()
        await handle.cancel()
        await handle.wait()


async def pages(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    await host.settled(scheduler, many)
    cursor, found = None, 0
    with steps.counted():
        while found < many:
            page = await scheduler.find(limit=10, cursor=cursor)
            cursor, found = page.cursor, found + len(page.jobs)


async def jobs_let_go(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    with steps.counted():
        for _ in range(many):
            await (await scheduler.submit(host.retained())).wait()


async def keys(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    with steps.counted():
        for number in range(many):
            await scheduler.submit(host.ends(), key=str(number))
        for number in range(many):
            await scheduler.submit(host.ends(), key=str(number))


async def shutdown(host: Host, scheduler: Scheduler, many: int, steps: Steps) -> None:
    for _ in range(many):
        await scheduler.submit(host.waits())
    await checkpoint()
    with steps.counted():
        await scheduler.shutdown()


CASES: Final = [
    submits,
    submits_to_a_full_kind,
    cancels_pending_from_the_oldest,
    cancels_pending_from_the_newest,
    cancels_pending_from_the_middle,
    cancels_every_other_live_job,
    waiters_of_one_job,
    waiters_that_give_up,
    watchers_of_one_job,
    children_of_one_job,
    pages,
    jobs_let_go,
    keys,
    shutdown,
]


async def counted(case: Case, many: int, store: MemoryStore | None) -> int:
    host, steps = Host(), Steps()
    async with Scheduler(host.registry, store=store) as scheduler:
        await case(host, scheduler, many, steps)
    return steps.count


@pytest.mark.skipif(sys.gettrace() is not None, reason="NOT RUN: a tracer (coverage) has the hook that counts")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # who is ready has his turn in order: the steps are the same
@pytest.mark.parametrize(("stored", "allowance"), [(False, 1.2), (True, 2.0)], ids=["memory", "journal"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.__name__))
async def test_steps_grow_linearly_with_the_number_of_jobs(
    case: Case, *, stored: bool, allowance: float, anyio_backend: Any
) -> None:
    """How many commits a journal makes is a matter of time: it is allowed more."""
    few = await counted(case, FEW, MemoryStore() if stored else None)
    many = await counted(case, FEW * TIMES, MemoryStore() if stored else None)
    assert few > FEW, "it counts"
    assert many / few < TIMES * allowance
