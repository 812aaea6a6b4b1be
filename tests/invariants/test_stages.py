"""Invariants 3, 5, 9 and 10: what stages shield, where cancels land, and what waiting costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from jobcancel import CancelCause, FailureCode, JobContext, JobHandle, JobState, OnCancel, Outcome, Stage
from jobcancel.errors import StageTimeoutError, StageUnavailableError
from tests.invariants.conftest import Live, turns


class Gate:
    """A stage's work: records its begin, waits for its release, records that it was not torn."""

    def __init__(self) -> None:
        self.begun, self.release, self.whole, self.after = (anyio.Event() for _ in range(4))

    async def pass_through(self) -> None:
        self.begun.set()
        await self.release.wait()
        await turns()
        self.whole.set()


def gated(gate: Gate, stage: str = "work") -> Callable[[JobContext], Any]:
    async def handler(job: JobContext) -> str:
        async with job.stage(stage):
            await gate.pass_through()
        await turns()
        gate.after.set()
        return "ran to its end"

    return handler


async def test_3_no_stage_begins_after_a_swallowed_cancel(live: Live) -> None:
    begun: list[str] = []

    async def swallows(job: JobContext) -> None:
        for name in ("first", "second", "third"):
            try:
                async with job.stage(name):
                    begun.append(name)
                    await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                begun.append("swallowed")

    stages = [Stage("first"), Stage("second", on_cancel="refuse"), Stage("third", on_cancel="defer")]
    handle = await live.submit(swallows, stages=stages)
    await turns()
    await handle.cancel()
    assert (await handle.wait()).cancel is not None
    assert begun == ["first", "swallowed", "swallowed", "swallowed"]


async def test_3_entering_a_stage_delivers_an_accepted_cancel(live: Live) -> None:
    async def handler(job: JobContext) -> None:
        await live.scheduler.cancel(job.id)
        try:
            async with job.stage("work"):
                raise AssertionError("the stage began")
        except BaseException as error:
            raised.append(type(error))
            raise

    raised: list[type[BaseException]] = []
    handle = await live.submit(handler, stages=[Stage("work", on_cancel="refuse")])
    assert (await handle.wait()).state is JobState.CANCELED
    assert raised == [anyio.get_cancelled_exc_class()]


async def test_3_stage_entry_raises_under_a_jobs_own_shield_too(live: Live) -> None:
    raised: list[type[BaseException]] = []

    async def handler(job: JobContext) -> None:
        with anyio.CancelScope(shield=True):
            await live.scheduler.cancel(job.id)
            with pytest.raises(StageUnavailableError) as error:
                async with job.stage("work"):
                    raise AssertionError("the stage began")
            raised.append(error.type)
            await job.submit(child())

    async def nothing(job: JobContext) -> None:
        raise AssertionError("the child began")

    child = live.kind(nothing)
    handle = await live.submit(handler, stages=[Stage("work")])
    snapshot = await handle.wait()
    assert (snapshot.state, raised) == (JobState.CANCELED, [StageUnavailableError])


async def user(live: Live, handle: JobHandle[Any]) -> None:
    assert (await handle.cancel(defer=True)).outcome is Outcome.DEFERRED


async def timeout(live: Live, handle: JobHandle[Any]) -> None:
    await live.clock.advance(60)


CAUSES = {CancelCause.USER: user, CancelCause.TIMEOUT: timeout}


@pytest.mark.parametrize("policy", ["defer", "refuse"])
@pytest.mark.parametrize("cause", CAUSES)
async def test_5_a_shielded_stage_finishes_before_the_cancel_lands(live: Live, policy: str, cause: CancelCause) -> None:
    gate = Gate()
    handle = await live.submit(gated(gate), stages=[Stage("work", on_cancel=OnCancel(policy))], timeout_s=60)
    await gate.begun.wait()
    await CAUSES[cause](live, handle)
    held = await live.scheduler.get(handle.id)
    gate.release.set()
    snapshot = await handle.wait()
    assert held.cancel is not None
    assert (held.state, held.cancel.cause, held.cancel.delivered_at) == (JobState.CANCELING, cause, None)
    assert gate.whole.is_set()
    assert not gate.after.is_set()
    assert snapshot.state is (JobState.FAILED if cause is CancelCause.TIMEOUT else JobState.CANCELED)


@pytest.mark.parametrize("leave", ["body returns", "body raises", "host scope cancelled"])
async def test_5_a_shielded_stage_finishes_though_the_scheduler_is_left(anyio_backend: Any, leave: str) -> None:
    live, gate = Live(), Gate()
    left = anyio.Event()

    async def host(scope: anyio.CancelScope) -> None:
        with scope, pytest.raises(LookupError) if leave == "body raises" else anyio.CancelScope():
            async with live.scheduler:
                handles.append(await live.submit(gated(gate), stages=[Stage("work", on_cancel="refuse")]))
                await gate.begun.wait()
                if leave == "body raises":
                    raise LookupError
                if leave == "host scope cancelled":
                    scope.cancel()
                    await anyio.sleep_forever()
        left.set()

    handles: list[JobHandle[Any]] = []
    async with anyio.create_task_group() as group:
        group.start_soon(host, anyio.CancelScope())
        await gate.begun.wait()
        await turns()
        assert not left.is_set()
        gate.release.set()
    snapshot = await handles[0].wait()
    assert gate.whole.is_set()
    assert not gate.after.is_set()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.cause) == (JobState.CANCELED, CancelCause.SHUTDOWN)


async def test_5_a_parents_cancel_does_not_tear_its_childs_stage(live: Live) -> None:
    gate = Gate()
    child = live.kind(gated(gate), stages=[Stage("work", on_cancel="refuse")])
    children: list[JobHandle[Any]] = []

    async def parent(job: JobContext) -> None:
        children.append(await job.submit(child()))
        await anyio.sleep_forever()

    handle = await live.submit(parent)
    await gate.begun.wait()
    await handle.cancel()
    await turns()
    gate.release.set()
    assert (await handle.wait()).state is JobState.CANCELED
    snapshot = await children[0].wait()
    assert gate.whole.is_set()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.cause) == (JobState.CANCELED, CancelCause.PARENT)


async def test_5_a_held_cancel_holds_all_tasks_of_the_job(live: Live) -> None:
    gates = [Gate(), Gate()]

    async def handler(job: JobContext) -> None:
        async with job.stage("work"), anyio.create_task_group() as group:
            for gate in gates:
                group.start_soon(gate.pass_through)

    handle = await live.submit(handler, stages=[Stage("work", on_cancel="defer")])
    for gate in gates:
        await gate.begun.wait()
    await handle.cancel()
    await turns()
    for gate in gates:
        gate.release.set()
    assert (await handle.wait()).state is JobState.CANCELED
    assert all(gate.whole.is_set() for gate in gates)


async def test_5_force_pierces_the_shield_and_is_recorded(live: Live) -> None:
    gate = Gate()
    handle = await live.submit(gated(gate), stages=[Stage("work", on_cancel="refuse")])
    await gate.begun.wait()
    held = await handle.cancel(defer=True, by="ada")
    forced = await handle.cancel(force=True, by="bob")
    snapshot = await handle.wait()
    assert (held.outcome, forced.outcome) == (Outcome.DEFERRED, Outcome.CANCELING)
    assert not gate.whole.is_set()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.by, snapshot.cancel.forced) == (JobState.CANCELED, "ada", True)


async def test_5_a_stage_timeout_tears_it_and_releases_a_held_cancel(live: Live) -> None:
    gate, errors = Gate(), list[type[BaseException]]()

    async def handler(job: JobContext) -> None:
        with pytest.raises(StageTimeoutError) as error:
            async with job.stage("work"):
                await gate.pass_through()
        errors.append(error.type)
        await turns()
        gate.after.set()

    handle = await live.submit(handler, stages=[Stage("work", on_cancel="defer", timeout_s=5)])
    await gate.begun.wait()
    await handle.cancel()
    await live.clock.advance(5)
    assert (await handle.wait()).state is JobState.CANCELED
    assert errors == [StageTimeoutError]
    assert not gate.after.is_set()


async def test_5_a_committing_stage_releases_silently_and_a_return_wins(live: Live) -> None:
    gate = Gate()

    async def handler(job: JobContext) -> str:
        async with job.stage("commit"):
            await gate.pass_through()
        return "committed"

    handle = await live.submit(handler, stages=[Stage("commit", on_cancel="defer", commits=True)])
    await gate.begun.wait()
    await handle.cancel()
    gate.release.set()
    snapshot = await handle.wait()
    assert (snapshot.state, snapshot.result) == (JobState.SUCCEEDED, "committed")


async def test_5_a_held_cancel_wins_over_a_return_in_a_deferring_stage(live: Live) -> None:
    gate = Gate()

    async def handler(job: JobContext) -> str:
        async with job.stage("work"):
            await gate.pass_through()
            return "lost"

    handle = await live.submit(handler, stages=[Stage("work", on_cancel="defer")])
    await gate.begun.wait()
    await handle.cancel()
    gate.release.set()
    assert (await handle.wait()).state is JobState.CANCELED


async def test_5_an_exception_that_leaves_the_stage_wins(live: Live) -> None:
    gate = Gate()

    async def handler(job: JobContext) -> None:
        async with job.stage("work"):
            await gate.pass_through()
            raise LookupError("the work's own")

    handle = await live.submit(handler, stages=[Stage("work", on_cancel="defer")])
    await gate.begun.wait()
    await handle.cancel()
    gate.release.set()
    snapshot = await handle.wait()
    assert snapshot.failure is not None
    assert (snapshot.state, snapshot.failure.message) == (JobState.FAILED, "the work's own")


@pytest.mark.parametrize("anyio_backend", [("asyncio", {})], indirect=False, ids=["asyncio"])
async def test_5_a_native_cancel_that_pierces_the_shield_is_recorded(anyio_backend: Any, live: Live) -> None:
    gate = Gate()
    handle = await live.submit(gated(gate), stages=[Stage("work", on_cancel="defer")])
    await gate.begun.wait()
    await handle.cancel()
    (task,) = [task for task in asyncio.all_tasks() if handle.id in task.get_name()]
    task.cancel()
    snapshot = await handle.wait()
    assert snapshot.failure is not None
    assert (snapshot.state, snapshot.failure.code) == (JobState.FAILED, FailureCode.FOREIGN_CANCEL)
    assert snapshot.cancel is not None
    assert snapshot.cancel.pierced


async def test_5_a_jobs_own_scope_may_tear_its_stage(live: Live) -> None:
    begun, own = anyio.Event(), anyio.CancelScope()

    async def handler(job: JobContext) -> None:
        with own:
            async with job.stage("work"):
                begun.set()
                await anyio.sleep_forever()
        await turns()

    handle = await live.submit(handler, stages=[Stage("work", on_cancel="defer")])
    await begun.wait()
    await handle.cancel()
    own.cancel()
    snapshot = await handle.wait()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.pierced) == (JobState.CANCELED, False)


async def test_9_a_cancel_between_admission_and_first_step_is_not_lost(live: Live) -> None:
    async def handler(job: JobContext) -> None:
        raise AssertionError("the handler began")

    handle = await live.submit(handler)
    verdict = await handle.cancel()  # no turn of the loop in between
    assert (verdict.outcome, (await handle.wait()).state) == (Outcome.CANCELING, JobState.CANCELED)


async def test_9_a_cancel_while_the_job_waits_for_a_slot_is_not_lost(anyio_backend: Any) -> None:
    live, gate = Live(max_running=1), Gate()

    async def handler(job: JobContext, canceled: bool) -> None:
        assert not canceled, "the handler began"

    kind = live.kind(handler)
    async with live.scheduler:
        first = await live.submit(gated(gate), stages=[Stage("work", on_cancel="refuse")])
        second = await live.scheduler.submit(kind(canceled=True))
        third = await live.scheduler.submit(kind(canceled=False))  # in the same line, behind the gap
        await gate.begun.wait()
        verdict = await second.cancel()
        assert (verdict.outcome, verdict.state) == (Outcome.CANCELED, JobState.CANCELED)
        assert (await second.wait()).state is JobState.CANCELED
        gate.release.set()
        assert (await first.wait()).state is JobState.SUCCEEDED
        assert (await third.wait()).state is JobState.SUCCEEDED


async def test_9_a_cancel_in_the_same_turn_as_a_stages_end_is_not_lost(live: Live) -> None:
    gate = Gate()
    handle = await live.submit(gated(gate), stages=[Stage("work")])
    await gate.begun.wait()
    gate.release.set()
    assert (await handle.cancel()).outcome is Outcome.CANCELING
    assert (await handle.wait()).state is JobState.CANCELED
    assert not gate.after.is_set()


async def test_9_ten_thousand_cancels_at_once_all_land(live: Live) -> None:
    async def handler(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = live.kind(handler)
    handles = [await live.scheduler.submit(kind()) for _ in range(1200)]
    await turns(2)
    for handle in handles:
        await handle.cancel()
    assert {(await handle.wait()).state for handle in handles} == {JobState.CANCELED}


async def _steps(live: Live, handle: JobHandle[Any]) -> int:
    """How often the job's task was woken, or cancelled again, in fifty turns of the loop."""
    job, loop = live.inside(handle), live.dispatcher.loop
    before = loop.strain(job.task)
    await turns(50)
    return loop.strain(job.task) - before


async def test_10_a_held_cancel_costs_nothing_while_it_waits(live: Live) -> None:
    gate = Gate()
    handle = await live.submit(gated(gate), stages=[Stage("work", on_cancel="defer")])
    await gate.begun.wait()
    await handle.cancel()
    await turns()
    assert await _steps(live, handle) == 0
    gate.release.set()


async def test_10_waiting_for_children_and_compensations_costs_nothing(live: Live) -> None:
    gate, undo = Gate(), Gate()
    child = live.kind(gated(gate), stages=[Stage("work", on_cancel="refuse")])

    async def parent(job: JobContext) -> None:
        job.add_compensation(undo.pass_through)
        await job.submit(child())
        await anyio.sleep_forever()

    handle = await live.submit(parent)
    await gate.begun.wait()
    await handle.cancel()
    await turns()
    assert await _steps(live, handle) == 0
    gate.release.set()
    await undo.begun.wait()
    assert await _steps(live, handle) == 0
    undo.release.set()
    assert (await handle.wait()).state is JobState.CANCELED
