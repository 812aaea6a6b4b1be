"""Callers that are cancelled while a slow store commits what they ask for: no handle and no verdict is lost.

A caller gets its answer and is cancelled at its next checkpoint, or what it asked for never was (rule 16).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, TypeVar, cast

import anyio
import trio

from jobcancel import JobHandle, Scheduler, Verdict
from jobcancel.abc import Entry, Store

from .cells import ALONE, ASYNCIO, Ending
from .scene import Scene

T = TypeVar("T")
Ask = Callable[[], Coroutine[Any, Any, T]]
Way = Callable[[Ask[Any]], Awaitable[list[Any]]]

COMMIT_S: Final = 0.03
PATIENCE_S: Final = 0.01
_ENDS_S: Final = 20.0  # within which a caller that was cancelled is out


class SlowStore:
    """A store that takes its time for each commit."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, entries: Sequence[Entry]) -> None:
        """Take time, and append."""
        time.sleep(COMMIT_S)
        self._store.append(entries)

    def __getattr__(self, name: str) -> Any:
        """Be the store otherwise."""
        return getattr(self._store, name)


class LastsError(Exception):
    """A caller that was cancelled went on."""


async def by_wait_for(ask: Ask[T]) -> list[T]:
    """Ask under ``asyncio.wait_for``."""
    try:
        return [await asyncio.wait_for(ask(), PATIENCE_S)]
    except TimeoutError:
        return []


async def by_timeout(ask: Ask[T]) -> list[T]:
    """Ask under ``asyncio.timeout``, which is over at the next checkpoint."""
    got: list[T] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            got.append(await ask())
            await _rest()
    except TimeoutError:
        pass
    return got


async def by_task(ask: Ask[T], times: int) -> list[T]:
    """Ask in a task that is cancelled."""
    got: list[T] = []

    async def caller() -> None:
        got.append(await ask())
        await _rest()

    task = asyncio.create_task(caller())
    for _ in range(times):
        await asyncio.sleep(PATIENCE_S)
        task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
        raise LastsError
    return got


async def by_scope(ask: Ask[T]) -> list[T]:
    """Ask in a scope whose time runs out, as anyio and trio have it."""
    got: list[T] = []
    with anyio.move_on_after(PATIENCE_S):
        got.append(await ask())
        await _rest()
    return got


async def by_trio(ask: Ask[T]) -> list[T]:
    """Ask in a nursery of trio that is cancelled."""
    got: list[T] = []

    async def caller() -> None:
        got.append(await ask())
        await _rest()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller)
        await trio.sleep(PATIENCE_S)
        nursery.cancel_scope.cancel()
    return got


async def _rest() -> None:
    await anyio.sleep(_ENDS_S)
    raise LastsError


async def submits(scene: Scene, scheduler: Scheduler, way: Way, key: str | None) -> None:
    """A job whose handle was never returned does not run."""
    got: list[JobHandle[Any]] = await way(partial(scheduler.submit, "sleeps", key=key))
    known = {handle.id for handle in got}
    await _rested()
    for job in (await scheduler.find()).jobs:
        if job.id not in known and not job.settled:
            scene.wrong(f"a job is {job.state} whose id was never returned")
        if job.id in known and job.state != "running":
            scene.wrong(f"a job whose handle was given is {job.state}")
    if key is not None and not known:
        again = await scheduler.submit("sleeps", key=key)
        if not again.created:
            scene.wrong("the key is that of a job whose submit failed")


async def cancels(scene: Scene, scheduler: Scheduler, way: Way, many: bool) -> None:
    """A cancel whose verdict was never returned has no effect."""
    handle = await scheduler.submit("sleeps")
    await scene.world.until_reached(1)
    got: list[Verdict | dict[str, Verdict]] = await way(scheduler.cancel_many if many else handle.cancel)
    await _rested()
    state = (await handle.wait(timeout_s=_ENDS_S if got else 0)).state
    if got and state != "canceled":
        scene.wrong(f"a job whose cancel was answered with {got[0]} is {state}")
    if not got and state != "running":
        scene.wrong(f"no verdict was returned for a job that is {state}")


async def _rested() -> None:
    """Give the store time for what is on its way."""
    await anyio.sleep(4 * COMMIT_S)


def asks(scene: Scene, act: Callable[[Scene, Scheduler, Way], Awaitable[None]], way: Way) -> None:
    """Open a scheduler on the slow store, and ask."""

    async def main() -> None:
        store = None if scene.store is None else cast("Store", SlowStore(scene.store))
        scene.scheduler = Scheduler(scene.cell.ending.kinds(), app=scene.world, store=store)
        async with scene.scheduler as scheduler:
            await act(scene, scheduler, way)
            scene.ends.set()

    scene.run(main)


_ACTS: Final[dict[str, Callable[[Scene, Scheduler, Way], Awaitable[None]]]] = {
    "submit": partial(submits, key=None),
    "submit_with_key": partial(submits, key="k"),
    "cancel": partial(cancels, many=False),
    "cancel_many": partial(cancels, many=True),
}
_WAYS: Final[dict[str, tuple[Way, tuple[str, ...], str]]] = {
    "wait_for": (by_wait_for, ASYNCIO, "github.com/MagicStack/asyncpg/pull/548: wait_for drops what it waited for"),
    "timeout": (by_timeout, ASYNCIO, "github.com/python/cpython/issues/86296: cancellations and answers cross"),
    "cancelled_task": (partial(by_task, times=1), ASYNCIO, ""),
    "task_cancelled_twice": (partial(by_task, times=2), ASYNCIO, ""),
    "scope": (by_scope, (*ASYNCIO, "trio"), ""),
    "nursery": (by_trio, ("trio",), ""),
}

ANSWERS: Final = tuple(
    Ending(f"{act}_in_{way}", partial(asks, act=does, way=how), loops=loops, situations=ALONE, source=source)
    for act, does in _ACTS.items()
    for way, (how, loops, source) in _WAYS.items()
)
