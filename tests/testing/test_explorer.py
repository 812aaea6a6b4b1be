"""The points at which ``explore`` requests a cancel, and the requests that it makes there."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import Call, JobContext, Registry, Stage
from jobcancel.testing import Request, explore

from .exploring import Answers, make_for, two_steps


async def test_explore_covers_first_step_awaits_and_end() -> None:
    async def work(job: JobContext) -> None:
        await two_steps()

    answers = Answers()
    report = await explore(make_for(work), check=answers)

    assert (report.points, report.covered, report.runs) == (4, 4, 5)
    assert answers.runs == [
        ([], "succeeded"),
        (["canceling"], "canceled"),  # before its first step
        (["canceling"], "canceled"),
        (["canceling"], "canceled"),
        (["canceling"], "succeeded"),  # after its last step there is nothing to interrupt
    ]
    assert report.ok


async def test_explore_covers_entry_and_exit_of_stages() -> None:
    async def work(job: JobContext) -> None:
        for name in ("rendering", "uploading", "paying", "closing"):
            async with job.stage(name):
                await checkpoint()

    stages = [
        Stage("rendering"),
        Stage("uploading", on_cancel="refuse"),
        Stage("paying", on_cancel="defer"),
        Stage("closing", on_cancel="defer", commits=True),
    ]
    answers = Answers()
    report = await explore(make_for(work, stages=stages), check=answers)

    assert (report.points, report.covered) == (14, 14)
    assert answers.runs == [
        ([], "succeeded"),
        (["canceling"], "canceled"),
        *[(["canceling"], "canceled")] * 3,  # rendering: entry, await, exit
        *[(["refused"], "succeeded")] * 2,
        (["canceling"], "canceled"),  # exit of uploading: no stage shields the job there
        *[(["deferred"], "canceled")] * 2,
        (["canceling"], "canceled"),
        *[(["deferred"], "succeeded")] * 2,  # past the point of no return the job finishes
        (["canceling"], "succeeded"),
        (["canceling"], "succeeded"),
    ]
    assert report.ok


async def test_explore_covers_tasks_of_the_job() -> None:
    async def work(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(two_steps)
            group.start_soon(two_steps)
            await checkpoint()

    answers = Answers()
    report = await explore(make_for(work), check=answers)

    # begin, own await, end of the group, two awaits of each task, return
    assert (report.points, report.covered, len(answers.runs)) == (8, 8, 9)
    assert report.ok


async def test_explore_covers_children_and_batches() -> None:
    registry = Registry()

    @registry.kind("part", stages=[Stage("encoding", on_cancel="refuse")])
    async def part(job: JobContext) -> None:
        async with job.stage("encoding"):
            await checkpoint()

    @registry.kind("film", max_running=1)
    async def film(job: JobContext) -> None:
        child = await job.submit(part())
        await child.wait()
        await job.batch([part(), part()])

    @asynccontextmanager
    async def make() -> AsyncGenerator[Call[None]]:
        yield film()

    answers = Answers()
    report = await explore(make, check=answers)

    # begin, wait for the child, wait for the batch, return; of each child: begin, entry, await, exit
    assert (report.points, report.covered) == (16, 16)
    assert {tuple(verdicts) for verdicts, _ in answers.runs[1:]} <= {("canceling",), ("canceling", "already_canceling")}
    assert report.ok, str(report)


async def test_explore_covers_compensations_of_a_cancel() -> None:
    async def work(job: JobContext) -> None:
        job.add_compensation(two_steps)
        await checkpoint()

    answers = Answers()
    report = await explore(make_for(work), check=answers)

    # three points of the job; then an await of jobcancel before the first compensation, and two in it
    assert (report.points, report.covered, report.runs) == (3, 3, 1 + 3 + 3)
    assert Counter((*verdicts, state) for verdicts, state in answers.runs) == {
        ("succeeded",): 1,
        ("canceling", "canceled"): 2,
        ("canceling", "succeeded"): 1,
        ("canceling", "already_canceling", "canceled"): 3,
    }
    assert report.ok


async def test_explore_covers_compensations_of_a_failing_job() -> None:
    undone: list[str] = []

    async def work(job: JobContext) -> None:
        job.add_compensation(undone.append, "upload")
        await checkpoint()
        raise LookupError("always")

    report = await explore(make_for(work))

    assert report.ok, str(report)  # it always fails, canceled or not
    assert report.covered == report.points > 3
    assert len(undone) == report.runs - 1  # in one run the job never begins


async def test_submitted_compensations_run_though_the_job_never_begins() -> None:
    undone: list[str] = []

    async def work(job: JobContext) -> None:
        await checkpoint()

    async def release() -> None:
        undone.append("reservation")

    report = await explore(make_for(work, undo=[release]))

    assert report.ok, str(report)
    assert len(undone) == report.runs - 2  # not without a request, and not after the last step


@pytest.mark.parametrize(
    ("second", "answer"),
    [
        ("cancel", "already_canceling"),
        ("defer", "already_canceling"),
        ("timeout", "already_canceling"),
        ("shutdown", "already_canceling"),
        ("force", "canceling"),
    ],
)
async def test_pairs_make_a_second_request_at_every_later_point(second: str, answer: str) -> None:
    async def work(job: JobContext) -> None:
        async with job.stage("paying"):
            await checkpoint()

    answers = Answers()
    paying = [Stage("paying", on_cancel="defer")]
    report = await explore(make_for(work, stages=paying), check=answers, pairs=[second])

    # 5 points; held from the entry: a second request at the await and at the exit; held from the await: at the exit
    twice = [run for run in answers.runs if len(run[0]) == 2]
    assert twice[0] == (["deferred", answer], "canceled")
    assert (report.points, report.runs, len(answers.runs)) == (5, 1 + 5 + len(twice), report.runs)
    assert report.ok, str(report)


async def test_every_request_can_be_the_first() -> None:
    async def work(job: JobContext) -> None:
        async with job.stage("paying"):
            await checkpoint()

    paying = [Stage("paying", on_cancel="refuse")]
    held: dict[str, tuple[list[str], str]] = {}
    for request in Request:
        answers = Answers()
        report = await explore(make_for(work, stages=paying), check=answers, request=request)
        assert report.ok, str(report)
        held[request.value] = answers.runs[3]  # at the await in the stage

    assert held == {
        "cancel": (["refused"], "succeeded"),
        "defer": (["deferred"], "canceled"),
        "force": (["canceling"], "canceled"),
        "timeout": (["deferred"], "failed"),
        "shutdown": (["deferred"], "canceled"),
    }
