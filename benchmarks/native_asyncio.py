"""The floor on asyncio and uvloop: tasks of the loop, bare, and with the one scope that every job needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import anyio

from .rounds import Stopwatch
from .work import Live, nothing


async def settle_raw(jobs: int, watch: Stopwatch) -> None:
    """Begin tasks and await each."""
    with watch:
        tasks = [asyncio.create_task(nothing()) for _ in range(jobs)]
        for task in tasks:
            await task


async def settle_scoped(jobs: int, watch: Stopwatch) -> None:
    """The floor of all that cancels by anyio's public means: a task of the loop, and one scope in it."""
    scope_type = type(anyio.CancelScope())

    async def in_scope() -> None:
        with scope_type():
            await nothing()

    with watch:
        tasks = [asyncio.create_task(in_scope()) for _ in range(jobs)]
        for task in tasks:
            await task


@asynccontextmanager
async def holding(jobs: int) -> AsyncGenerator[None]:
    """So many tasks, a scope in each, that wait for ever."""
    live, scope_type = Live(jobs), type(anyio.CancelScope())

    async def in_scope() -> None:
        with scope_type():
            await live.wait_for_ever()

    tasks = [asyncio.create_task(in_scope()) for _ in range(jobs)]
    await live.all.wait()
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def cancel_raw(jobs: int, watch: Stopwatch) -> None:
    """``Task.cancel``."""
    live = Live(jobs)
    tasks = [asyncio.create_task(live.wait_for_ever()) for _ in range(jobs)]
    await live.all.wait()
    with watch:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def cancel_scoped(jobs: int, watch: Stopwatch) -> None:
    """One scope a task, cancelled from the loop, from no task."""
    live = Live(jobs)
    scopes: list[anyio.CancelScope] = []
    scope_type = type(anyio.CancelScope())

    async def in_scope() -> None:
        with scope_type() as scope:
            scopes.append(scope)
            await live.wait_for_ever()

    def cancel_all() -> None:
        for scope in scopes:
            scope.cancel()

    tasks = [asyncio.create_task(in_scope()) for _ in range(jobs)]
    await live.all.wait()
    with watch:
        asyncio.get_running_loop().call_soon(cancel_all)
        for task in tasks:
            await task
