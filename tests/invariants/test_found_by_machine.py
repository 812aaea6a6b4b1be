"""What the machine of ``tests.stateful`` found broken, each as the shortest program that shows it."""

from __future__ import annotations

import anyio.lowlevel
import pytest

from jobcancel import FailureCode, JobContext, JobState, OnCancel, Outcome, Stage
from jobcancel.errors import JobNotFoundError, StageActiveError
from tests.invariants.conftest import Live, turns


@pytest.mark.parametrize("policy", ["defer", "refuse"])
async def test_5_a_stage_within_a_stage_is_refused_and_does_not_let_a_held_cancel_in(live: Live, policy: str) -> None:
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


async def test_5_a_cancellation_that_tears_a_stage_under_a_held_one_is_foreign_on_every_loop(live: Live) -> None:
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


async def test_a_job_that_deals_with_what_tore_its_stage_is_canceled_by_the_cancel_that_was_held(live: Live) -> None:
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


async def test_an_abandoned_job_is_not_kept_longer_because_another_settled_before_its_code_ended(live: Live) -> None:
    release = anyio.Event()

    async def stubborn(job: JobContext, *, waits: bool) -> None:
        if waits:
            with anyio.CancelScope(shield=True):
                await release.wait()

    kind = live.kind(stubborn, grace_s=1, on_grace_expired="abandon", retain_s=10)
    abandoned = await live.scheduler.submit(kind(waits=True))
    await turns()
    await abandoned.cancel()
    await turns()
    await live.clock.advance(1)
    assert (await abandoned.wait()).state is JobState.CANCELED
    await live.clock.advance(8)
    other = await live.scheduler.submit(kind(waits=False))
    await other.wait()
    await turns()
    release.set()
    await turns()
    assert [job.id for job in (await live.scheduler.find()).jobs] == [other.id, abandoned.id]
    await live.clock.advance(2)
    with pytest.raises(JobNotFoundError):
        await live.scheduler.get(abandoned.id)
    assert (await live.scheduler.get(other.id)).settled
    await live.clock.advance(8)
    assert (await live.scheduler.find()).jobs == ()
