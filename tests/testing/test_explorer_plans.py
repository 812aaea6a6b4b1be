"""Which runs ``explore`` makes: within a budget, or one that is asked for; one that leaves its path shows nothing."""

from __future__ import annotations

import re
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Stage
from jobcancel.testing import Run, explore

from .exploring import Answers, faults, making, two_steps


@pytest.mark.parametrize(("budget", "runs", "left"), [(1, 1, 4), (3, 3, 2), (5, 5, 0), (99, 5, 0)])
async def test_a_budget_is_kept_and_says_what_it_left(budget: int, runs: int, left: int) -> None:
    async def work(job: JobContext) -> None:
        await two_steps()

    report = await explore(making(work), budget=budget)

    assert (report.points, report.runs, report.covered, report.left) == (4, runs, runs - 1, left)
    assert report.ok is (left == 0)


async def test_a_run_that_leaves_its_path_is_tried_again_and_never_covered() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        if len(runs) == 1:  # the run in which nobody asks
            await checkpoint()
            await checkpoint()
        else:
            await two_steps()

    report = await explore(making(work))

    # before the first step all are alike, and that run does not come to the handler's first line
    diverged = [each.replay for each in report.diverged]
    assert diverged == ["cancel@job:2", "cancel@job:3", "cancel@job:4"]
    assert (report.points, report.runs, report.covered, report.findings) == (4, 1 + 1 + 3 * 3, 1, ())
    assert not report.ok


async def test_a_run_that_keeps_to_its_path_when_tried_again_is_covered() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        if len(runs) in {3, 4}:
            await two_steps()
        else:
            await checkpoint()
            await checkpoint()

    report = await explore(making(work))

    assert (report.points, report.runs, report.covered, report.diverged) == (4, 1 + 4 + 2, 4, ())
    assert report.ok


async def test_a_moment_that_comes_more_often_than_recorded_is_no_other_path() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        for _ in range(2 if len(runs) < 4 else 3):
            await checkpoint()
        await checkpoint()

    report = await explore(making(work))

    assert (report.points, report.covered, report.diverged) == (5, 5, ())
    again = await explore(making(work), only="cancel@job:2.3")
    assert (again.runs, again.covered, again.findings) == (2, 1, ())


async def test_a_run_that_ends_before_its_moment_is_never_covered() -> None:
    runs: list[str] = []

    async def one_or_two_steps() -> None:
        await checkpoint()
        if len(runs) == 1:
            await checkpoint()

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        async with anyio.create_task_group() as group:
            group.start_soon(one_or_two_steps)

    report = await explore(making(work))

    assert [each.replay for each in report.diverged] == ["cancel@job/1:2"]
    assert str(report.diverged[0]).startswith("cancel@job/1:2: expected job/1:2 ")
    assert str(report.diverged[0]).endswith(" awaits, the job ended before")
    assert (report.points, report.covered) == (5, 4)


async def test_a_run_that_comes_to_its_line_in_another_stage_is_never_covered() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        async with job.stage("first" if len(runs) == 1 else "second"):
            await checkpoint()

    report = await explore(making(work))

    assert [each.replay for each in report.diverged] == [f"cancel@job:{number}" for number in (2, 3, 4, 5)]
    assert report.covered == 1


async def test_one_plan_is_made_again_with_both_of_its_requests() -> None:
    async def work(job: JobContext) -> None:
        async with job.stage("paying"):
            await checkpoint()

    answers = Answers()
    paying = [Stage("paying", on_cancel="defer")]
    report = await explore(making(work, stages=paying), check=answers, only="cancel@job:2+force@job:3")

    assert answers.runs == [([], "succeeded"), (["deferred"], "canceled"), (["deferred", "canceling"], "canceled")]
    assert (report.runs, report.left) == (3, 0)
    assert faults(report) == []


@pytest.mark.parametrize(
    "plan", ["", "job:5", "cancel@job", "cancel@job:x", "stop@job:5", "cancel@job:5+", "cancel@/1:2"]
)
async def test_a_bad_plan_says_what_one_looks_like(plan: str) -> None:
    async def work(job: JobContext) -> None:
        raise AssertionError("no run is made")

    with pytest.raises(ValueError, match=r"is no plan; pass one from a report, as 'cancel@job:5'"):
        await explore(making(work), only=plan)


async def test_a_finding_of_the_run_in_which_nobody_asks_is_replayed_by_its_plan() -> None:
    def check(run: Run[Any]) -> None:
        assert run.verdicts, "nobody asked"

    async def work(job: JobContext) -> None:
        await checkpoint()

    found = await explore(making(work), check=check)
    (replay,) = [finding.replay for finding in found.findings]
    again = await explore(making(work), check=check, only=replay)

    assert replay == "uncanceled"
    assert (again.runs, again.covered, again.left, again.diverged) == (1, 0, 0, ())
    assert again.findings == found.findings


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("cancel@job/7:3", "cancel@job/7:3: expected job/7:3, which is no point of the job, the job ended before"),
        ("cancel@job:300", "cancel@job:300: expected job:300, which is no point of the job, the job ended before"),
        (
            "cancel@job:2.2",
            r"cancel@job:2.2: expected job:2.2, which is no point of the job, came job:3 .* after its last step",
        ),
        (
            "cancel@job:2+force@job:9",
            r"cancel@job:2\+force@job:9: expected job:9, which is no point of the job, the job ended before",
        ),
        (
            "cancel@job:9+force@job:10",
            "cancel@job:9: expected job:9, which is no point of the job, the job ended before",
        ),
    ],
)
async def test_a_plan_for_a_moment_that_the_job_does_not_have_says_so(plan: str, said: str) -> None:
    async def work(job: JobContext) -> None:
        await checkpoint()

    report = await explore(making(work), only=plan)

    (divergence,) = map(str, report.diverged)
    assert re.fullmatch(said, divergence), divergence


async def test_a_moment_that_comes_fewer_times_than_planned_says_what_came_instead() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        for _ in range(2 if len(runs) == 1 else 1):
            await checkpoint()
        await checkpoint()

    report = await explore(making(work), only="cancel@job:2.2")

    (divergence,) = map(str, report.diverged)
    assert re.fullmatch("cancel@job:2.2: expected job:2.2 .* awaits, came job:3 .* awaits", divergence), divergence


@pytest.mark.parametrize("wrong", [{"ask": "stop"}, {"pairs": ["cancel", "stop"]}])
async def test_a_request_that_is_none_is_refused_before_a_run(wrong: dict[str, Any]) -> None:
    async def work(job: JobContext) -> None:
        raise AssertionError("no run is made")

    with pytest.raises(ValueError, match="'stop' is not a valid Ask"):
        await explore(making(work), **wrong)
