"""What ``explore`` finds beside the known faults, that it goes on whatever a job does, and leaves all as it was."""

from __future__ import annotations

import asyncio
import gc
import importlib
import socket
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import Call, JobContext, Registry, Stage
from jobcancel.testing import Fault, Run, explore

from .exploring import faults, making


async def quiet(job: JobContext) -> None:
    await checkpoint()


async def test_a_job_that_swallows_for_ever_is_stopped_and_the_exploration_goes_on() -> None:
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

    report = await explore(making(work))

    assert faults(report) == [("did not end", None)]
    assert report.covered == report.points == 5
    assert report.findings[0].times == 3
    assert report.findings[0].message == "it was stopped, or forced to end"


async def test_a_job_that_swallows_whatever_is_thrown_at_it_is_stopped_too() -> None:
    async def work(job: JobContext) -> None:
        stubborn = True
        while stubborn:
            try:
                await checkpoint()
                stubborn = False
            except BaseException:
                if not job.cancel_requested:
                    raise

    report = await explore(making(work))

    assert report.covered == report.points == 3
    assert {finding.fault for finding in report.findings} == {Fault.ENDLESS}


async def test_a_job_that_moves_no_more_is_forced_to_end() -> None:
    async def work(job: JobContext) -> None:
        async with job.stage("paying"):
            await checkpoint()
            if job.cancel_requested:
                await anyio.sleep_forever()

    report = await explore(making(work, stages=[Stage("paying", on_cancel="defer")]), stall_s=0.05)

    assert faults(report) == [("did not end", "paying")]
    assert report.covered == report.points == 5
    assert [str(verdict) for verdict in report.findings[0].verdicts] == ["deferred"]


async def test_the_end_that_is_forced_is_not_taken_for_a_broken_promise() -> None:
    runs: list[str] = []

    async def work(job: JobContext) -> None:
        runs.append(job.id)
        async with job.stage("paying"):
            await checkpoint()
            if len(runs) > 1:
                await anyio.sleep_forever()

    refusing = Stage("paying", on_cancel="refuse")
    report = await explore(making(work, stages=[refusing]), only="cancel@job:3", stall_s=0.05)

    assert faults(report) == [("did not end", "paying")]
    assert [str(verdict) for verdict in report.findings[0].verdicts] == ["refused"]
    assert report.findings[0].state == "canceled"


async def test_a_check_may_be_async_and_what_it_raises_is_found() -> None:
    async def check(run: Run[Any]) -> None:
        await checkpoint()
        if run.verdicts:
            raise LookupError(f"no refund after {run.verdict.outcome}\nsecond line")

    report = await explore(making(quiet), check=check)

    assert {finding.message for finding in report.findings} == {"LookupError: no refund after canceling"}
    assert sum(finding.times for finding in report.findings) == 3


async def test_a_check_that_fails_though_nobody_asked_has_no_line() -> None:
    def check(run: Run[Any]) -> None:
        assert run.verdicts, ""

    report = await explore(making(quiet), check=check)

    (finding,) = report.findings
    assert (finding.file, finding.line, finding.message, finding.replay) == ("", 0, "AssertionError", "uncanceled")


async def test_what_make_raises_when_it_is_entered_goes_through(tmp_path: Path) -> None:
    kind, folder = Registry().kind("work")(quiet), tmp_path / "database"

    @asynccontextmanager
    async def make() -> AsyncGenerator[Call[None]]:
        if not folder.exists():
            raise ConnectionError("no database")
        yield kind()

    with pytest.raises(ConnectionError, match="no database"):
        await explore(make)


async def test_what_make_raises_when_it_is_left_is_a_finding() -> None:
    kind = Registry().kind("work")(quiet)

    @asynccontextmanager
    async def make() -> AsyncGenerator[Call[None]]:
        yield kind()
        raise ConnectionError("rows are left")

    report = await explore(make)

    assert {finding.message for finding in report.findings} == {
        "leaving make raised ConnectionError: rows are left",
    }
    assert report.covered == 3


async def test_a_socket_left_open_by_a_cancel_is_found() -> None:
    async def work(job: JobContext) -> None:
        unclosed = socket.socket()
        await checkpoint()
        unclosed.close()

    report = await explore(making(work))

    assert faults(report) == [("resource warning", None)]
    assert report.findings[0].message.startswith("unclosed <socket.socket")
    assert report.findings[0].replay == "cancel@job:2"


async def test_a_coroutine_that_a_cancel_keeps_from_being_awaited_is_found() -> None:
    async def upload() -> None: ...

    async def work(job: JobContext) -> None:
        uploading = upload()
        await checkpoint()
        await uploading

    report = await explore(making(work))

    assert faults(report) == [("resource warning", None)]
    assert "upload' was never awaited" in report.findings[0].message


async def test_other_warnings_of_a_job_are_shown_as_ever() -> None:
    async def work(job: JobContext) -> None:
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    with pytest.warns(DeprecationWarning, match="old") as shown:
        report = await explore(making(work))

    assert report.ok
    assert len(shown) == report.runs - 1  # in one of them it never began


async def test_a_failing_compensation_is_found_and_a_failing_cleanup_too() -> None:
    def refund() -> None:
        raise ConnectionError("the bank is closed")

    async def work(job: JobContext) -> None:
        job.add_compensation(refund)
        try:
            await checkpoint()
        except anyio.get_cancelled_exc_class():
            raise ValueError("no cleanup") from None

    report = await explore(making(work))

    assert faults(report) == [("failed though canceled", None), ("a compensation failed", None)]
    assert [finding.message for finding in report.findings] == [
        "HANDLER_ERROR: no cleanup",
        "refund: the bank is closed",
    ]


async def test_what_was_in_place_before_is_in_place_afterwards(anyio_backend: tuple[str, Any]) -> None:
    def look() -> list[Any]:
        if anyio_backend[0] == "asyncio":
            loop = asyncio.get_running_loop()
            return [loop.get_task_factory(), len(asyncio.all_tasks())]
        trio_run: Any = importlib.import_module("trio._core._run")
        runner = trio_run.GLOBAL_RUN_CONTEXT.runner
        turns = [trio_run._r, trio_run._ALLOW_DETERMINISTIC_SCHEDULING]
        return [dict(runner.instruments), len(runner.tasks), *turns]

    async def work(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(checkpoint)

    gc.unfreeze()
    before, filters = look(), list(warnings.filters)
    report = await explore(making(work))

    assert report.ok
    assert look() == before
    assert warnings.filters == filters
    assert gc.get_freeze_count() == 0


async def test_a_hosts_own_task_factory_goes_on_being_used(anyio_backend: tuple[str, Any]) -> None:
    if anyio_backend[0] != "asyncio":
        pytest.skip("trio has none")
    made: list[str] = []

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append("task")
        return asyncio.Task(coroutine, loop=loop, **options)

    async def work(job: JobContext) -> None:
        await asyncio.create_task(asyncio.sleep(0))

    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        report = await explore(making(work))
    finally:
        assert loop.get_task_factory() is factory
        loop.set_task_factory(None)

    assert report.ok, str(report)
    assert len(made) >= report.runs - 2
