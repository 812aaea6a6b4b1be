"""A compensation registered during the commit of a cancel is committed before the verdict is returned."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import CompensationContext, JobContext, Outcome, Registry, Scheduler, Stage, Verdict

from .gated import GatedStore
from .restarts import written


class Overtaken:
    """Jobs that are canceled in one request and register a compensation at each step.

    Attributes:
        store: Where each commit waits.
        answers: The verdicts, once they are returned.
        caller: The scope of the caller.
        ids: The jobs.
    """

    def __init__(self, registry: Registry, *steps: int) -> None:
        self.store = GatedStore()
        self.answers: list[dict[str, Verdict]] = []
        self.caller = anyio.CancelScope()
        self.ids: list[str] = []
        self._steps = [[anyio.Event() for _ in range(count)] for count in steps]

        @registry.compensation("refund")
        def refund(context: CompensationContext, number: int) -> None:
            pass

        # A stage that commits releases a held cancel without raising it: a job that returns then has succeeded.
        @registry.kind("work", stages=[Stage("at_it", on_cancel="defer", commits=True)])
        async def work(job: JobContext, number: int) -> None:
            async with job.stage("at_it"):
                for step in self._steps[number]:
                    await step.wait()
                    job.add_compensation("refund", number)

    async def begin(self, scheduler: Scheduler) -> None:
        """Submit them; return when all are in their stage and that is committed."""
        self.ids = [(await scheduler.submit("work", number)).id for number in range(len(self._steps))]
        while any(job.stage is None for job in (await scheduler.find()).jobs):
            await checkpoint()
        await written(scheduler)
        self.store.closed = True

    async def cancel(self, scheduler: Scheduler) -> None:
        """Request the cancel of all."""
        with self.caller:
            self.answers.append(await scheduler.cancel_many())

    async def step(self, number: int = 0) -> None:
        """Let a job register one more; after its last one it ends."""
        next(step for step in self._steps[number] if not step.is_set()).set()
        await turns()

    def let_end(self) -> None:
        """Let all jobs end."""
        for step in [step for steps in self._steps for step in steps]:
            step.set()

    async def commit(self) -> None:
        """Let the commit at the gate pass; return when the next one is there."""
        self.store.pass_one()
        await self.store.arrived()
        await turns()

    async def answer(self) -> None:
        """Wait for the verdicts."""
        while not self.answers:
            await checkpoint()
        assert [verdict.outcome for verdict in self.answers[0].values()] == [Outcome.DEFERRED] * len(self.ids)

    def committed(self, number: int = 0) -> int:
        """Return how many compensations of a job are committed."""
        counts = [body["undos"] for job_id, body in self.store.bodies if job_id == self.ids[number] and "undos" in body]
        return max(counts, default=0)


async def turns() -> None:
    for _ in range(20):
        await checkpoint()


@asynccontextmanager
async def overtaken(registry: Registry, *steps: int) -> AsyncGenerator[Overtaken]:
    """The commit of a cancel of jobs with so many steps waits at the gate."""
    jobs = Overtaken(registry, *steps)
    async with Scheduler(registry, store=jobs.store) as scheduler, anyio.create_task_group() as group:
        await jobs.begin(scheduler)
        group.start_soon(jobs.cancel, scheduler)
        await jobs.store.arrived()
        try:
            yield jobs
        finally:
            jobs.store.open_gate()
            jobs.let_end()


async def test_the_verdict_waits_for_the_commit_of_the_compensation(registry: Registry) -> None:
    async with overtaken(registry, 2) as jobs:
        await jobs.step()
        await jobs.commit()
        assert (jobs.answers, jobs.committed()) == ([], 0)
        jobs.store.open_gate()
        await jobs.answer()
        assert jobs.committed() == 1


@pytest.mark.parametrize("steps", [2, 3], ids=["ends", "goes on"])
async def test_the_verdict_waits_for_later_compensations_too(registry: Registry, steps: int) -> None:
    async with overtaken(registry, steps) as jobs:
        await jobs.step()
        await jobs.commit()
        await jobs.step()
        await jobs.commit()
        assert (jobs.answers, jobs.committed()) == ([], 1)
        jobs.store.open_gate()
        await jobs.answer()
        assert jobs.committed() == 2


async def test_cancel_many_waits_for_the_compensations_of_all_jobs(registry: Registry) -> None:
    async with overtaken(registry, 2, 2) as jobs:
        await jobs.step(0)
        await jobs.commit()
        await jobs.step(1)
        await jobs.commit()
        assert (jobs.answers, jobs.committed(0), jobs.committed(1)) == ([], 1, 0)
        jobs.store.open_gate()
        await jobs.answer()
        assert (jobs.committed(0), jobs.committed(1)) == (1, 1)


async def test_a_failing_store_does_not_hold_back_the_verdict(registry: Registry) -> None:
    async with overtaken(registry, 2) as jobs:
        await jobs.step()
        await jobs.commit()
        jobs.store.fail_one()  # the request is committed and applied: no error is due
        await jobs.answer()


async def test_a_verdict_survives_caller_cancellation(registry: Registry) -> None:
    async with overtaken(registry, 2) as jobs:
        await jobs.step()
        await jobs.commit()
        jobs.caller.cancel()
        await turns()
        assert jobs.answers == []
        jobs.store.open_gate()
        await jobs.answer()
