"""The one handler of the soak: it follows its plan and writes down what happens to it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final, cast

import anyio
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, JobHandle, Partial, Registry
from jobcancel.errors import QueueFullError, StageTimeoutError, StageUnavailableError

from .ledger import CLEAN, DIRTY, EITHER, Ledger, Left
from .pace import Pace
from .plan import Plan, Step

SHIELDED: Final = ("writing", "paying", "closing")  # nothing but a force tears these; the slow ones may time out


class Setting:
    """What handlers and clients share; the scheduler's ``app``."""

    def __init__(self, ledger: Ledger, registry: Callable[[], Registry], seed: int) -> None:
        self.ledger, self.seed = ledger, seed
        self.pace = Pace()
        self.registry = registry()
        self.plans: dict[int, Plan] = {}  # of jobs whose handlers have not begun
        self._rng = Random()  # noqa: S311  # to be repeated, not to be secret

    def plan(self, n: int, *, child: bool = False) -> Plan:
        """Return the plan of job ``n``, the same one whenever it is asked for."""
        self._rng.seed(self.seed * 1_000_003 + n)
        return Plan(self._rng, n, child=child)


class PlannedError(Exception):
    """What a handler or a compensation raises because its plan says so."""


def canceled(error: BaseException) -> bool:
    """Return whether it is a cancellation, or a group of nothing else."""
    kind = anyio.get_cancelled_exc_class()
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return group.split(kind)[1] is None
    return isinstance(error, kind)


async def work(job: JobContext, topic: int = 0) -> Any:
    """Follow the plan; the row says how it ended."""
    setting: Setting = job.app
    ledger, n = setting.ledger, int(job.id[1:])
    ledger.begin(n)
    try:
        plan = setting.plans.pop(n) if n in setting.plans else setting.plan(n, child=not ledger.client[n])
        value = await attempt(job, setting, plan)
    except BaseException as error:
        if ledger.left[n] == Left.RUNNING:  # a foreign cancellation has set it already
            unwinds = canceled(error) or isinstance(error, StageUnavailableError)
            ledger.left[n] = Left.CANCELED if unwinds else Left.RAISED
            if not unwinds and not isinstance(error, (PlannedError, StageTimeoutError)):
                ledger.findings.add("a handler met an unplanned error", repr(error))
        raise
    ledger.left[n] = returned(value)
    return value


def returned(value: object) -> Left:
    return Left.PARTIAL if isinstance(value, Partial) else Left.RETURNED


async def attempt(job: JobContext, setting: Setting, plan: Plan) -> object:
    """Take the steps; meet a cancellation in the plan's manner."""
    ledger, swallowed = setting.ledger, False
    for step in plan.steps:
        try:
            await STEPS[step.what](job, setting, plan.n, step)
        except BaseException as error:
            if not canceled(error):
                raise
            ledger.saw(plan.n)
            ledger.happened[f"cancellation met: {plan.manner}"] += 1
            if plan.manner == "finish":
                return plan.n
            if plan.manner != "swallow" or swallowed:
                await unwind(job, setting, plan)
                raise
            swallowed = True
    if plan.ending == "raise":
        raise PlannedError(plan.n)
    if plan.ending == "foreign":
        ledger.left[plan.n] = Left.FOREIGN
        ledger.happened["foreign cancellation"] += 1
        raise foreign(job)
    return plan.n if plan.ending == "return" else Partial(plan.n)


def foreign(job: JobContext) -> BaseException:
    """Return a foreign cancellation. trio allows none to be made: an exception that counts as one replaces it."""
    kind = anyio.get_cancelled_exc_class()
    return StageUnavailableError(job.id, "nothing") if kind.__module__.startswith("trio") else kind()


async def unwind(job: JobContext, setting: Setting, plan: Plan) -> None:
    """Do what the plan's manner is while the job unwinds."""
    if plan.manner == "error":
        raise PlannedError(plan.n)
    if plan.manner in ("cleanup", "stubborn", "enter"):
        with anyio.CancelScope(shield=True):
            await setting.pace.pause(2 if plan.manner != "stubborn" else 4 + plan.n % 30)
            if plan.manner == "enter":
                async with job.stage("reading"):
                    setting.ledger.findings.add("a stage began under a shield after the delivery", plan.n)


async def dwell(setting: Setting, length: int) -> None:
    """Stay a while: for some turns of the loop or, every second time, for some ticks."""
    if length % 2:
        await setting.pace.pause(length)
        return
    for _ in range(length):
        await checkpoint()


async def walk(job: JobContext, setting: Setting, n: int, step: Step) -> None:
    for _ in range(step.length):
        await checkpoint()


async def pause(job: JobContext, setting: Setting, n: int, step: Step) -> None:
    await setting.pace.pause(step.length)


async def stage(job: JobContext, setting: Setting, n: int, step: Step) -> None:
    ledger = setting.ledger
    try:
        async with job.stage(step.name):
            ledger.stage_began(n)
            if step.name == "closing":
                ledger.due[n] = 0
            if step.length == 3:
                register(job, ledger, n, "good")
            try:
                await dwell(setting, step.length)
            except BaseException as error:
                ledger.torn[n] |= step.name in SHIELDED and canceled(error)
                raise
    except StageTimeoutError:
        ledger.happened["stage timed out"] += 1
        if n % 4 == 0:
            raise


async def undo(job: JobContext, setting: Setting, n: int, step: Step) -> None:
    register(job, setting.ledger, n, step.name, in_thread=step.length == 0 and n % 4 == 0)


def register(job: JobContext, ledger: Ledger, n: int, sort: str, *, in_thread: bool = False) -> None:
    """Register a compensation and owe it, in one step."""
    if in_thread:
        job.add_compensation(repay_in_thread, ledger, n, ledger.due[n])
    else:
        job.add_compensation(repay, ledger, n, ledger.due[n], sort)
    ledger.owe(n)


async def repay(ledger: Ledger, n: int, k: int, sort: str) -> None:
    """Be a compensation."""
    ledger.repay(n, k, dirty=CLEAN if sort == "good" else DIRTY)
    ledger.happened[f"compensation: {sort}"] += 1
    await checkpoint()
    if sort == "raises":
        raise PlannedError(n)
    if sort == "overruns":
        await anyio.sleep_forever()


def repay_in_thread(ledger: Ledger, n: int, k: int) -> None:
    """Be a plain compensation. It takes real time, of which the tests' clock may make more than ``cleanup_s``."""
    ledger.repay(n, k, dirty=EITHER)
    ledger.happened["compensation: in a thread"] += 1


async def thread(job: JobContext, setting: Setting, n: int, step: Step) -> None:
    setting.ledger.happened["thread"] += 1
    await job.run_sync(block, job, setting.ledger, n, step.length)


def block(job: JobContext, ledger: Ledger, n: int, length: int) -> None:
    """Sit in a thread for a few real milliseconds."""
    ledger.threads.add(n)
    try:
        for _ in range(length):
            time.sleep(0.0005)
            job.check_canceled()
    finally:
        ledger.threads.discard(n)


async def group(job: JobContext, setting: Setting, n: int, step: Step) -> None:
    async with anyio.create_task_group() as tasks:
        for length in range(step.length):
            tasks.start_soon(dwell, setting, length)


async def say(job: JobContext, setting: Setting, n: int, step: Step) -> None:
    if not job.cancel_requested:  # an abandoned job may not write, and is not asked to
        job.progress(step.length, 6)
        job.note("noted", length=step.length)


async def process(job: JobContext, setting: Setting, n: int, step: Step) -> None:
    setting.ledger.happened["process"] += 1
    await job.run_process(["sleep", "0.01" if step.length else "60"])


async def children(job: JobContext, setting: Setting, n: int, step: Step) -> None:
    """Submit children, and wait for them in one of three ways: here, in the batch, or not at all."""
    ledger, kinds = setting.ledger, setting.registry
    family = ledger.family.setdefault(n, [])
    calls = [kinds[setting.plan(n + k, child=True).kind]() for k in range(step.length)]
    try:
        if step.name == "batch":
            ledger.happened["batch"] += 1
            await job.batch(calls)
            return
        handles: list[JobHandle[Any]] = []
        for call in calls:
            handles.append(await job.submit(call))
            family.append(int(handles[-1].id[1:]))
    except QueueFullError:
        ledger.reject()
        return
    for handle in handles[n % 2 :]:
        await handle.wait()


STEPS: Final[dict[str, Callable[[JobContext, Setting, int, Step], Awaitable[None]]]] = {
    "walk": walk,
    "pause": pause,
    "stage": stage,
    "undo": undo,
    "thread": thread,
    "group": group,
    "say": say,
    "process": process,
    "children": children,
}
