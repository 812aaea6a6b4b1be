"""The floor on trio: tasks of one nursery, bare, and with a scope each; trio cancels by scopes alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import trio

from .rounds import Stopwatch
from .work import Live, nothing


async def settle_raw(jobs: int, watch: Stopwatch) -> None:
    """Begin tasks and leave their nursery."""
    with watch:
        async with trio.open_nursery() as nursery:
            for _ in range(jobs):
                nursery.start_soon(nothing)


async def settle_scoped(jobs: int, watch: Stopwatch) -> None:
    """A task of the nursery, and one scope of anyio's in it."""
    scope_type = type(anyio.CancelScope())

    async def in_scope() -> None:
        with scope_type():
            await nothing()

    with watch:
        async with trio.open_nursery() as nursery:
            for _ in range(jobs):
                nursery.start_soon(in_scope)


@asynccontextmanager
async def holding(jobs: int) -> AsyncGenerator[None]:
    """So many tasks, a scope in each, that wait for ever."""
    live, scope_type = Live(jobs), type(anyio.CancelScope())

    async def in_scope() -> None:
        with scope_type():
            await live.wait_for_ever()

    async with trio.open_nursery() as nursery:
        for _ in range(jobs):
            nursery.start_soon(in_scope)
        await live.all.wait()
        yield
        nursery.cancel_scope.cancel()


async def cancel_raw(jobs: int, watch: Stopwatch) -> None:
    """Trio's own scopes."""
    await _cancel(trio.CancelScope, jobs, watch)


async def cancel_scoped(jobs: int, watch: Stopwatch) -> None:
    """anyio's scopes."""
    await _cancel(type(anyio.CancelScope()), jobs, watch)


async def _cancel(scope_type: type[trio.CancelScope | anyio.CancelScope], jobs: int, watch: Stopwatch) -> None:
    live = Live(jobs)
    scopes: list[trio.CancelScope | anyio.CancelScope] = []

    async def in_scope() -> None:
        with scope_type() as scope:
            scopes.append(scope)
            await live.wait_for_ever()

    nursery_manager = trio.open_nursery()
    async with nursery_manager as nursery:
        for _ in range(jobs):
            nursery.start_soon(in_scope)
        await live.all.wait()
        watch.__enter__()  # the nursery's own end is in the measure, its beginning is not
        for scope in scopes:
            scope.cancel()
    watch.__exit__(None, None, None)
