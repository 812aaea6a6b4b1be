"""What tears a stage or a compensation, and what that makes of the job."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from jobcancel import FailureCode, JobContext, JobState, OnCancel, Outcome, Stage
from jobcancel.errors import StageActiveError
from tests.invariants.conftest import Live

ASYNCIO = pytest.mark.parametrize("anyio_backend", [("asyncio", {})], ids=["asyncio"])


@pytest.mark.parametrize("policy", ["defer", "refuse"])
async def test_5_a_nested_stage_is_refused_and_releases_no_held_cancel(live: Live, policy: str) -> None:
    charging, release, whole = anyio.Event(), anyio.Event(), list[str]()

    async def pays(job: JobContext) -> None:
        async with job.stage("charge"):
            charging.set()
            await release.wait()
            with pytest.raises(StageActiveError):
                async with job.stage("other"):
                    raise AssertionError("stages do not nest")
            await anyio.lowlevel.checkpoint()
            whole.append("charged")

    handle = await live.submit(pays, stages=[Stage("charge", on_cancel=OnCancel(policy)), Stage("other")])
    await charging.wait()
    assert (await live.scheduler.cancel(handle.id, defer=True)).outcome is Outcome.DEFERRED
    release.set()
    assert (await handle.wait()).state is JobState.CANCELED
    assert whole == ["charged"]


async def leaked() -> BaseException:
    """Return a cancellation that has outlived the scope it was for; trio lets none be made by hand."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.lowlevel.checkpoint()
        except anyio.get_cancelled_exc_class() as error:
            return error
    raise AssertionError("a cancelled scope did not cancel")


async def test_5_a_cancellation_that_tears_a_shielded_stage_is_foreign(live: Live) -> None:
    charging, release = anyio.Event(), anyio.Event()

    async def pays(job: JobContext) -> None:
        async with job.stage("charge"):
            charging.set()
            await release.wait()
            raise await leaked()

    handle = await live.submit(pays, stages=[Stage("charge", on_cancel="defer")])
    await charging.wait()
    assert (await handle.cancel()).outcome is Outcome.DEFERRED
    release.set()
    snapshot = await handle.wait()
    assert snapshot.failure is not None
    assert snapshot.cancel is not None
    assert (snapshot.failure.code, snapshot.cancel.pierced) == (FailureCode.FOREIGN_CANCEL, True)


async def test_a_job_that_catches_a_foreign_cancel_gets_its_held_cancel(live: Live) -> None:
    charging, release = anyio.Event(), anyio.Event()

    async def pays(job: JobContext) -> None:
        try:
            async with job.stage("charge"):
                charging.set()
                await release.wait()
                raise await leaked()
        except anyio.get_cancelled_exc_class():
            await anyio.sleep_forever()

    handle = await live.submit(pays, stages=[Stage("charge", on_cancel="defer")])
    await charging.wait()
    assert (await handle.cancel()).outcome is Outcome.DEFERRED
    release.set()
    snapshot = await handle.wait()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.pierced) == (JobState.CANCELED, False)


@ASYNCIO
async def test_a_jobs_own_native_timeout_is_no_foreign_cancel(anyio_backend: Any, live: Live) -> None:
    begun = anyio.Event()

    async def handler(job: JobContext) -> None:
        try:
            async with asyncio.timeout(None) as own, job.stage("work"):
                begun.set()
                timeouts.append(own)
                await anyio.sleep_forever()
        except TimeoutError:
            await anyio.sleep_forever()

    timeouts: list[asyncio.Timeout] = []
    handle = await live.submit(handler, stages=[Stage("work", on_cancel="defer")])
    await begun.wait()
    await handle.cancel()
    timeouts[0].reschedule(0)
    snapshot = await handle.wait()
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.pierced) == (JobState.CANCELED, False)


@ASYNCIO
async def test_a_native_cancel_at_the_end_tears_no_compensation(anyio_backend: Any, live: Live) -> None:
    undone: list[str] = []

    async def refund() -> None:
        await anyio.lowlevel.checkpoint()
        undone.append("refund")

    async def handler(job: JobContext) -> None:
        job.add_compensation(refund)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        raise LookupError

    await (await live.submit(handler)).wait()
    assert undone == ["refund"]
