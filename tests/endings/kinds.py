"""The jobs of the matrix. Each puts down what it does before it goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final

import anyio
import anyio.lowlevel
from attrs import define, field

from jobcancel import CompensationContext, JobContext, JobHandle, Registry, Scheduler, Stage
from jobcancel.errors import SchedulerClosedError

_LOOK_S: Final = 0.002  # between two looks at what another thread sets
LONG_S: Final = 600.0  # longer than any cell may take


async def until(event: threading.Event) -> None:
    """Return when another thread, or a task of whatever loop, has set the event."""
    while not event.is_set():  # noqa: ASYNC110  # no loop's own event is for all of them
        await anyio.sleep(_LOOK_S)


@define
class World:
    """What the jobs work with.

    Attributes:
        put: Puts down a fact.
        gate: Releases what may not be torn: the stage, the thread, the compensation.
        reached: How many jobs are where their kind waits.
        calm: Whether this is the next life, in which no job waits for anything.
    """

    put: Callable[..., None]
    gate: threading.Event = field(factory=threading.Event)
    reached: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    calm: bool = False
    references: list[object] = field(factory=list[object])  # asyncio holds its tasks weakly

    async def rest(self) -> None:
        """Say that this job is where its kind waits, and wait to be canceled."""
        self.reached.release()
        if not self.calm:
            await anyio.sleep(LONG_S)

    async def opened(self) -> None:
        """Say that this job is where its kind waits, and wait for the gate."""
        self.reached.release()
        await until(self.gate)

    async def until_reached(self, count: int) -> None:
        """Return when ``count`` more jobs are where their kinds wait."""
        while count:
            if self.reached.acquire(blocking=False):
                count -= 1
            else:
                await anyio.sleep(_LOOK_S)


def registry() -> Registry:
    """Return the kinds of the situations; `job.app` is the ``World``."""
    made = Registry()
    _add_compensations(made)
    _add_interruptible(made)
    _add_others(made)
    return made


def _add_compensations(made: Registry) -> None:
    @made.compensation("undo")
    async def undo(context: CompensationContext) -> None:
        context.app.put("undone", id=context.job_id)

    @made.compensation("undo_slowly")
    async def undo_slowly(context: CompensationContext) -> None:
        context.app.put("undoing", id=context.job_id)
        try:
            await context.app.opened()
        except BaseException as error:
            context.app.put("torn", id=context.job_id, by=type(error).__name__)
            raise
        context.app.put("undone", id=context.job_id)


def _add_interruptible(made: Registry) -> None:
    @made.kind("done")
    async def done(job: JobContext) -> int:
        job.app.reached.release()
        return 1

    @made.kind("sleeps")
    async def sleeps(job: JobContext) -> int:
        job.add_compensation("undo")
        await job.app.rest()
        return 1

    @made.kind("reruns", on_restart="rerun")
    async def reruns(job: JobContext) -> int:
        job.add_compensation("undo")
        await job.app.rest()
        return 1


def _add_others(made: Registry) -> None:
    @made.kind("refuses", stages=[Stage("opening", on_cancel="refuse")])
    async def refuses(job: JobContext) -> int:
        job.add_compensation("undo")
        async with job.stage("opening"):
            try:
                await job.app.opened()
            except BaseException as error:
                job.app.put("torn", id=job.id, by=type(error).__name__)
                raise
            job.app.put("whole", id=job.id)
        return 1

    @made.kind("threads")
    async def threads(job: JobContext) -> int:
        def block() -> None:
            job.app.reached.release()
            job.app.gate.wait(LONG_S)
            job.app.put("thread ended", id=job.id)

        job.add_compensation("undo")
        await job.run_sync(block)
        await job.app.rest()
        return 1

    @made.kind("undoes")
    async def undoes(job: JobContext) -> int:
        job.add_compensation("undo_slowly")
        await job.app.rest()
        return 1

    @made.kind("interrupts")
    async def interrupts(job: JobContext) -> None:
        raise KeyboardInterrupt


async def begin(world: World, scheduler: Scheduler, situation: str) -> None:
    """Bring the situation's jobs where they are to be when the host ends."""
    first = await _submit(world, scheduler, "done")
    await world.until_reached(1)
    await first.wait()
    if situation in {"running", "watched"}:
        sleeping = await _submit(world, scheduler, "sleeps")
        await _submit(world, scheduler, "reruns")
        await world.until_reached(2)
        if situation == "watched":
            await _watch(world, scheduler, sleeping.id)
    elif situation == "refusing":
        await _submit(world, scheduler, "refuses")
        await world.until_reached(1)
    elif situation == "threaded":
        await _submit(world, scheduler, "threads")
        await world.until_reached(1)
    elif situation == "undoing":
        handle = await _submit(world, scheduler, "undoes")
        await world.until_reached(1)
        verdict = await handle.cancel(by="a user")
        world.put("verdict", id=handle.id, outcome=verdict.outcome)
        await world.until_reached(1)


async def _submit(world: World, scheduler: Scheduler, kind: str) -> JobHandle[Any]:
    handle = await scheduler.submit(kind)
    world.put("submitted", id=handle.id, kind=kind)
    return handle


async def _watch(world: World, scheduler: Scheduler, job_id: str) -> None:
    """Have a thread wait for the job, and where tasks need no nursery a task too."""
    waits = threading.Event()

    def thread() -> None:
        waits.set()
        try:
            world.put("thread woke", state=scheduler.from_thread.wait(job_id).state)
        except SchedulerClosedError:
            world.put("thread woke", state="closed")

    threading.Thread(target=thread, name="host's reader", daemon=False).start()
    await until(waits)
    await anyio.sleep(10 * _LOOK_S)  # until its call has come into the loop, most probably; both orders are right
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return  # it is trio's
    _watch_in_task(world, scheduler, job_id)
    await anyio.lowlevel.checkpoint()


def _watch_in_task(world: World, scheduler: Scheduler, job_id: str) -> None:
    async def task() -> None:
        try:
            world.put("task woke", state=(await scheduler.wait(job_id)).state)
        except asyncio.CancelledError:
            world.put("task woke", state="cancelled")
            raise

    world.references.append(asyncio.create_task(task(), name="host's reader"))
