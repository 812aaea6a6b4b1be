"""What ``explore`` promises of its runs: every moment is asked at, once, and a run that shows nothing says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import Call, JobContext, Registry, Stage
from jobcancel.testing import Ask, explore

from .exploring import Answers, making, two_steps


async def test_a_request_is_made_before_the_first_step_at_every_await_and_after_the_last_step() -> None:
    async def work(job: JobContext) -> None:
        await two_steps()

    answers = Answers()
    report = await explore(making(work), check=answers)

    assert (report.points, report.covered, report.runs) == (4, 4, 5)
    assert answers.runs == [
        ([], "succeeded"),
        (["canceling"], "canceled"),  # before its first step
        (["canceling"], "canceled"),
        (["canceling"], "canceled"),
        (["canceling"], "succeeded"),  # after its last step there is nothing to interrupt
    ]
    assert report.ok


async def test_a_stage_is_asked_at_when_it_is_entered_and_when_it_is_left_under_its_own_policy() -> None:
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
    report = await explore(making(work, stages=stages), check=answers)

    assert (report.points, report.covered) == (14, 14)
    assert answers.runs == [
        ([], "succeeded"),
        (["canceling"], "canceled"),
        *[(["canceling"], "canceled")] * 3,  # rendering: entered, the await, left
        *[(["refused"], "succeeded")] * 2,
        (["canceling"], "canceled"),  # uploading is left: no stage shields the job there
        *[(["deferred"], "canceled")] * 2,
        (["canceling"], "canceled"),
        *[(["deferred"], "succeeded")] * 2,  # past the point of no return the job finishes
        (["canceling"], "succeeded"),
        (["canceling"], "succeeded"),
    ]
    assert report.ok


async def test_the_awaits_of_tasks_that_a_job_starts_are_its_moments_too() -> None:
    async def work(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(two_steps)
            group.start_soon(two_steps)
            await checkpoint()

    answers = Answers()
    report = await explore(making(work), check=answers)

    # begins, its own await, the group's end, two of each task, returned
    assert (report.points, report.covered, len(answers.runs)) == (8, 8, 9)
    assert report.ok


async def test_the_moments_of_children_and_batches_are_their_parents_too() -> None:
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

    # begins, waits for the child, waits for the batch, returned; of each child: begins, entered, await, left
    assert (report.points, report.covered) == (16, 16)
    assert {tuple(verdicts) for verdicts, _ in answers.runs[1:]} <= {("canceling",), ("canceling", "already_canceling")}
    assert report.ok, str(report)


async def test_a_second_request_is_made_at_every_await_of_the_compensations_that_a_cancel_brings_about() -> None:
    async def refund() -> None:
        await two_steps()

    async def work(job: JobContext) -> None:
        job.add_compensation(refund)
        await checkpoint()

    answers = Answers()
    report = await explore(making(work), check=answers)

    # the job itself, and in its compensating: one await of the library's before the first undo, two of the undo
    assert (report.points, report.covered, report.runs) == (3, 3, 1 + 3 + 3)
    assert Counter((*verdicts, state) for verdicts, state in answers.runs) == {
        ("succeeded",): 1,
        ("canceling", "canceled"): 2,
        ("canceling", "succeeded"): 1,
        ("canceling", "already_canceling", "canceled"): 3,
    }
    assert report.ok


async def test_compensations_in_threads_and_of_a_job_that_always_fails_are_asked_at() -> None:
    undone: list[str] = []

    async def work(job: JobContext) -> None:
        job.add_compensation(undone.append, "upload")
        await checkpoint()
        raise LookupError("always")

    report = await explore(making(work))

    assert report.ok, str(report)  # it fails as it always does, canceled or not
    assert report.covered == report.points > 3
    assert len(undone) == report.runs - 1  # all but the run in which it never began


async def test_compensations_given_at_submit_run_though_the_job_never_begins() -> None:
    undone: list[str] = []

    async def work(job: JobContext) -> None:
        await checkpoint()

    async def release() -> None:
        undone.append("reservation")

    report = await explore(making(work, undo=[release]))

    assert report.ok, str(report)
    assert len(undone) == report.runs - 2  # not in the run in which nobody asks, nor after the last step


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
async def test_a_pair_asks_again_at_every_later_moment(second: str, answer: str) -> None:
    async def work(job: JobContext) -> None:
        async with job.stage("paying"):
            await checkpoint()

    answers = Answers()
    paying = [Stage("paying", on_cancel="defer")]
    report = await explore(making(work, stages=paying), check=answers, pairs=[second])

    # 5 points; when held at the entry: again at the await and at the end; held at the await: again at the end
    twice = [run for run in answers.runs if len(run[0]) == 2]
    assert twice[0] == (["deferred", answer], "canceled")
    assert (report.points, report.runs, len(answers.runs)) == (5, 1 + 5 + len(twice), report.runs)
    assert report.ok, str(report)


async def test_every_way_of_asking_can_be_the_first() -> None:
    async def work(job: JobContext) -> None:
        async with job.stage("paying"):
            await checkpoint()

    paying = [Stage("paying", on_cancel="refuse")]
    held: dict[str, tuple[list[str], str]] = {}
    for ask in Ask:
        answers = Answers()
        report = await explore(making(work, stages=paying), check=answers, ask=ask)
        assert report.ok, str(report)
        held[ask.value] = answers.runs[3]  # at the await inside

    assert held == {
        "cancel": (["refused"], "succeeded"),
        "defer": (["deferred"], "canceled"),
        "force": (["canceling"], "canceled"),
        "timeout": (["deferred"], "failed"),
        "shutdown": (["deferred"], "canceled"),
    }
