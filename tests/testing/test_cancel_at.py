"""``cancel_at``: one request, exactly at the entry of a stage, and an error if the job never enters it."""

from __future__ import annotations

from typing import Any, cast

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import Call, JobContext, Registry, Scheduler, Stage
from jobcancel.errors import StageNotReachedError
from jobcancel.testing import Run, cancel_at


def of_three_stages(registry: Registry, seen: list[str]) -> Call[str]:
    """Return a call of a job whose stages interrupt, refuse and defer; ``seen`` gets the steps that it made."""
    stages = [Stage("cloning"), Stage("opening_pr", on_cancel="refuse"), Stage("finalizing", on_cancel="defer")]

    @registry.kind("ingest", stages=stages)
    async def ingest(job: JobContext) -> str:
        seen.append("began")
        for stage in ("cloning", "opening_pr", "finalizing"):
            async with job.stage(stage):
                seen.append(f"{stage}, cancel requested" if job.cancel_requested else stage)
                await checkpoint()
                await checkpoint()
            seen.append(f"{stage} done")
        return "a value"

    return ingest()


def facts(run: Run[Any]) -> tuple[str, str, str | None, str, object]:
    """Return outcome, state and stage of the verdict, and state and result of the settled job."""
    (verdict,) = run.verdicts
    assert run.verdict is verdict
    assert verdict.job_id == run.snapshot.id
    return (verdict.outcome, verdict.state, verdict.stage, run.snapshot.state, run.snapshot.result)


async def test_cancel_before_the_first_step_never_runs_the_handler(registry: Registry, scheduler: Scheduler) -> None:
    seen: list[str] = []
    run = await cancel_at(scheduler, of_three_stages(registry, seen), stage=None)
    assert facts(run) == ("canceling", "canceling", None, "canceled", None)
    assert seen == []


async def test_interrupting_stage_ends_at_its_first_checkpoint(registry: Registry, scheduler: Scheduler) -> None:
    seen: list[str] = []
    run = await cancel_at(scheduler, of_three_stages(registry, seen), stage="cloning")
    assert facts(run) == ("canceling", "canceling", "cloning", "canceled", None)
    assert seen == ["began", "cloning, cancel requested"]


async def test_refusing_stage_refuses_and_the_job_succeeds(registry: Registry, scheduler: Scheduler) -> None:
    seen: list[str] = []
    run = await cancel_at(scheduler, of_three_stages(registry, seen), stage="opening_pr")
    assert facts(run) == ("refused", "running", "opening_pr", "succeeded", "a value")
    assert run.snapshot.cancel is None
    assert seen == [
        *("began", "cloning", "cloning done", "opening_pr", "opening_pr done", "finalizing", "finalizing done"),
    ]


async def test_deferring_stage_completes_before_the_cancel(registry: Registry, scheduler: Scheduler) -> None:
    seen: list[str] = []
    run = await cancel_at(scheduler, of_three_stages(registry, seen), stage="finalizing")
    assert facts(run) == ("deferred", "canceling", "finalizing", "canceled", None)
    assert seen[-1] == "finalizing, cancel requested", "a return in or after that stage has no effect"
    assert [entry.status for entry in run.snapshot.history if entry.step == "finalizing"] == ["done"]


async def test_requester_reason_and_options_reach_the_request(registry: Registry, scheduler: Scheduler) -> None:
    call = of_three_stages(registry, [])
    deferred = await cancel_at(scheduler, call, stage="opening_pr", by="ada", reason="too slow", defer=True)
    forced = await cancel_at(scheduler, call, stage="opening_pr", force=True)

    assert facts(deferred) == ("deferred", "canceling", "opening_pr", "canceled", None)
    assert deferred.snapshot.cancel is not None
    assert (deferred.snapshot.cancel.by, deferred.snapshot.cancel.reason) == ("ada", "too slow")
    assert (deferred.snapshot.cancel.cause, deferred.snapshot.cancel.forced) == ("user", False)
    assert facts(forced) == ("canceling", "canceling", "opening_pr", "canceled", None)
    assert forced.snapshot.cancel is not None
    assert forced.snapshot.cancel.forced


async def test_cancel_at_makes_one_request_at_the_first_entry(registry: Registry, scheduler: Scheduler) -> None:
    done: list[int] = []

    @registry.kind("chunks", stages=[Stage("chunk", on_cancel="defer")])
    async def chunks(job: JobContext) -> None:
        for number in range(3):
            async with job.stage("chunk"):
                job.note("a change of the job while the stage is open")
                await checkpoint()
                done.append(number)

    run = await cancel_at(scheduler, chunks(), stage="chunk")

    # a second request would be answered already_canceling
    assert facts(run) == ("deferred", "canceling", "chunk", "canceled", None)
    assert done == [0]


async def test_pending_job_is_withdrawn(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("one", max_running=1)
    async def one(job: JobContext) -> None:
        await anyio.sleep_forever()

    first = await scheduler.submit(one())
    run = await cancel_at(scheduler, one(), stage=None)
    assert facts(run) == ("canceled", "canceled", None, "canceled", None)
    assert (await first.wait(timeout_s=0)).state == "running"


async def test_undeclared_stage_of_a_strict_kind_is_rejected_before_the_submit(
    registry: Registry, scheduler: Scheduler
) -> None:
    with pytest.raises(ValueError, match=r"^kind 'ingest' declares no stage 'clonning'; ") as caught:
        await cancel_at(scheduler, of_three_stages(registry, []), stage="clonning")
    assert "declared: cloning, opening_pr, finalizing (" in str(caught.value)
    assert (await scheduler.find()).jobs == ()


@pytest.mark.parametrize("stages", [[], [Stage("other")]], ids=["declares none", "not strict"])
async def test_stage_of_a_kind_that_is_not_strict_needs_no_declaration(
    registry: Registry, scheduler: Scheduler, stages: list[Stage]
) -> None:
    @registry.kind("free", stages=stages, strict=False)
    async def free(job: JobContext) -> None:
        async with job.stage("on_the_way"):
            await anyio.sleep_forever()

    run = await cancel_at(scheduler, free(), stage="on_the_way")
    assert facts(run) == ("canceling", "canceling", "on_the_way", "canceled", None)


async def test_stage_not_reached_error_has_the_end_of_the_job(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("early", stages=[Stage("first"), Stage("second")])
    async def early(job: JobContext, problem: str | None) -> None:
        async with job.stage("first"):
            if problem is not None:
                raise RuntimeError(problem)

    with pytest.raises(StageNotReachedError) as fine:
        await cancel_at(scheduler, early(None), stage="second")
    with pytest.raises(StageNotReachedError) as failed:
        await cancel_at(scheduler, early("no disk"), stage="second")

    assert fine.value.stage == "second"
    assert fine.value.job_id == fine.value.snapshot.id
    assert fine.value.snapshot.state == "succeeded"
    assert fine.value.snapshot.cancel is None
    assert str(failed.value).endswith("; it ended failed: HANDLER_ERROR: no disk")


async def test_cancelled_wait_makes_no_later_request(registry: Registry, scheduler: Scheduler) -> None:
    begun, proceed = anyio.Event(), anyio.Event()

    @registry.kind("slow", stages=[Stage("late")])
    async def slow(job: JobContext) -> str:
        begun.set()
        await proceed.wait()
        async with job.stage("late"):
            await checkpoint()
        return "untouched"

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(cancel_when, begun, scope)
            await cancel_at(scheduler, slow(), stage="late")
    assert scope.cancelled_caught
    (job,) = (await scheduler.find()).jobs
    assert job.state == "running", "a cancelled wait does not cancel the job"
    proceed.set()
    assert (await scheduler.wait(job.id)).result == "untouched"


async def cancel_when(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def test_cancel_at_needs_a_scheduler_of_this_process(registry: Registry) -> None:
    class Remote:
        async def submit(self, call: Call[str]) -> object:
            return object()

    with pytest.raises(TypeError, match=r"^cancel_at needs a jobcancel\.Scheduler of this process, not Remote$"):
        await cancel_at(cast("Any", Remote()), of_three_stages(registry, []), stage="cloning")


async def test_watch_of_the_same_job_sees_its_end(registry: Registry, scheduler: Scheduler) -> None:
    states, runs = list[str](), list[Run[None]]()
    watching = anyio.Event()

    @registry.kind("watched", stages=[Stage("working")])
    async def watched(job: JobContext) -> None:
        await watching.wait()
        async with job.stage("working"):
            await anyio.sleep_forever()

    async def watch() -> None:
        (job,) = (await scheduler.find()).jobs
        async with scheduler.watch(job.id) as snapshots:
            async for snapshot in snapshots:
                states.append(snapshot.state)
                watching.set()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        runs.append(await cancel_at(scheduler, watched(), stage="working"))
    assert facts(runs[0])[0] == "canceling"
    assert (states[0], states[-1]) == ("running", "canceled")


async def test_run_without_a_request_has_no_verdict(registry: Registry, scheduler: Scheduler) -> None:
    handle = await scheduler.submit(of_three_stages(registry, []))
    run = Run((), await handle.wait())
    with pytest.raises(LookupError, match=f"^no cancel of job {handle.id} was requested in this run"):
        _ = run.verdict


async def test_str_of_a_run_has_verdicts_and_timeline(registry: Registry, scheduler: Scheduler) -> None:
    run = await cancel_at(scheduler, of_three_stages(registry, []), stage="opening_pr")
    again = Run((run.verdict, await scheduler.cancel(run.snapshot.id)), run.snapshot)
    assert str(again).splitlines()[:4] == [
        "verdict refused: in stage opening_pr, state then running",
        "verdict already_terminal: between stages, state then succeeded",
        f"job {run.snapshot.id} (ingest): succeeded",
        "        at   took  step        status     details",
    ]
