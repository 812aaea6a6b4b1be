"""What ``explore`` reports: swallowed cancels, interrupted cleanup, leaks, warnings, failed checks, broken guarantees.

Typical faults in whole jobs are in ``test_known_faults.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import warnings
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import Call, JobContext, JobState, Outcome, Registry, Verdict
from jobcancel.testing import Fault, Report, Run, explore
from jobcancel.testing.findings import find_broken_guarantees
from jobcancel.testing.frames import UNKNOWN, Location
from jobcancel.testing.plan import Moment, Phase, Point, PointId

from .exploring import faults, make_for

Handler = Callable[[JobContext], Coroutine[Any, Any, None]]


async def one_step(job: JobContext) -> None:
    await checkpoint()


async def test_explore_finds_a_cancel_swallowed_by_a_task() -> None:
    async def page() -> None:
        for _ in range(3):
            with contextlib.suppress(BaseException):
                await checkpoint()

    async def work(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(page)

    report = await explore(make_for(work))

    assert [finding.fault for finding in report.findings] == [Fault.SWALLOWED]
    assert report.findings[0].line == page.__code__.co_firstlineno + 3


async def swallows_and_stores_the_cancel(job: JobContext) -> None:
    errors: list[BaseException] = []
    for _ in range(3):
        try:
            await checkpoint()
        except BaseException as error:
            last = error
            errors.append(last)


async def shares_the_cancel_with_a_closure(job: JobContext) -> None:
    seen: BaseException | None = None

    def shown() -> str:
        return repr(seen)

    try:
        await checkpoint()
    except BaseException as error:
        seen = error
        await checkpoint()
        raise RuntimeError(shown()) from None


async def puts_the_cancel_into_a_group(job: JobContext) -> None:
    errors: list[BaseException] = []
    try:
        try:
            await checkpoint()
        except BaseException as error:
            errors.append(error)
        if errors:
            raise BaseExceptionGroup("several", errors)
    finally:
        await checkpoint()


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (swallows_and_stores_the_cancel, [Fault.SWALLOWED, Fault.FINISHED]),
        (shares_the_cancel_with_a_closure, [Fault.CLEANUP]),
        (puts_the_cancel_into_a_group, [Fault.CLEANUP]),
    ],
)
async def test_explore_distinguishes_swallowed_cancels_and_interrupted_cleanup(
    handler: Handler, expected: list[Fault]
) -> None:
    report = await explore(make_for(handler))

    assert [finding.fault for finding in report.findings] == expected


async def test_explore_finds_a_failing_compensation_and_a_failing_cleanup() -> None:
    def refund() -> None:
        raise ConnectionError("the bank is closed")

    async def work(job: JobContext) -> None:
        job.add_compensation(refund)
        try:
            await checkpoint()
        except anyio.get_cancelled_exc_class():
            raise ValueError("no cleanup") from None

    report = await explore(make_for(work))

    assert faults(report) == [("failed though canceled", None), ("a compensation failed", None)]
    assert [finding.message for finding in report.findings] == [
        "HANDLER_ERROR: no cleanup",
        "refund: the bank is closed",
    ]


async def test_task_in_a_group_of_the_host_is_reported_and_left_running() -> None:
    async def work(job: JobContext) -> None:
        job.app.start_soon(anyio.sleep_forever)
        await checkpoint()

    reports: list[Report] = []  # a list: for type checkers a cancel may skip an assignment
    async with anyio.create_task_group() as group:
        reports.append(await explore(make_for(work, app=group)))
        group.cancel_scope.cancel()

    (report,) = reports
    assert {finding.fault for finding in report.findings} == {Fault.TASK}
    assert report.covered == report.points


async def test_library_task_that_ends_just_after_the_job_is_no_leak(anyio_backend: tuple[str, Any]) -> None:
    if anyio_backend[0] != "asyncio":
        pytest.skip("on trio no task outlives its nursery")
    tasks: list[asyncio.Task[None]] = []

    async def work(job: JobContext) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(0)))  # asyncio's own transports do this when they close

    report = await explore(make_for(work))

    assert report.ok, str(report)


async def test_explore_finds_a_socket_left_open_by_a_cancel() -> None:
    async def work(job: JobContext) -> None:
        unclosed = socket.socket()
        await checkpoint()
        unclosed.close()

    report = await explore(make_for(work))

    assert faults(report) == [("resource warning", None)]
    assert report.findings[0].message.startswith("unclosed <socket.socket")
    assert report.findings[0].replay == "cancel@job:2"


async def test_explore_finds_a_coroutine_that_is_never_awaited_after_a_cancel() -> None:
    async def upload() -> None: ...

    async def work(job: JobContext) -> None:
        uploading = upload()
        await checkpoint()
        await uploading

    report = await explore(make_for(work))

    assert faults(report) == [("resource warning", None)]
    assert "upload' was never awaited" in report.findings[0].message


async def test_other_warnings_of_a_job_are_shown() -> None:
    async def work(job: JobContext) -> None:
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    with pytest.warns(DeprecationWarning, match="old") as shown:
        report = await explore(make_for(work))

    assert report.ok
    assert len(shown) == report.runs - 1  # in one run the job never begins


async def test_exception_of_an_async_check_is_a_finding() -> None:
    async def check(run: Run[Any]) -> None:
        await checkpoint()
        if run.verdicts:
            raise LookupError(f"no refund after {run.verdict.outcome}\nsecond line")

    report = await explore(make_for(one_step), check=check)

    assert {finding.message for finding in report.findings} == {"LookupError: no refund after canceling"}
    assert sum(finding.times for finding in report.findings) == 3


async def test_failed_check_of_the_run_without_a_request_has_no_line() -> None:
    def check(run: Run[Any]) -> None:
        assert run.verdicts, ""

    report = await explore(make_for(one_step), check=check)

    (finding,) = report.findings
    assert (finding.file, finding.line, finding.message, finding.replay) == ("", 0, "AssertionError", "uncanceled")


async def test_exception_on_entering_make_is_raised(tmp_path: Path) -> None:
    kind, folder = Registry().kind("work")(one_step), tmp_path / "database"

    @asynccontextmanager
    async def make() -> AsyncGenerator[Call[None]]:
        if not folder.exists():
            raise ConnectionError("no database")
        yield kind()

    with pytest.raises(ConnectionError, match="no database"):
        await explore(make)


async def test_exception_on_leaving_make_is_a_finding() -> None:
    kind = Registry().kind("work")(one_step)

    @asynccontextmanager
    async def make() -> AsyncGenerator[Call[None]]:
        yield kind()
        raise ConnectionError("rows are left")

    report = await explore(make)

    assert {finding.message for finding in report.findings} == {"leaving make raised ConnectionError: rows are left"}
    assert report.covered == 3


def point(number: int, moment: Moment) -> Point:
    return Point(PointId("job", number), moment, Location("jobs.py", number), None, Phase.CODE)


REQUESTED = point(1, Moment.AWAITS)
ENTERED = point(2, Moment.ENTERS)
CANCELED = SimpleNamespace(outcome=Outcome.CANCELING)


def broken_guarantees(
    outcomes: list[str], *, cancel: Any = CANCELED, settled: bool = True, later: tuple[Point, ...] = ()
) -> list[tuple[Location, str]]:
    """Return what is found in an invented run: the scheduler breaks no guarantee itself."""
    verdicts = [Verdict("job_1", Outcome(outcome), JobState.RUNNING, None) for outcome in outcomes]
    points = {each.id: each for each in (REQUESTED, *later)}
    requested_at = [REQUESTED] * len(verdicts)
    run = SimpleNamespace(verdicts=verdicts, requested_at=requested_at, points=points, tasks=[], forced=False)
    job = SimpleNamespace(settled=settled, state=JobState.CANCELING, cancel=cancel)
    symptoms = list(find_broken_guarantees(run, job))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert all(symptom.fault is Fault.GUARANTEE for symptom in symptoms)
    return [(symptom.location, symptom.message) for symptom in symptoms]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"outcomes": [], "cancel": None}, None),
        ({"outcomes": ["canceling"], "later": (point(3, Moment.LEAVES),)}, None),
        ({"outcomes": ["refused"], "cancel": None, "later": (ENTERED,)}, None),
        (
            {"outcomes": [], "cancel": None, "settled": False},
            "the job is canceling, but none of its code is running",
        ),
        ({"outcomes": ["canceling"], "cancel": None}, "an accepted cancel is not recorded"),
        ({"outcomes": ["refused"]}, "a refused request canceled the job"),
        ({"outcomes": ["deferred"]}, "the recorded outcome is not the verdict's"),
        ({"outcomes": ["canceling", "refused"]}, "a request was refused after an accepted one"),
    ],
)
def test_broken_guarantee_is_named(run: dict[str, Any], message: str | None) -> None:
    assert broken_guarantees(**run) == ([] if message is None else [(UNKNOWN, message)])


def test_stage_begun_after_an_accepted_cancel_is_reported_with_its_line() -> None:
    found = broken_guarantees(["canceling"], later=(ENTERED,))

    assert found == [(Location("jobs.py", 2), "a stage began after an accepted cancel")]
