"""Invariants 1, 2, 4, 6, 13, 16: requests and answers."""

from __future__ import annotations

from functools import partial
from math import inf
from typing import cast

import anyio
import anyio.lowlevel
import pytest

from jobcancel import (
    FailureCode,
    JobContext,
    JobHandle,
    JobState,
    Outcome,
    Snapshot,
    Stage,
    Verdict,
)
from jobcancel._core.states import Event
from jobcancel.errors import IllegalTransitionError
from tests.invariants.conftest import Live, turns


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


async def test_1_nothing_runs_between_decision_and_transition(live: Live) -> None:
    handle = await live.submit(forever)
    request = live.scheduler.cancel(handle.id)
    with pytest.raises(StopIteration) as answer:
        request.send(None)  # one step, no await: the coroutine has returned
    assert answer.value.value.outcome is Outcome.CANCELING
    assert live.inside(handle).state is JobState.CANCELING


async def test_1_exactly_one_of_many_racing_requests_is_first(live: Live) -> None:
    handle = await live.submit(forever)
    verdicts: list[Verdict] = []

    async def ask(reason: str) -> None:
        verdicts.append(await handle.cancel(reason=reason))

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(ask, str(number))
    assert [verdict.outcome for verdict in verdicts].count(Outcome.CANCELING) == 1
    assert {verdict.outcome for verdict in verdicts} <= {
        Outcome.CANCELING,
        Outcome.ALREADY_CANCELING,
        Outcome.ALREADY_TERMINAL,
    }


async def test_2_every_waiter_wakes_when_a_job_settles(live: Live) -> None:
    handle = await live.submit(forever)
    states: list[JobState] = []

    async def wait() -> None:
        states.append((await handle.wait()).state)

    async with anyio.create_task_group() as group:
        for _ in range(30):
            group.start_soon(wait)
        await turns()
        await handle.cancel()
    assert states == [JobState.CANCELED] * 30


async def test_2_a_terminal_state_is_never_left(live: Live) -> None:
    handle = await live.submit(forever)
    await turns()
    job = live.inside(handle)
    await handle.cancel()
    settled = await handle.wait()
    for event in Event:
        with pytest.raises(IllegalTransitionError):
            job.apply(event, 0.0)
    assert await handle.wait() == settled
    terminal = {"succeeded", "partially_succeeded", "failed", "canceled"}
    assert [entry.step for entry in settled.history if entry.status in terminal] == ["unwound"]


async def test_2_a_late_return_of_abandoned_code_changes_nothing(live: Live) -> None:
    release = anyio.Event()

    async def stubborn(job: JobContext) -> str:
        with anyio.CancelScope(shield=True):
            await release.wait()
        return "too late"

    handle = await live.submit(stubborn, grace_s=1, on_grace_expired="abandon")
    await turns()
    await handle.cancel()
    await turns()
    await live.clock.advance(1)
    settled = await handle.wait()
    release.set()
    await turns()
    later = await live.scheduler.get(handle.id)
    assert (settled.state, later.state, later.result) == (JobState.CANCELED, JobState.CANCELED, None)


async def test_4_a_refused_request_leaves_no_trace_and_cancels_nothing(live: Live) -> None:
    in_stage, release = anyio.Event(), anyio.Event()

    async def publish(job: JobContext) -> str:
        async with job.stage("publish"):
            in_stage.set()
            await release.wait()
        await turns()  # a cancellation would land here
        async with job.stage("clean"):
            await turns()
        return "published"

    handle = await live.submit(publish, stages=[Stage("publish", on_cancel="refuse"), Stage("clean")])
    await in_stage.wait()
    verdict = await handle.cancel(reason="stop")
    release.set()
    snapshot = await handle.wait()
    assert (verdict.outcome, verdict.stage, bool(verdict)) == (Outcome.REFUSED, "publish", False)
    assert (snapshot.state, snapshot.result, snapshot.cancel) == (JobState.SUCCEEDED, "published", None)


async def test_6_work_that_finishes_after_an_accepted_cancel_succeeds(live: Live) -> None:
    async def finishes(job: JobContext) -> str:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            pass
        return "done all the same"

    handle = await live.submit(finishes)
    await turns()
    await handle.cancel(by="ada", reason="stop")
    snapshot = await handle.wait()
    assert (snapshot.state, snapshot.result) == (JobState.SUCCEEDED, "done all the same")
    assert snapshot.cancel is not None
    assert (snapshot.cancel.by, snapshot.cancel.reason, snapshot.cancel.ignored) == ("ada", "stop", True)
    assert snapshot.cancel.delivered_at is not None


async def test_6_an_error_while_unwinding_fails_the_job(live: Live) -> None:
    async def trips(job: JobContext) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise LookupError("no such row")

    handle = await live.submit(trips)
    await turns()
    await handle.cancel()
    snapshot = await handle.wait()
    assert snapshot.state is JobState.FAILED
    assert snapshot.failure is not None
    assert (snapshot.failure.code, snapshot.failure.message) == (FailureCode.HANDLER_ERROR, "no such row")


async def test_6_a_group_of_cancellations_only_is_a_cancellation(live: Live) -> None:
    async def groups(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            group.start_soon(anyio.sleep_forever)

    handle = await live.submit(groups)
    await turns()
    await handle.cancel()
    assert (await handle.wait()).state is JobState.CANCELED


async def test_6_one_error_among_cancellations_fails_the_job(live: Live) -> None:
    async def trips() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise LookupError("one leaf")

    async def groups(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            group.start_soon(trips)

    handle = await live.submit(groups)
    await turns()
    await handle.cancel()
    assert (await handle.wait()).state is JobState.FAILED


async def _race(live: Live, *, cancel_first: bool) -> tuple[Verdict, Snapshot[str]]:
    release = anyio.Event()

    async def work(job: JobContext) -> str:
        await release.wait()
        return "done"

    handle: JobHandle[str] = await live.submit(work)
    await turns()
    if cancel_first:
        verdict = await handle.cancel()
        release.set()
    else:
        release.set()
        await handle.wait()
        verdict = await handle.cancel()
    return verdict, await handle.wait()


async def test_13_a_cancel_before_the_end_is_accepted_and_recorded(live: Live) -> None:
    verdict, snapshot = await _race(live, cancel_first=True)
    assert verdict.outcome is Outcome.CANCELING
    assert snapshot.state in {JobState.CANCELED, JobState.SUCCEEDED}
    assert snapshot.cancel is not None


async def test_13_a_cancel_after_the_end_is_already_terminal(live: Live) -> None:
    verdict, snapshot = await _race(live, cancel_first=False)
    assert (verdict.outcome, verdict.state) == (Outcome.ALREADY_TERMINAL, JobState.SUCCEEDED)
    assert (snapshot.state, snapshot.cancel) == (JobState.SUCCEEDED, None)


async def test_16_submit_and_cancel_survive_caller_cancellation(live: Live) -> None:
    kind, verdicts = live.kind(forever), list[Verdict]()
    with anyio.CancelScope() as scope:
        scope.cancel()
        handle = await live.scheduler.submit(kind())
        verdicts.append(await live.scheduler.cancel(handle.id))
    assert [verdict.outcome for verdict in verdicts] == [Outcome.CANCELING]
    assert (await live.scheduler.wait(verdicts[0].job_id)).state is JobState.CANCELED


async def test_16_a_job_that_cancels_itself_gets_its_verdict_first(live: Live) -> None:
    async def quits(job: JobContext) -> None:
        seen.append((await live.scheduler.cancel(job.id)).outcome)
        seen.append("ran on to its next checkpoint")
        assert anyio.current_effective_deadline() == -inf  # and that one will raise
        await anyio.lowlevel.checkpoint()
        seen.append("ran past it")

    for _ in range(20):  # trio takes who is ready in any order
        seen = list[object]()
        handle = await live.submit(quits)
        assert (await handle.wait()).state is JobState.CANCELED
        assert seen == [Outcome.CANCELING, "ran on to its next checkpoint"]


async def test_a_snapshot_shares_nothing_with_the_live_job(live: Live) -> None:
    async def forever(job: JobContext) -> None:
        job.note("seen", what="first")
        await anyio.sleep_forever()

    handle: JobHandle[None] = await live.scheduler.submit(live.kind(forever)(), labels={"team": "a"})
    await turns()
    snapshot = await live.scheduler.get(handle.id)
    cast("dict[str, str]", snapshot.labels)["team"] = "b"
    cast("dict[str, str]", snapshot.history[-1].details)["what"] = "forged"
    again = await live.scheduler.get(handle.id)
    assert (again.labels, again.history[-1].details) == ({"team": "a"}, {"what": "first"})


async def test_a_wait_timeout_uses_the_schedulers_clock(live: Live) -> None:
    async def forever(job: JobContext) -> None:
        await anyio.sleep_forever()

    handle = await live.submit(forever)
    async with anyio.create_task_group() as group:
        waiting = partial(handle.wait, timeout_s=3600)
        group.start_soon(waiting)
        await turns()
        await live.clock.advance(3600)
    assert not (await live.scheduler.get(handle.id)).settled
