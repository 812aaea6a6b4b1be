"""Cancel requests through the scheduler: one, many, and the dry run. What each state answers is the core's to test."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import (
    CancelCause,
    JobContext,
    JobState,
    OnCancel,
    Outcome,
    Registry,
    Scheduler,
    Snapshot,
    Stage,
    Verdict,
)
from jobcancel.errors import JobNotFoundError


class Staged:
    """A kind whose job stays in one stage until it is released."""

    def __init__(self, registry: Registry, on_cancel: str, name: str = "staged") -> None:
        self.inside, self.release = anyio.Event(), anyio.Event()

        @registry.kind(name, stages=[Stage("stage", on_cancel=OnCancel(on_cancel))])
        async def work(job: JobContext) -> str:
            async with job.stage("stage"):
                self.inside.set()
                await self.release.wait()
            return "done"

        self.kind = work


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


def verdict(snapshot: Snapshot[Any], outcome: str, state: str, stage: str | None = None) -> Verdict:
    return Verdict(snapshot.id, Outcome(outcome), JobState(state), stage)


@pytest.mark.parametrize(
    ("on_cancel", "options", "outcome", "state"),
    [
        ("interrupt", {}, "canceling", "canceling"),
        ("defer", {}, "deferred", "canceling"),
        ("refuse", {}, "refused", "running"),
        ("refuse", {"defer": True}, "deferred", "canceling"),
        ("refuse", {"force": True}, "canceling", "canceling"),
        ("defer", {"force": True}, "canceling", "canceling"),
    ],
)
async def test_a_dry_run_answers_as_the_cancel_and_changes_nothing(
    registry: Registry, scheduler: Scheduler, on_cancel: str, options: dict[str, Any], outcome: str, state: str
) -> None:
    staged = Staged(registry, on_cancel)
    handle = await scheduler.submit(staged.kind())
    await staged.inside.wait()
    before = await scheduler.get(handle.id)

    dry = await scheduler.can_cancel(handle.id, **options)
    assert await scheduler.get(handle.id) == before

    expected = verdict(before, outcome, state, "stage")
    assert (dry, await handle.cancel(**options)) == (expected, expected)
    if outcome != "canceling":
        staged.release.set()
    ended = await handle.wait()
    assert ended.state is (JobState.SUCCEEDED if outcome == "refused" else JobState.CANCELED)


async def test_a_dry_run_of_a_settled_job_answers_already_terminal(registry: Registry, scheduler: Scheduler) -> None:
    staged = Staged(registry, "refuse")
    handle = await scheduler.submit(staged.kind())
    staged.release.set()
    snapshot = await handle.wait()

    expected = verdict(snapshot, "already_terminal", "succeeded")
    assert await scheduler.can_cancel(handle.id) == expected
    assert await scheduler.cancel(handle.id) == expected
    assert not expected


async def test_a_cancel_records_requester_reason_and_outcome(registry: Registry, scheduler: Scheduler) -> None:
    handle = await scheduler.submit(registry.kind("work")(forever)())
    await handle.wait(timeout_s=0)

    assert await scheduler.cancel(handle.id, by="operator", reason="costs too much")
    assert (await scheduler.cancel(handle.id, by="another")).outcome is Outcome.ALREADY_CANCELING
    cancel = (await handle.wait()).cancel

    assert cancel is not None
    assert (cancel.cause, cancel.by, cancel.reason) == (CancelCause.USER, "operator", "costs too much")
    assert (cancel.outcome, cancel.forced, cancel.ignored) == (Outcome.CANCELING, False, False)
    assert cancel.delivered_at is not None
    assert cancel.compensated


@pytest.mark.parametrize("option", ["by", "reason"])
async def test_a_requester_that_is_no_string_cancels_nothing(
    registry: Registry, scheduler: Scheduler, option: str
) -> None:
    handle = await scheduler.submit(registry.kind("work")(forever)())
    bad: dict[str, Any] = {option: 7}

    with pytest.raises(TypeError, match=f"{option} must be a string or None, not int"):
        await scheduler.cancel(handle.id, **bad)
    assert (await handle.wait(timeout_s=0)).cancel is None


async def test_a_force_on_a_held_cancel_delivers_it_at_once(registry: Registry, scheduler: Scheduler) -> None:
    staged = Staged(registry, "defer")
    handle = await scheduler.submit(staged.kind())
    await staged.inside.wait()

    assert (await handle.cancel(reason="first")).outcome is Outcome.DEFERRED
    assert (await handle.cancel(by="operator", force=True)).outcome is Outcome.CANCELING
    snapshot = await handle.wait()  # the stage is never released

    assert snapshot.state is JobState.CANCELED
    assert snapshot.cancel is not None
    assert (snapshot.cancel.reason, snapshot.cancel.by, snapshot.cancel.forced) == ("first", None, True)


async def test_a_pending_job_that_is_canceled_never_runs(registry: Registry, anyio_backend: Any) -> None:
    first_begun, begun = anyio.Event(), list[str]()

    @registry.kind("work", max_running=1)
    async def work(job: JobContext) -> None:
        begun.append(job.id)
        first_begun.set()
        await anyio.sleep_forever()

    async with Scheduler(registry) as scheduler:
        first, second = await scheduler.submit(work()), await scheduler.submit(work())
        await first_begun.wait()
        assert (await second.cancel()).outcome is Outcome.CANCELED
        assert (await second.wait()).started_at is None
    assert begun == [first.id]


async def test_cancel_many_cancels_exactly_the_jobs_that_match(registry: Registry, scheduler: Scheduler) -> None:
    one, other = registry.kind("one")(forever), registry.kind("other")(forever)
    waiting = registry.kind("waiting", max_running=1)(forever)
    a = await scheduler.submit(one(), owner="a", labels={"size": "big", "color": "red"})
    b = await scheduler.submit(one(), owner="b", labels={"size": "big"})
    c = await scheduler.submit(other(), owner="a", labels={"size": "small"})
    d = await scheduler.submit(waiting(), owner="a")
    e = await scheduler.submit(waiting(), owner="a")

    async def asked(**filters: Any) -> set[str]:
        return {job_id for job_id, verdict in (await scheduler.cancel_many(**filters)).items() if verdict}

    assert await asked(owner="c") == set()
    assert await asked(kind="one", labels={"size": "small"}) == set()
    assert await asked(state="pending") == {e.id}
    assert await asked(labels={"size": "big", "color": "red"}) == {a.id}
    assert await asked(kind="other", state=JobState.RUNNING) == {c.id}
    assert await asked(owner="a", kind="waiting") == {d.id}
    assert await asked(by="operator", reason="closing") == {a.id, b.id, c.id, d.id}
    cancel = (await b.wait()).cancel
    assert cancel is not None
    assert (cancel.by, cancel.reason) == ("operator", "closing")


async def test_cancel_many_skips_settled_jobs_and_passes_its_options(registry: Registry, scheduler: Scheduler) -> None:
    done, open_ = Staged(registry, "refuse", "done"), Staged(registry, "refuse", "open")
    first = await scheduler.submit(done.kind())
    done.release.set()
    await first.wait()
    second = await scheduler.submit(open_.kind())
    await open_.inside.wait()

    refused = verdict(await second.wait(timeout_s=0), "refused", "running", "stage")
    assert await scheduler.cancel_many() == {second.id: refused}
    assert (await scheduler.cancel_many(defer=True))[second.id].outcome is Outcome.DEFERRED
    assert (await scheduler.cancel_many(force=True))[second.id].outcome is Outcome.CANCELING
    assert (await second.wait()).state is JobState.CANCELED


async def test_cancel_many_refuses_a_state_that_does_not_exist(scheduler: Scheduler) -> None:
    with pytest.raises(ValueError, match=r'^state must be one of "canceled", .*, or None for every state'):
        await scheduler.cancel_many(state="cancelled")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("settled", [False, True])
async def test_another_owners_job_is_not_found(registry: Registry, scheduler: Scheduler, settled: bool) -> None:
    handle = await scheduler.submit(registry.kind("work")(forever)(), owner="me")
    if settled:
        await handle.cancel()
        await handle.wait()
    before = await scheduler.get(handle.id, owner="me")

    for job_id, owner in ((handle.id, "you"), (handle.id, ""), ("job_of_nobody", None), ("job_of_nobody", "me")):
        calls: list[Any] = [scheduler.cancel, scheduler.can_cancel, scheduler.get, scheduler.wait]
        for call in calls:
            with pytest.raises(JobNotFoundError, match=job_id):
                await call(job_id, owner=owner)
        with pytest.raises(JobNotFoundError, match=job_id):
            scheduler.watch(job_id, owner=owner)
    assert await scheduler.get(handle.id, owner="me") == before
    assert await scheduler.cancel_many(owner="you") == {}
    assert (await scheduler.find(owner="you")).jobs == ()


async def test_the_owner_reaches_its_job_by_every_method(registry: Registry, scheduler: Scheduler) -> None:
    handle = await scheduler.submit(registry.kind("work")(forever)(), owner="me")

    assert (await scheduler.get(handle.id, owner="me")).owner == "me"
    assert await scheduler.can_cancel(handle.id, owner="me")
    assert await scheduler.cancel(handle.id, owner="me")
    async with scheduler.watch(handle.id, owner="me") as snapshots:
        assert [snapshot.state async for snapshot in snapshots][-1] is JobState.CANCELED
    assert (await scheduler.wait(handle.id, owner="me")).state is JobState.CANCELED
