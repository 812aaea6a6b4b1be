"""Handles: waiting, results, cancels, and what they say of themselves."""

from __future__ import annotations

import pickle

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import CancelCause, FailureCode, JobContext, JobHandle, JobState, Outcome, Partial, Registry, Scheduler
from jobcancel.errors import DeadlockError, JobCanceledError, JobFailedError
from jobcancel.testing import ManualClock


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


async def test_the_result_is_what_the_handler_returned(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> dict[str, int]:
        return {"answer": 42}

    handle = await scheduler.submit(work())

    assert await handle.result() == {"answer": 42}
    assert await handle.result() == {"answer": 42}, "asking twice asks the settled job"


async def test_the_result_of_a_partial_success_is_its_value(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> Partial[list[int]]:
        return Partial([1, 2])

    handle = await scheduler.submit(work())

    assert await handle.result() == [1, 2]
    assert (await handle.wait()).state is JobState.PARTIALLY_SUCCEEDED
    assert (await handle.wait()).result == [1, 2]


async def test_a_handler_may_return_a_partial_success(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext, *, whole: bool) -> int | Partial[int]:
        return 2 if whole else Partial(1)

    assert await (await scheduler.submit(work(whole=True))).result() == 2
    assert await (await scheduler.submit(work(whole=False))).result() == 1


async def test_the_result_of_a_failed_job_raises_with_the_snapshot(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        raise LookupError("no such page")

    handle = await scheduler.submit(work())
    with pytest.raises(JobFailedError, match="HANDLER_ERROR: no such page") as raised:
        await handle.result()

    failure = raised.value.snapshot.failure
    assert failure is not None
    assert (failure.code, failure.message) == (FailureCode.HANDLER_ERROR, "no such page")
    assert failure.details["type"] == "builtins.LookupError"
    assert 'raise LookupError("no such page")' in failure.details["traceback"]
    copy = pickle.loads(pickle.dumps(raised.value))  # noqa: S301  # dumped right here
    assert copy.snapshot == raised.value.snapshot


async def test_the_result_of_a_canceled_job_raises_with_the_snapshot(registry: Registry, scheduler: Scheduler) -> None:
    handle = await scheduler.submit(registry.kind("work")(forever)())
    await handle.cancel(by="me", reason="no longer needed")

    with pytest.raises(JobCanceledError, match=r"was canceled .*no longer needed") as raised:
        await handle.result()
    cancel = raised.value.snapshot.cancel
    assert cancel is not None
    assert (cancel.cause, cancel.by, cancel.reason) == (CancelCause.USER, "me", "no longer needed")


async def test_a_wait_that_times_out_returns_the_unsettled_job(registry: Registry, scheduler: Scheduler) -> None:
    handle = await scheduler.submit(registry.kind("work")(forever)())

    assert not (await handle.wait(timeout_s=0)).settled
    assert not (await scheduler.wait(handle.id, timeout_s=0)).settled
    assert (await handle.wait(timeout_s=0)).state is JobState.RUNNING


async def test_a_wait_with_a_timeout_returns_the_settled_job(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await checkpoint()

    handle = await scheduler.submit(work())

    assert (await scheduler.wait(handle.id, timeout_s=3600)).state is JobState.SUCCEEDED
    assert (await scheduler.wait(handle.id, timeout_s=0)).state is JobState.SUCCEEDED, "settled already"


async def test_cancelling_a_wait_does_not_cancel_the_job(registry: Registry, scheduler: Scheduler) -> None:
    release = anyio.Event()

    @registry.kind("work")
    async def work(job: JobContext) -> str:
        await release.wait()
        return "done"

    handle = await scheduler.submit(work())
    async with anyio.create_task_group() as group:
        group.start_soon(handle.wait)
        group.start_soon(handle.result)
        await checkpoint()
        group.cancel_scope.cancel()
    release.set()

    assert await handle.result() == "done"
    assert (await handle.wait()).cancel is None


async def test_every_waiter_is_woken(registry: Registry, scheduler: Scheduler) -> None:
    release, woken = anyio.Event(), list[JobState]()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await release.wait()

    handle = await scheduler.submit(work())

    async def wait() -> None:
        woken.append((await handle.wait()).state)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(wait)
        await checkpoint()
        release.set()
    assert woken == [JobState.SUCCEEDED] * 3


async def test_a_handle_reads_its_job_after_retention(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    @registry.kind("work", retain_s=10)
    async def work(job: JobContext) -> int:
        return 1

    handle = await scheduler.submit(work())
    await handle.wait()
    await clock.advance(11)

    assert (await scheduler.find()).jobs == ()
    assert await handle.result() == 1
    assert (await handle.cancel()).outcome is Outcome.ALREADY_TERMINAL


async def test_the_repr_of_a_handle_and_a_job_names_the_job(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> str:
        return repr(job)

    call = work()
    handle = await scheduler.submit(call)

    assert repr(call) == "<call of work>"
    assert repr(handle) == f"<handle of job {handle.id} (work)>"
    assert await handle.result() == f"<job {handle.id} (work), running>"


async def test_a_job_knows_its_id_kind_attempt_labels_and_app(registry: Registry, anyio_backend: object) -> None:
    pool = object()
    seen: list[object] = []

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        seen.extend([job.id, job.kind, job.attempt, job.labels, job.app, job.cancel_requested])

    async with Scheduler(registry, app=pool) as scheduler:
        handle = await scheduler.submit(work(), labels={"size": "big"})
        await handle.wait()

    assert seen == [handle.id, "work", 1, {"size": "big"}, pool, False]


async def test_a_job_that_awaits_its_own_result_gets_a_deadlock_error(registry: Registry, scheduler: Scheduler) -> None:
    own = list[JobHandle[None]]()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await own[0].result()

    own.append(await scheduler.submit(work()))
    failure = (await own[0].wait()).failure

    assert failure is not None
    assert failure.details["type"] == f"{DeadlockError.__module__}.DeadlockError"
    assert failure.message.startswith(f"job {own[0].id} would wait for itself for ever")
