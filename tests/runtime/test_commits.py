"""What happens while a commit is on its way: nothing is seen too early, nothing is answered too early, nothing lost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from jobcancel import (
    CancelCause,
    CompensationContext,
    FailureCode,
    JobContext,
    JobHandle,
    JobState,
    Outcome,
    Registry,
    Scheduler,
    Stage,
    Verdict,
)
from jobcancel.errors import QueueFullError, SchedulerClosedError, StoreError
from jobcancel.testing import ManualClock
from tests.runtime.restarts import durable

from .gated import GatedStore
from .restarts import ended, written


class Gate:
    """A handler's way to stop and go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = anyio.Event(), anyio.Event()

    async def __call__(self, job: JobContext) -> str:
        self.begun.set()
        await self.go_on.wait()
        return "done"


@asynccontextmanager
async def closed_gate(registry: Registry, **options: Any) -> AsyncGenerator[tuple[Scheduler, GatedStore, TaskGroup]]:
    """A scheduler whose commits wait; the gate is opened before it is left."""
    store = GatedStore()
    async with Scheduler(registry, store=store, **options) as scheduler, anyio.create_task_group() as group:
        try:
            yield scheduler, store, group
        finally:
            store.open_gate()


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_job_is_visible_and_starts_only_once_it_is_committed(registry: Registry, key: str | None) -> None:
    gate = Gate()
    kind = registry.kind("work")(gate)
    answers: list[JobHandle[str]] = []
    async with closed_gate(registry) as (scheduler, store, group):
        store.closed = True

        async def submit() -> None:
            answers.append(await scheduler.submit(kind(), key=key))

        group.start_soon(submit)
        await store.arrived()
        assert (await scheduler.find()).jobs == ()
        await _many_turns()
        assert not gate.begun.is_set()
        assert answers == []
        store.open_gate()
        await gate.begun.wait()
        (job,) = (await scheduler.find()).jobs
        assert job.state is JobState.RUNNING
        gate.go_on.set()
        assert (await scheduler.wait(job.id)).state is JobState.SUCCEEDED
    assert [answer.id for answer in answers] == [job.id]


async def test_the_time_that_a_commit_takes_is_no_part_of_a_jobs_timeout(
    registry: Registry, clock: ManualClock
) -> None:
    gate = Gate()
    kind = registry.kind("work", timeout_s=60)(gate)
    async with closed_gate(registry, clock=clock) as (scheduler, store, group):
        store.closed = True
        group.start_soon(scheduler.submit, kind())
        await store.arrived()
        await clock.advance(59)
        store.open_gate()
        await gate.begun.wait()
        await clock.advance(59)
        (job,) = (await scheduler.find()).jobs
        assert job.cancel is None
        gate.go_on.set()


async def test_a_child_starts_only_once_it_is_committed(registry: Registry) -> None:
    gate, parent_gate, answers = Gate(), Gate(), list[JobHandle[str]]()
    child = registry.kind("child")(gate)

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        await parent_gate(job)
        answers.append(await job.submit(child()))

    async with closed_gate(registry) as (scheduler, store, _):
        handle = await scheduler.submit(parent())
        await parent_gate.begun.wait()
        store.closed = True
        parent_gate.go_on.set()
        await store.arrived()
        await _many_turns()
        assert (answers, gate.begun.is_set()) == ([], False)
        store.open_gate()
        await gate.begun.wait()
        gate.go_on.set()
        snapshot = await handle.wait()
        assert (snapshot.state, snapshot.progress) == (JobState.SUCCEEDED, None)  # a single child is no batch
        assert len(answers) == 1


async def test_a_child_committed_after_its_parents_cancel_is_canceled(registry: Registry) -> None:
    gate, parent_gate = Gate(), Gate()
    child = registry.kind("child")(gate)

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        await parent_gate(job)
        await job.submit(child())
        await anyio.sleep_forever()

    async with closed_gate(registry) as (scheduler, store, group):
        handle = await scheduler.submit(parent())
        await parent_gate.begun.wait()
        await written(scheduler)
        store.closed = True
        group.start_soon(handle.cancel)
        await store.arrived()
        parent_gate.go_on.set()
        await _turns()  # the child is submitted, and waits for the next commit
        store.pass_one()
        await store.arrived()
        await _turns()  # the cancel is delivered, and finds no child yet
        store.open_gate()
        assert (await handle.wait()).state is JobState.CANCELED
        (cancel,) = [job.cancel for job in (await scheduler.find(kind="child")).jobs]
    assert cancel is not None
    assert (cancel.cause, cancel.by) == (CancelCause.PARENT, handle.id)


async def test_a_job_that_fails_to_commit_releases_place_key_and_slot(registry: Registry) -> None:
    gate = Gate()
    kind = registry.kind("work", max_running=1, max_pending=1)(gate)
    errors: list[StoreError] = []
    async with closed_gate(registry) as (scheduler, store, group):
        store.closed = True

        async def submit(key: str) -> None:
            try:
                await scheduler.submit(kind(), key=key)
            except StoreError as error:
                errors.append(error)

        group.start_soon(submit, "a")
        await store.arrived()
        group.start_soon(submit, "b")
        with pytest.raises(QueueFullError):  # one has the slot and one waits, though neither is visible
            await _both_are_in(scheduler, kind)
        store.fail_one()
        await _until(lambda: errors)
        await store.arrived()  # the other was not in the commit that failed: it is tried
        assert len(errors) == 1
        store.fail_one()
        await _until(lambda: len(errors) == 2)
        store.open_gate()
        assert (await scheduler.find()).jobs == ()
        first = await scheduler.submit(kind(), key="b")
        second = await scheduler.submit(kind(), key="a")
        assert (first.created, second.created) == (True, True)
        await gate.begun.wait()
        gate.go_on.set()
        assert (await second.wait()).state is JobState.SUCCEEDED


async def _many_turns() -> None:
    for _ in range(100):
        await checkpoint()


async def _both_are_in(scheduler: Scheduler, kind: Any) -> None:
    await _many_turns()
    await scheduler.submit(kind())


async def _until(true: Any) -> None:
    while not true():
        await checkpoint()


async def test_changes_without_a_waiter_are_committed_after_a_delay(registry: Registry, clock: ManualClock) -> None:
    inside = list[JobContext]()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        inside.append(job)
        await anyio.sleep_forever()

    async with closed_gate(registry, clock=clock) as (scheduler, store, _):
        await scheduler.submit(work())
        await _until(lambda: inside)
        await written(scheduler)
        writer, tries = durable(scheduler).writer, store.tries
        for done in (1, 2):  # and again
            inside[0].progress(done)
            await _many_turns()
            assert store.tries == tries
            await clock.advance(0.02)
            tries += 1
            with anyio.fail_after(10):
                await _until(lambda: store.tries == tries and not writer.busy)  # noqa: B023
        assert [body["progress"][0] for _, body in store.bodies if body and "progress" in body] == [1, 2]
        store.fails = True  # it is tried again, less often
        inside[0].progress(3)
        for waited_s in (0.02, 1.0):
            await _many_turns()
            assert store.tries == tries
            await clock.advance(waited_s - 0.01)
            await _many_turns()
            assert store.tries == tries
            await clock.advance(0.01)
            tries += 1
            with anyio.fail_after(10):
                await _until(lambda: store.tries == tries)  # noqa: B023
        store.fails = False


async def test_code_that_runs_once_does_not_begin_before_its_commit(registry: Registry, clock: ManualClock) -> None:
    gate, begun = Gate(), list[int]()

    @registry.kind("work", max_running=1, on_restart="fail")
    async def work(job: JobContext, number: int) -> None:
        begun.append(number)
        if number == 1:
            await gate(job)

    async with closed_gate(registry, clock=clock) as (scheduler, store, _):
        await scheduler.submit(work(1))
        second = await scheduler.submit(work(2))
        await gate.begun.wait()
        await written(scheduler)
        store.fails, tries = True, store.tries
        gate.go_on.set()
        await _until(lambda: store.tries > tries)
        await _many_turns()
        assert begun == [1]
        store.fails = False
        await clock.advance(1)
        assert (await second.wait()).state is JobState.SUCCEEDED
    assert begun == [1, 2]


async def test_the_start_of_undos_is_committed_before_they_run(registry: Registry) -> None:
    gate, undone = Gate(), anyio.Event()

    @registry.compensation("refund")
    async def refund(context: CompensationContext) -> None:
        undone.set()

    @registry.kind("work", compensate_on={"failed"})
    async def work(job: JobContext) -> None:
        await gate(job)
        job.add_compensation("refund")
        raise ValueError("no")

    async with closed_gate(registry) as (scheduler, store, _):
        handle = await scheduler.submit(work())
        await gate.begun.wait()
        await written(scheduler)
        store.closed = True
        gate.go_on.set()
        await store.arrived()
        await _many_turns()
        assert not undone.is_set()  # another process could not give it the same token
        store.fail_one()  # but a broken disk keeps nothing from being undone
        await undone.wait()
        store.open_gate()
        failure = (await handle.wait()).failure
    assert failure is not None
    assert (failure.code, failure.message) == (FailureCode.HANDLER_ERROR, "no")
    assert failure.details["type"] == "builtins.ValueError"


async def test_two_concurrent_submits_with_a_key_are_one_job(registry: Registry) -> None:
    gate = Gate()
    kind = registry.kind("work")(gate)
    handles: list[JobHandle[str]] = []
    async with closed_gate(registry) as (scheduler, store, group):
        store.closed = True

        async def submit() -> None:
            handles.append(await scheduler.submit(kind(), key="k"))

        group.start_soon(submit)
        await store.arrived()
        group.start_soon(submit)
        await _turns()
        assert handles == []
        store.open_gate()
        await _until(lambda: len(handles) == 2)
        assert handles[0].id == handles[1].id
        assert sorted(handle.created for handle in handles) == [False, True]
        gate.go_on.set()


async def test_a_submit_retries_when_the_first_submit_of_its_key_fails(registry: Registry) -> None:
    gate = Gate()
    kind = registry.kind("work")(gate)
    outcomes: list[str] = []
    async with closed_gate(registry) as (scheduler, store, group):
        store.closed = True

        async def submit() -> None:
            try:
                outcomes.append("created" if (await scheduler.submit(kind(), key="k")).created else "found")
            except StoreError:
                outcomes.append("failed")

        group.start_soon(submit)
        await store.arrived()
        group.start_soon(submit)
        await _turns()
        store.fail_one()
        await _until(lambda: outcomes == ["failed"])
        store.open_gate()
        await _until(lambda: len(outcomes) == 2)
        assert outcomes == ["failed", "created"]
        gate.go_on.set()


async def test_a_key_that_expires_during_its_submit_is_free(registry: Registry, clock: ManualClock) -> None:
    gate = Gate()
    kind = registry.kind("work", key_ttl_s=1)(gate)
    errors, ids = list[StoreError](), list[str]()
    async with closed_gate(registry, clock=clock) as (scheduler, store, group):
        store.closed = True

        async def submit() -> None:
            try:
                ids.append((await scheduler.submit(kind(), key="k")).id)
            except StoreError as error:
                errors.append(error)

        group.start_soon(submit)
        await store.arrived()
        await clock.advance(2)
        group.start_soon(submit)
        await _turns()
        store.fail_one()
        await _until(lambda: errors)
        store.open_gate()
        await _until(lambda: ids)
        again = await scheduler.submit(kind(), key="k")
        assert ([again.id], again.created, len(errors)) == (ids, False, 1)
        gate.go_on.set()


async def test_a_submit_that_waits_for_a_key_fails_at_exit(registry: Registry, clock: ManualClock) -> None:
    kind = registry.kind("work")(Gate())
    messages: list[str] = []

    async def submit(scheduler: Scheduler) -> None:
        try:
            await scheduler.submit(kind(), key="k")
        except (StoreError, SchedulerClosedError) as error:
            messages.append(str(error))

    async with anyio.create_task_group() as group:
        with suppress(StoreError):  # if anything is left to write
            await _left_with_submits_on_their_way(registry, clock, group, submit)
    assert len(messages) == 9
    failed = [each for each in messages if "it is full" in each]
    assert failed
    assert all("cannot submit" in each for each in messages if each not in failed)  # they came when all was over


async def _left_with_submits_on_their_way(
    registry: Registry, clock: ManualClock, group: TaskGroup, submit: Callable[[Scheduler], Coroutine[Any, Any, None]]
) -> None:
    store = GatedStore()
    async with Scheduler(registry, store=store, clock=clock) as scheduler:
        store.closed = store.fails = True
        for _ in range(9):
            group.start_soon(submit, scheduler)
        await store.arrived()
        store.open_gate()


async def _turns() -> None:
    for _ in range(20):
        await checkpoint()


async def test_a_cancel_changes_nothing_before_it_is_committed(registry: Registry) -> None:
    gate = Gate()
    kind = registry.kind("work")(gate)
    verdicts: list[Verdict] = []
    async with closed_gate(registry) as (scheduler, store, group):
        handle = await scheduler.submit(kind())
        await gate.begun.wait()
        await written(scheduler)
        store.closed = True

        async def cancel() -> None:
            verdicts.append(await handle.cancel())

        group.start_soon(cancel)
        await store.arrived()
        await _turns()
        snapshot = await scheduler.get(handle.id)
        assert (snapshot.state, snapshot.cancel, verdicts) == (JobState.RUNNING, None, [])
        store.open_gate()
        assert (await handle.wait()).state is JobState.CANCELED
        await _until(lambda: verdicts)
        assert verdicts[0].outcome is Outcome.CANCELING


async def test_a_job_that_ends_during_the_commit_of_its_cancel_has_ended(registry: Registry) -> None:
    gate = Gate()
    kind = registry.kind("work")(gate)
    verdicts: list[Verdict] = []
    async with closed_gate(registry) as (scheduler, store, group):
        handle = await scheduler.submit(kind())
        await gate.begun.wait()
        await written(scheduler)
        store.closed = True

        async def cancel() -> None:
            verdicts.append(await handle.cancel())

        group.start_soon(cancel)
        await store.arrived()
        gate.go_on.set()
        assert (await ended(scheduler, handle.id)).result == "done"
        store.pass_one()
        await store.arrived()  # the commit of the job's end: the verdict waits for it
        await _turns()
        assert verdicts == []
        store.open_gate()
        await _until(lambda: verdicts)
        assert (verdicts[0].outcome, verdicts[0].state) == (Outcome.ALREADY_TERMINAL, JobState.SUCCEEDED)
    async with Scheduler(registry, store=store) as scheduler:
        snapshot = await scheduler.get(handle.id)
        assert (snapshot.state, snapshot.cancel, snapshot.result) == (JobState.SUCCEEDED, None, "done")
    assert [body for job_id, body in store.bodies if job_id == handle.id][-1]["final"] is True


async def test_a_refusing_stage_may_begin_during_the_commit_of_a_cancel(registry: Registry) -> None:
    entered, go_in, go_on = anyio.Event(), anyio.Event(), anyio.Event()

    async def handler(job: JobContext) -> None:
        await go_in.wait()
        async with job.stage("paying"):
            entered.set()
            await go_on.wait()

    kind = registry.kind("work", stages=[Stage("paying", on_cancel="refuse")])(handler)
    verdicts: list[Verdict] = []
    async with closed_gate(registry) as (scheduler, store, group):
        handle = await scheduler.submit(kind())
        await written(scheduler)
        store.closed = True

        async def cancel() -> None:
            verdicts.append(await handle.cancel())

        group.start_soon(cancel)
        await store.arrived()
        go_in.set()
        await entered.wait()
        store.open_gate()
        await _until(lambda: verdicts)
        assert (verdicts[0].outcome, verdicts[0].stage) == (Outcome.REFUSED, "paying")
        go_on.set()
        assert (await handle.wait()).state is JobState.SUCCEEDED


async def test_a_refusal_writes_nothing(registry: Registry) -> None:
    entered, go_on = anyio.Event(), anyio.Event()

    async def handler(job: JobContext) -> None:
        async with job.stage("paying"):
            entered.set()
            await go_on.wait()

    kind = registry.kind("work", stages=[Stage("paying", on_cancel="refuse")])(handler)
    async with closed_gate(registry) as (scheduler, store, _):
        handle = await scheduler.submit(kind())
        await entered.wait()
        await written(scheduler)
        tries_before = store.tries
        verdict = await handle.cancel()
        await written(scheduler)
        tries = store.tries
        go_on.set()
        assert (await handle.wait()).state is JobState.SUCCEEDED
        assert (verdict.outcome, tries) == (Outcome.REFUSED, tries_before)


@pytest.mark.parametrize("wrong", ["by", "reason"])
async def test_a_cancel_with_a_wrong_argument_names_it(registry: Registry, wrong: str) -> None:
    gate = Gate()
    kind = registry.kind("work")(gate)
    async with closed_gate(registry) as (scheduler, _, _):
        handle = await scheduler.submit(kind())
        words: Any = {wrong: 1}
        with pytest.raises(TypeError, match=f"^{wrong} must be"):
            await handle.cancel(**words)
        gate.go_on.set()
        snapshot = await handle.wait()
    assert (snapshot.state, snapshot.cancel) == (JobState.SUCCEEDED, None)


async def test_a_cancel_that_fails_to_commit_has_no_effect(registry: Registry) -> None:
    gate = Gate()
    kind = registry.kind("work")(gate)
    errors: list[StoreError] = []
    async with closed_gate(registry) as (scheduler, store, group):
        handle = await scheduler.submit(kind())
        await gate.begun.wait()
        await written(scheduler)
        store.closed = True

        async def cancel() -> None:
            try:
                await handle.cancel()
            except StoreError as error:
                errors.append(error)

        group.start_soon(cancel)
        await store.arrived()
        store.fail_one()
        await _until(lambda: errors)
        store.open_gate()
        gate.go_on.set()
        snapshot = await handle.wait()
        assert (snapshot.state, snapshot.cancel) == (JobState.SUCCEEDED, None)
    async with Scheduler(registry, store=store) as scheduler:
        assert (await scheduler.get(handle.id)).state is JobState.SUCCEEDED


async def test_submit_and_its_job_survive_caller_cancellation(registry: Registry) -> None:
    gate = Gate()
    kind = registry.kind("work")(gate)
    async with closed_gate(registry) as (scheduler, store, group):
        store.closed = True
        handles: list[JobHandle[str]] = []

        async def submit() -> None:
            with anyio.CancelScope() as scope:
                group.start_soon(_cancel_at_the_gate, store, scope)
                handles.append(await scheduler.submit(kind()))

        group.start_soon(submit)
        await _until(lambda: handles)  # its caller was cancelled, and got its handle
        await gate.begun.wait()
        gate.go_on.set()
        assert (await handles[0].wait()).state is JobState.SUCCEEDED


async def _cancel_at_the_gate(store: GatedStore, scope: anyio.CancelScope) -> None:
    await store.arrived()
    scope.cancel()
    await _turns()
    store.open_gate()


async def test_a_job_committed_while_the_scheduler_closes_stays_pending(registry: Registry) -> None:
    gate = Gate()
    kind = registry.kind("work")(gate)
    store = GatedStore()
    handles: list[JobHandle[str]] = []
    async with anyio.create_task_group() as group, Scheduler(registry, store=store) as scheduler:
        store.closed = True

        async def submit() -> None:
            handles.append(await scheduler.submit(kind()))

        group.start_soon(submit)
        await store.arrived()
        group.start_soon(_open_later, store)
    assert (await handles[0].wait()).state is JobState.PENDING
    assert not gate.begun.is_set()
    gate.go_on.set()
    async with Scheduler(registry, store=store) as scheduler:
        assert (await scheduler.wait(handles[0].id)).state is JobState.SUCCEEDED


async def _open_later(store: GatedStore) -> None:
    await _turns()
    store.open_gate()


async def test_a_committing_stage_waits_for_its_commit(registry: Registry) -> None:
    begun, at_it = anyio.Event(), anyio.Event()

    async def handler(job: JobContext) -> None:
        at_it.set()
        async with job.stage("paying"):
            begun.set()

    kind = registry.kind("work", stages=[Stage("paying", commits=True)])(handler)
    async with closed_gate(registry) as (scheduler, store, _):
        store.closed = True
        async with anyio.create_task_group() as submitting:
            submitting.start_soon(scheduler.submit, kind())
            await store.arrived()
            store.pass_one()
        await at_it.wait()
        await store.arrived()
        store.fail_one()
        await _turns()
        assert not begun.is_set()
        store.open_gate()
        await begun.wait()


async def test_a_cancel_ends_the_wait_for_the_commit_of_a_stage(registry: Registry, clock: ManualClock) -> None:
    at_it, go_in = anyio.Event(), anyio.Event()
    undone: list[str] = []

    async def undo() -> None:
        undone.append("undone")

    async def handler(job: JobContext) -> None:
        await go_in.wait()
        job.add_compensation(undo)
        at_it.set()
        async with job.stage("paying"):
            raise AssertionError("the stage began")

    kind = registry.kind("work", stages=[Stage("paying", commits=True)], timeout_s=60)(handler)
    async with closed_gate(registry, clock=clock) as (scheduler, store, _):
        handle = await scheduler.submit(kind())
        await written(scheduler)
        store.closed = True
        go_in.set()
        await at_it.wait()
        await store.arrived()
        store.fail_one()
        await _turns()
        await clock.advance(60)
        snapshot = await ended(scheduler, handle.id)
        assert snapshot.failure is not None
        assert (snapshot.failure.code, undone) == (FailureCode.TIMED_OUT, ["undone"])
