"""What a job does while its cancel is on its way to the journal is kept before the verdict is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import CompensationContext, JobContext, JobState, Outcome, Registry, Scheduler, Stage, Verdict

from .gated import GatedStore
from .restarts import never, written

DOES = pytest.mark.parametrize("does", ["registers", "ends"])


class Overtaken(NamedTuple):
    """Two jobs, canceled at once, each in a commit of its own; that of the second has passed, no later one."""

    store: GatedStore
    job_id: str  # the first: since its cancel was decided it has done something that is at the gate
    told: list[dict[str, Verdict]]
    caller: anyio.CancelScope

    def kept(self) -> dict[str, Any]:
        """Return all that the journal says of the first job."""
        said: dict[str, Any] = {}
        for job_id, body in self.store.bodies:
            if job_id == self.job_id:
                said |= body
        return said


@asynccontextmanager
async def overtaken(registry: Registry, monkeypatch: pytest.MonkeyPatch, does: str) -> AsyncGenerator[Overtaken]:
    monkeypatch.setattr("jobcancel._runtime.journal._COMMIT", 1)
    store, go_on, end = GatedStore(), anyio.Event(), anyio.Event()

    @registry.compensation("refund")
    def refund(context: CompensationContext) -> None:
        pass

    @registry.kind("first", stages=[Stage("at_it", on_cancel="defer")])
    async def first(job: JobContext) -> None:
        async with job.stage("at_it"):
            await go_on.wait()
            if does == "registers":
                job.add_compensation("refund")
                await end.wait()

    registry.kind("second")(never)
    async with Scheduler(registry, store=store) as scheduler, anyio.create_task_group() as group:
        job_id = (await scheduler.submit(first())).id
        await scheduler.submit("second")
        while (await scheduler.get(job_id)).stage is None or (await scheduler.find(state="pending")).jobs:
            await checkpoint()
        await written(scheduler)
        store.closed = True
        told: list[dict[str, Verdict]] = []

        caller = anyio.CancelScope()

        async def cancel() -> None:
            with caller:
                told.append(await scheduler.cancel_many())

        group.start_soon(cancel)
        await store.arrived()
        store.pass_one()
        await store.arrived()
        assert (await scheduler.get(job_id)).state is JobState.CANCELING
        go_on.set()
        await _turns()
        store.pass_one()
        await store.arrived()
        await _turns()
        try:
            yield Overtaken(store, job_id, told, caller)
        finally:
            store.open_gate()
            end.set()


async def _turns() -> None:
    for _ in range(20):
        await checkpoint()


@DOES
async def test_the_verdict_is_told_when_that_is_kept_and_not_before(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    async with overtaken(registry, monkeypatch, does) as job:
        assert job.told == []
        assert ("undo" in job.kept(), "final" in job.kept()) == (False, False)
        job.store.open_gate()
        while not job.told:
            await checkpoint()
        assert ("undo" in job.kept(), "final" in job.kept()) == (does == "registers", does == "ends")
    assert job.told[0][job.job_id].outcome is Outcome.DEFERRED


@DOES
async def test_while_the_store_fails_the_verdict_is_told_all_the_same(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    async with overtaken(registry, monkeypatch, does) as job:
        job.store.fail_one()  # the request is kept and applied: no error is due
        while not job.told:
            await checkpoint()
    assert job.told[0][job.job_id].outcome is Outcome.DEFERRED


@DOES
async def test_the_callers_own_cancellation_does_not_lose_the_verdict(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    async with overtaken(registry, monkeypatch, does) as job:
        job.caller.cancel()
        await _turns()
        assert job.told == []
        job.store.open_gate()
        while not job.told:
            await checkpoint()
    assert job.told[0][job.job_id].outcome is Outcome.DEFERRED
