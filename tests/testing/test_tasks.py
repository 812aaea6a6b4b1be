"""Tasks that a job's code starts: only they are recorded, in the same order in every run, and the loop is restored."""

from __future__ import annotations

import asyncio
import gc
import importlib
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import Call, JobContext, Registry
from jobcancel.testing import Report, explore

from .exploring import make_for


async def test_tasks_of_other_code_are_not_points_of_the_job(anyio_backend: tuple[str, Any]) -> None:
    async def other_code() -> None:
        while True:
            if anyio_backend[0] == "asyncio":
                await asyncio.create_task(asyncio.sleep(0))
            async with anyio.create_task_group() as group:
                group.start_soon(checkpoint)

    async def work(job: JobContext) -> None:
        await checkpoint()

    reports: list[Report] = []
    async with anyio.create_task_group() as group:
        group.start_soon(other_code)
        reports.append(await explore(make_for(work)))
        group.cancel_scope.cancel()

    (report,) = reports
    assert report.ok, str(report)
    assert report.points == 3


async def test_ready_tasks_run_in_the_same_order_in_every_run() -> None:
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

    report = await explore(make_for(work))

    assert report.ok, str(report)
    assert {tuple(order) for order in orders if len(order) == 8} == {(0, 1, 2, 3, 0, 1, 2, 3)}
    assert len(orders) >= report.points > 4 * 2


async def test_children_run_in_the_same_order_before_a_second_request() -> None:
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


async def test_explore_restores_the_loop_the_warnings_and_the_garbage_collector(anyio_backend: tuple[str, Any]) -> None:
    def state_of_the_loop() -> list[Any]:
        if anyio_backend[0] == "asyncio":
            loop = asyncio.get_running_loop()
            return [loop.get_task_factory(), len(asyncio.all_tasks())]
        trio_run: Any = importlib.import_module("trio._core._run")
        runner = trio_run.GLOBAL_RUN_CONTEXT.runner
        order = [trio_run._r, trio_run._ALLOW_DETERMINISTIC_SCHEDULING]
        return [dict(runner.instruments), len(runner.tasks), *order]

    async def work(job: JobContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(checkpoint)

    gc.unfreeze()
    before, filters = state_of_the_loop(), list(warnings.filters)
    report = await explore(make_for(work))

    assert report.ok
    assert state_of_the_loop() == before
    assert warnings.filters == filters
    assert gc.get_freeze_count() == 0


async def test_task_factory_of_the_host_is_used(anyio_backend: tuple[str, Any]) -> None:
    if anyio_backend[0] != "asyncio":
        pytest.skip("trio has no task factory")
    made: list[str] = []

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append("task")
        return asyncio.Task(coroutine, loop=loop, **options)

    async def work(job: JobContext) -> None:
        await asyncio.create_task(asyncio.sleep(0))

    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        report = await explore(make_for(work))
    finally:
        assert loop.get_task_factory() is factory
        loop.set_task_factory(None)

    assert report.ok, str(report)
    assert len(made) >= report.runs - 2
