"""What the explorer sees of a job's tasks, whatever they do with what is thrown into them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import Call, JobContext, Registry
from jobcancel.testing import Fault, Report, Run, explore

from .exploring import making


async def test_a_cancel_swallowed_by_a_task_of_the_job_is_found_in_that_task() -> None:
    async def page() -> None:
        for _ in range(3):
            with contextlib.suppress(BaseException):
                await checkpoint()

    async def work(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(page)

    report = await explore(making(work))

    assert [finding.fault for finding in report.findings] == [Fault.SWALLOWED]
    assert report.findings[0].line == page.__code__.co_firstlineno + 3


async def test_an_error_that_is_merely_remembered_is_a_swallowed_cancel_all_the_same() -> None:
    errors: list[BaseException] = []

    async def work(job: JobContext) -> None:
        for _ in range(3):
            try:
                await checkpoint()
            except BaseException as error:
                last = error
                errors.append(last)

    report = await explore(making(work))

    assert [finding.fault for finding in report.findings] == [Fault.SWALLOWED, Fault.FINISHED]


async def test_a_killed_cleanup_is_found_though_a_function_shares_the_error() -> None:
    async def work(job: JobContext) -> None:
        seen: BaseException | None = None

        def shown() -> str:
            return repr(seen)

        try:
            await checkpoint()
        except BaseException as error:
            seen = error
            await checkpoint()
            raise RuntimeError(shown()) from None

    report = await explore(making(work))

    assert [finding.fault for finding in report.findings] == [Fault.KILLED]


async def test_a_task_that_swallows_whatever_is_thrown_at_it_is_stopped_too() -> None:
    async def stubborn() -> None:
        done = False
        while not done:
            with contextlib.suppress(BaseException):
                await checkpoint()
                done = True

    async def work(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(stubborn)

    report = await explore(making(work))

    assert [finding.fault for finding in report.findings] == [Fault.ENDLESS]
    assert report.covered == report.points


async def test_a_job_that_is_endless_though_nobody_asks_is_explored_no_further() -> None:
    async def work(job: JobContext) -> None:
        while True:
            await checkpoint()

    report = await explore(making(work))

    assert [(finding.fault, finding.replay) for finding in report.findings] == [(Fault.ENDLESS, "uncanceled")]
    assert (report.runs, report.covered, report.left) == (1, 0, report.points)


async def test_a_killed_cleanup_is_found_though_the_cancel_is_in_a_group() -> None:
    async def work(job: JobContext) -> None:
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

    report = await explore(making(work))

    assert [finding.fault for finding in report.findings] == [Fault.KILLED]


async def test_a_task_that_nobody_can_cancel_is_left_to_the_host_and_the_exploration_goes_on() -> None:
    async def work(job: JobContext) -> None:
        job.app.start_soon(anyio.sleep_forever)
        await checkpoint()

    reports: list[Report] = []  # a group that is canceled leaves its block without a word
    async with anyio.create_task_group() as group:
        reports.append(await explore(making(work, app=group)))
        group.cancel_scope.cancel()

    (report,) = reports
    assert {finding.fault for finding in report.findings} == {Fault.TASK}
    assert report.covered == report.points


async def test_a_task_of_a_librarys_own_that_ends_a_moment_after_the_job_is_not_left_behind(
    anyio_backend: tuple[str, Any],
) -> None:
    if anyio_backend[0] != "asyncio":
        pytest.skip("on trio no task outlives its nursery")
    tasks: list[asyncio.Task[None]] = []

    async def work(job: JobContext) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(0)))  # as asyncio's own transports do when they close

    report = await explore(making(work))

    assert report.ok, str(report)


async def test_tasks_of_others_are_no_moments_of_the_job(anyio_backend: tuple[str, Any]) -> None:
    async def others() -> None:
        while True:
            if anyio_backend[0] == "asyncio":
                await asyncio.create_task(asyncio.sleep(0))
            async with anyio.create_task_group() as group:
                group.start_soon(checkpoint)

    async def work(job: JobContext) -> None:
        await checkpoint()

    reports: list[Report] = []
    async with anyio.create_task_group() as group:
        group.start_soon(others)
        reports.append(await explore(making(work)))
        group.cancel_scope.cancel()

    (report,) = reports
    assert report.ok, str(report)
    assert report.points == 3


class Foreign:
    """An awaitable that other compilers than Python's might make: it looks like a coroutine, and has no frame."""

    cr_frame = cr_await = None

    def __init__(self) -> None:
        self._inner: Any = checkpoint().__await__()

    def __await__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self._inner)

    def send(self, value: Any) -> Any:
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        return self._inner.throw(*error)


async def test_an_awaitable_without_a_frame_hides_nothing_of_the_job() -> None:
    async def work(job: JobContext) -> None:
        await Foreign()

    def check(run: Run[Any]) -> None:
        assert not run.verdicts or run.snapshot.state != "canceled", "canceled"

    report = await explore(making(work), check=check)

    assert report.points == 3
    assert work.__code__.co_firstlineno + 1 in [finding.line for finding in report.findings]


async def test_tasks_that_are_ready_together_take_turns_in_the_same_order_in_every_run() -> None:
    orders: list[list[int]] = []

    async def work(job: JobContext) -> None:
        orders.append(order := [])

        async def part(number: int) -> None:
            for _ in range(2):
                await checkpoint()
                order.append(number)

        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(part, number)

    report = await explore(making(work))

    assert report.ok, str(report)
    assert {tuple(order) for order in orders if len(order) == 8} == {(0, 1, 2, 3, 0, 1, 2, 3)}
    assert len(orders) >= report.points > 4 * 2


async def test_a_second_request_never_meets_another_order_of_the_children() -> None:
    registry = Registry()

    @registry.kind("leaf")
    async def leaf(job: JobContext) -> None:
        await checkpoint()

    @registry.kind("fan")
    async def fan(job: JobContext) -> None:
        await job.batch([leaf() for _ in range(4)])

    @asynccontextmanager
    async def make() -> AsyncGenerator[Call[None]]:
        yield fan()

    report = await explore(make, pairs=["shutdown"])

    assert report.ok, str(report)
    assert report.runs > report.points + 1 > 4 * 2
