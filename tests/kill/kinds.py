"""The jobs of the kill test. Each puts down what it does before it goes on; each plan follows from one number."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.lowlevel
from attrs import define

from jobcancel import CompensationContext, JobContext, Registry, Stage

if TYPE_CHECKING:
    from jobcancel import Scheduler
    from jobcancel._core.kinds import Kind

    from .pen import Pen

COMMITS: Final = ("pay", "book")  # the stages that commit
NO_RERUN: Final = frozenset({"plain", "leaf", "failing"})
_LONGEST_S: Final = 0.02


@define
class World:
    """What the jobs share: where they record what they do, and who runs them."""

    pen: Pen
    scheduler: Scheduler | None = None


@contextmanager
def attempt_logged(job: JobContext) -> Generator[None]:
    """Record that an attempt's code begins and that it is over."""
    job.app.pen.effect("began", id=job.id, attempt=job.attempt)
    try:
        yield
    finally:
        job.app.pen.effect("over", id=job.id, attempt=job.attempt)


async def pause(random: Random) -> None:
    """Take some time, or none: the kill shall come in any state."""
    await anyio.sleep(random.choice((0, 0, 0.002, _LONGEST_S)) * random.random())


def register(job: JobContext, name: str, step: int) -> None:
    """Register a compensation whose mark no other registration has, and record that."""
    mark = f"{job.id}/{job.app.pen.life}/{job.attempt}/{step}"
    job.add_compensation(name, mark)
    job.app.pen.effect("registered", id=job.id, mark=mark)


async def rerun_stage(job: JobContext, name: str, passage: int, random: Random) -> None:
    """Go through a stage by ``run_stage``, and see that its result is that of the first time."""
    expected = f"{job.id}/{name}/{passage}"

    async def step() -> str:
        job.app.pen.effect("ran", id=job.id, stage=name, passage=passage, attempt=job.attempt)
        if name in COMMITS:
            job.app.pen.effect("committed", id=job.id, stage=name)
        await pause(random)
        return expected

    if await job.run_stage(name, step) != expected:
        job.app.pen.effect("wrong", id=job.id, problem=f"run_stage gave another result than {expected}")


def registry(retain_count: int | None) -> Registry:
    """Return all kinds; of each ``retain_count`` settled jobs are retained."""
    made = Registry()
    keep: dict[str, Any] = {"retain_count": retain_count, "retain_s": 10**7, "key_ttl_s": 10**7}
    _add_compensations(made)
    _add_simple(made, keep)
    _add_staged(made, keep)
    _add_committing(made, keep)
    _add_families(made, keep)
    return made


def _add_compensations(made: Registry) -> None:
    for name in ("refund", "release"):

        @made.compensation(name)
        async def undo(context: CompensationContext, mark: str) -> None:
            pen = context.app.pen
            pen.effect("undoing", id=context.job_id, token=context.token, mark=mark)
            await pause(Random(f"{mark}{pen.life}"))
            pen.effect("undone", id=context.job_id, token=context.token, mark=mark)


def _add_simple(made: Registry, keep: dict[str, Any]) -> None:
    @made.kind("plain", **keep)
    async def plain(job: JobContext, plan: int) -> int:
        with attempt_logged(job):
            random = Random(plan)
            for step in range(random.randrange(4)):
                register(job, "refund", step)
                job.progress(step)
                await pause(random)
            return plan

    @made.kind("queued", max_running=2, on_restart="rerun", **keep)
    async def queued(job: JobContext, plan: int) -> dict[str, int]:
        with attempt_logged(job):
            random = Random(plan)
            await pause(random)
            job.note("half", plan=plan)
            await pause(random)
            return {"plan": plan}

    @made.kind("failing", **keep)
    async def failing(job: JobContext, plan: int) -> None:
        with attempt_logged(job):
            register(job, "refund", 0)
            await pause(Random(plan))
            raise ValueError(plan)

    @made.kind("timed", timeout_s=0.004, on_restart="rerun", **keep)
    async def timed(job: JobContext, plan: int) -> None:
        with attempt_logged(job):
            register(job, "release", 0)
            await pause(Random(plan))

    @made.kind("selfish", on_restart="rerun", **keep)
    async def selfish(job: JobContext, plan: int) -> None:
        with attempt_logged(job):
            pen, random = job.app.pen, Random(plan)
            register(job, "refund", 0)
            await pause(random)
            pen.effect("asking", id=job.id)
            verdict = await job.app.scheduler.cancel(job.id, by="itself")
            pen.acknowledge("verdicts", verdicts=[[job.id, verdict.outcome, verdict.state, verdict.stage]])
            await anyio.lowlevel.checkpoint()
            pen.effect("wrong", id=job.id, problem="a job that canceled itself went past a checkpoint")


def _add_staged(made: Registry, keep: dict[str, Any]) -> None:
    stages = [Stage("fetch"), Stage("build", on_cancel="defer"), Stage("ship", on_cancel="refuse")]

    @made.kind("steps", stages=stages, on_restart="rerun", **keep)
    async def steps(job: JobContext, plan: int) -> str:
        with attempt_logged(job):
            random = Random(plan)
            passages = dict[str, int]()
            for number, name in enumerate(random.choices(("fetch", "build", "ship"), k=4)):
                register(job, random.choice(("refund", "release")), number)
                passage = passages[name] = passages.get(name, -1) + 1
                await rerun_stage(job, name, passage, random)
                await pause(random)
            return f"plan {plan}"

    @made.kind("guarded", stages=stages, on_cancel="refuse", **keep)
    async def guarded(job: JobContext, plan: int) -> None:
        with attempt_logged(job):
            random = Random(plan)
            for number, name in enumerate(random.choices(("fetch", "build", "ship"), k=3)):
                register(job, "refund", number)
                async with job.stage(name):
                    await pause(random)
                await pause(random)


def _add_committing(made: Registry, keep: dict[str, Any]) -> None:
    stages = [Stage("prepare"), Stage("pay", commits=True), Stage("book", commits=True, on_cancel="refuse")]

    @made.kind("pays", stages=stages, on_restart="rerun", **keep)
    async def pays(job: JobContext, plan: int) -> None:
        with attempt_logged(job):
            random = Random(plan)
            register(job, "release", 0)
            await rerun_stage(job, "prepare", 0, random)
            register(job, "refund", 1)
            if plan % 2:
                await rerun_stage(job, "pay", 0, random)
            else:
                async with job.stage("pay"):
                    job.app.pen.effect("committed", id=job.id, stage="pay")
                    await pause(random)
            await pause(random)
            register(job, "refund", 2)
            await rerun_stage(job, "book", 0, random)
            await pause(random)


def _add_families(made: Registry, keep: dict[str, Any]) -> None:
    @made.kind("leaf", **keep)
    async def leaf(job: JobContext, plan: int) -> int:
        with attempt_logged(job):
            random = Random(plan)
            register(job, "release", 0)
            await pause(random)
            return plan

    leaves: Kind[[int], int] = leaf

    @made.kind("family", stages=[Stage("gather", on_cancel="defer")], on_restart="rerun", **keep)
    async def family(job: JobContext, plan: int) -> int:
        with attempt_logged(job):
            random = Random(plan)
            register(job, "refund", 0)
            single = await job.submit(leaves(plan))
            job.app.pen.acknowledge("submitted", id=single.id, kind="leaf", key=None, parent=job.id, marks=[])
            if plan % 2:
                await job.batch([leaves(plan + n) for n in range(3)])
            else:
                async with job.stage("gather"):
                    await job.batch([leaves(plan + n) for n in range(2)])
            await pause(random)
            return (await single.wait()).result or 0
