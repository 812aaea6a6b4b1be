"""Jobs that do not end by themselves: ``explore`` ends them, reports them, and continues with the next run."""

from __future__ import annotations

import contextlib

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Stage
from jobcancel.testing import Fault, explore

from .exploring import faults, make_for


async def test_job_that_swallows_every_cancel_is_ended() -> None:
    async def work(job: JobContext) -> None:
        for _ in range(3):
            try:
                await anyio.sleep_forever() if job.cancel_requested else await checkpoint()
            except anyio.get_cancelled_exc_class():
                while True:
                    try:
                        await checkpoint()
                    except anyio.get_cancelled_exc_class():
                        pass

    report = await explore(make_for(work))

    assert faults(report) == [("did not end", None)]
    assert report.covered == report.points == 5
    assert report.findings[0].times == 3
    assert report.findings[0].message == "it was stopped, or forced to end"


async def test_job_that_swallows_every_exception_is_ended() -> None:
    async def work(job: JobContext) -> None:
        stubborn = True
        while stubborn:
            try:
                await checkpoint()
                stubborn = False
            except BaseException:
                if not job.cancel_requested:
                    raise

    report = await explore(make_for(work))

    assert report.covered == report.points == 3
    assert {finding.fault for finding in report.findings} == {Fault.ENDLESS}


async def test_task_that_swallows_every_exception_is_ended() -> None:
    async def stubborn() -> None:
        done = False
        while not done:
            with contextlib.suppress(BaseException):
                await checkpoint()
                done = True

    async def work(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(stubborn)

    report = await explore(make_for(work))

    assert [finding.fault for finding in report.findings] == [Fault.ENDLESS]
    assert report.covered == report.points


async def test_job_that_is_endless_without_a_request_is_not_explored() -> None:
    async def work(job: JobContext) -> None:
        while True:
            await checkpoint()

    report = await explore(make_for(work))

    assert [(finding.fault, finding.replay) for finding in report.findings] == [(Fault.ENDLESS, "uncanceled")]
    assert (report.runs, report.covered, report.skipped) == (1, 0, report.points)


async def test_job_without_progress_is_forced_to_end(caplog: pytest.LogCaptureFixture) -> None:
    async def work(job: JobContext) -> None:
        async with job.stage("paying"):
            await checkpoint()
            if job.cancel_requested:
                await anyio.sleep_forever()

    report = await explore(make_for(work, stages=[Stage("paying", on_cancel="defer")]), stall_s=0.05)

    assert faults(report) == [("did not end", "paying")]
    assert report.covered == report.points == 5
    assert [str(verdict) for verdict in report.findings[0].verdicts] == ["deferred"]
    assert "made no progress for 0.05 s and is forced to end; last point: job:4 " in caplog.text


async def test_forced_end_is_not_a_broken_guarantee() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        async with job.stage("paying"):
            await checkpoint()
            if len(runs) > 1:
                await anyio.sleep_forever()

    refusing = Stage("paying", on_cancel="refuse")
    report = await explore(make_for(work, stages=[refusing]), only="cancel@job:3", stall_s=0.05)

    assert faults(report) == [("did not end", "paying")]
    assert [str(verdict) for verdict in report.findings[0].verdicts] == ["refused"]
    assert report.findings[0].state == "canceled"
