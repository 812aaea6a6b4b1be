"""Plans: the runs that ``explore`` makes within a budget or for ``only=``, and runs that leave their path."""

from __future__ import annotations

import re
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Stage
from jobcancel.testing import Run, explore

from .exploring import Answers, faults, make_for, two_steps


@pytest.mark.parametrize(("budget", "runs", "left"), [(1, 1, 4), (3, 3, 2), (5, 5, 0), (99, 5, 0)])
async def test_budget_limits_the_runs_and_counts_the_skipped_ones(budget: int, runs: int, left: int) -> None:
    async def work(job: JobContext) -> None:
        await two_steps()

    report = await explore(make_for(work), budget=budget)

    assert (report.points, report.runs, report.covered, report.skipped) == (4, runs, runs - 1, left)
    assert report.ok is (left == 0)


async def test_diverging_run_is_retried_and_not_covered() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        if len(runs) == 1:  # the run without a request
            await checkpoint()
            await checkpoint()
        else:
            await two_steps()

    report = await explore(make_for(work))

    # before the first step all runs are equal, and that run never enters the handler
    diverged = [each.replay for each in report.diverged]
    assert diverged == ["cancel@job:2", "cancel@job:3", "cancel@job:4"]
    assert (report.points, report.runs, report.covered, report.findings) == (4, 1 + 1 + 3 * 3, 1, ())
    assert not report.ok


async def test_retry_that_follows_its_plan_is_covered() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        if len(runs) in {3, 4}:
            await two_steps()
        else:
            await checkpoint()
            await checkpoint()

    report = await explore(make_for(work))

    assert (report.points, report.runs, report.covered, report.diverged) == (4, 1 + 4 + 2, 4, ())
    assert report.ok


async def test_more_repetitions_of_an_await_are_the_same_path() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        for _ in range(2 if len(runs) < 4 else 3):
            await checkpoint()
        await checkpoint()

    report = await explore(make_for(work))

    assert (report.points, report.covered, report.diverged) == (5, 5, ())
    again = await explore(make_for(work), only="cancel@job:2.3")
    assert (again.runs, again.covered, again.findings) == (2, 1, ())


async def test_run_that_ends_before_its_point_is_not_covered() -> None:
    runs: list[str] = []

    async def one_or_two_steps() -> None:
        await checkpoint()
        if len(runs) == 1:
            await checkpoint()

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        async with anyio.create_task_group() as group:
            group.start_soon(one_or_two_steps)

    report = await explore(make_for(work))

    assert [each.replay for each in report.diverged] == ["cancel@job/1:2"]
    assert str(report.diverged[0]).startswith("cancel@job/1:2: expected job/1:2 ")
    assert str(report.diverged[0]).endswith(" awaits; the job ended before it")
    assert (report.points, report.covered) == (5, 4)


async def test_same_line_in_another_stage_is_not_covered() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        async with job.stage("first" if len(runs) == 1 else "second"):
            await checkpoint()

    report = await explore(make_for(work))

    assert [each.replay for each in report.diverged] == [f"cancel@job:{number}" for number in (2, 3, 4, 5)]
    assert report.covered == 1


async def test_only_replays_both_requests_of_a_plan() -> None:
    async def work(job: JobContext) -> None:
        async with job.stage("paying"):
            await checkpoint()

    answers = Answers()
    paying = [Stage("paying", on_cancel="defer")]
    report = await explore(make_for(work, stages=paying), check=answers, only="cancel@job:2+force@job:3")

    assert answers.runs == [([], "succeeded"), (["deferred"], "canceled"), (["deferred", "canceling"], "canceled")]
    assert (report.runs, report.skipped) == (3, 0)
    assert faults(report) == []


@pytest.mark.parametrize(
    "plan", ["", "job:5", "cancel@job", "cancel@job:x", "stop@job:5", "cancel@job:5+", "cancel@/1:2"]
)
async def test_invalid_plan_error_shows_a_valid_one(plan: str) -> None:
    async def work(job: JobContext) -> None:
        raise AssertionError("no run is expected")

    with pytest.raises(ValueError, match=r"is not a plan; pass one from a report, for example 'cancel@job:5'"):
        await explore(make_for(work), only=plan)


async def test_only_replays_the_run_without_a_request() -> None:
    def check(run: Run[Any]) -> None:
        assert run.verdicts, "no request"

    async def work(job: JobContext) -> None:
        await checkpoint()

    found = await explore(make_for(work), check=check)
    (replay,) = [finding.replay for finding in found.findings]
    again = await explore(make_for(work), check=check, only=replay)

    assert replay == "uncanceled"
    assert (again.runs, again.covered, again.skipped, again.diverged) == (1, 0, 0, ())
    assert again.findings == found.findings


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (
            "cancel@job/7:3",
            "cancel@job/7:3: expected job/7:3, which is not a point of the job; the job ended before it",
        ),
        (
            "cancel@job:300",
            "cancel@job:300: expected job:300, which is not a point of the job; the job ended before it",
        ),
        (
            "cancel@job:2.2",
            r"cancel@job:2.2: expected job:2.2, which is not a point of the job; reached job:3 .* after its last step",
        ),
        (
            "cancel@job:2+force@job:9",
            r"cancel@job:2\+force@job:9: expected job:9, which is not a point of the job; the job ended before it",
        ),
        (
            "cancel@job:9+force@job:10",
            "cancel@job:9: expected job:9, which is not a point of the job; the job ended before it",
        ),
    ],
)
async def test_plan_with_an_unknown_point_is_reported(plan: str, text: str) -> None:
    async def work(job: JobContext) -> None:
        await checkpoint()

    report = await explore(make_for(work), only=plan)

    (divergence,) = map(str, report.diverged)
    assert re.fullmatch(text, divergence), divergence


async def test_fewer_repetitions_report_the_actual_point() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        for _ in range(2 if len(runs) == 1 else 1):
            await checkpoint()
        await checkpoint()

    report = await explore(make_for(work), only="cancel@job:2.2")

    (divergence,) = map(str, report.diverged)
    assert re.fullmatch("cancel@job:2.2: expected job:2.2 .* awaits; reached job:3 .* awaits", divergence), divergence


@pytest.mark.parametrize("wrong", [{"request": "stop"}, {"pairs": ["cancel", "stop"]}])
async def test_unknown_request_is_rejected_before_a_run(wrong: dict[str, Any]) -> None:
    async def work(job: JobContext) -> None:
        raise AssertionError("no run is expected")

    with pytest.raises(ValueError, match="'stop' is not a valid Request"):
        await explore(make_for(work), **wrong)
