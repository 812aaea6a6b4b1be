"""Hosts that end while the scheduler opens a store that takes its time: nothing is open then, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any, Final, cast

import anyio

from jobcancel import Scheduler
from jobcancel.abc import Store
from jobcancel.errors import StoreError

from .cells import ASYNCIO, CTRL_C, Ending
from .hosts import serve
from .kinds import begin, until
from .scene import PAUSE_S, Scene, stay

_OPENS_S: Final = 3 * PAUSE_S  # longer than the cancellation, or the signals, take to come


class SlowOpening:
    """A store that takes its time to open, or fails to."""

    def __init__(self, scene: Scene, store: Store, fails: bool) -> None:
        self._scene, self._store, self._fails = scene, store, fails

    def open(self) -> None:
        """Let the ending come, take time, and open."""
        self._scene.ends.set()
        time.sleep(_OPENS_S)
        if self._fails:
            raise StoreError("the cell's", "cannot be opened")
        self._store.open()

    def __getattr__(self, name: str) -> Any:
        """Be the store otherwise."""
        return getattr(self._store, name)


async def leave_jobs(scene: Scene) -> None:
    """Have a life that leaves a job pending."""
    async with scene.scheduler:
        await begin(scene.world, scene.scheduler, "running")


def reopens(scene: Scene, fails: bool) -> None:
    """Open again, slowly, a journal that has a job to run."""
    scene.run(partial(leave_jobs, scene))
    store = cast("Store", SlowOpening(scene, cast("Store", scene.store), fails))
    scene.scheduler = Scheduler(scene.cell.ending.kinds(), app=scene.world, store=store)


def open_again(scene: Scene) -> None:
    """Check that no process holds the store."""
    assert scene.store is not None
    try:
        scene.store.open()
        scene.store.close()
    except StoreError as error:
        scene.wrong(f"the store is open still: {error}")


async def enter(scene: Scene) -> None:
    """Enter, and stay."""
    async with scene.scheduler:
        await stay()


def cancelled(scene: Scene, times: int) -> None:
    """The task that enters is cancelled natively."""
    reopens(scene, fails=False)

    async def main() -> None:
        entering = asyncio.create_task(enter(scene), name="host")
        await until(scene.ends)
        for _ in range(times):
            entering.cancel()
            await asyncio.wait([entering], timeout=PAUSE_S / 3)
        await asyncio.wait([entering])
        open_again(scene)
        await entering

    scene.run(main)


def scope_cancelled(scene: Scene) -> None:
    """The scope around it is cancelled."""
    reopens(scene, fails=False)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(enter, scene)
            await until(scene.ends)
            group.cancel_scope.cancel()
        open_again(scene)

    scene.run(main)


def interrupted(scene: Scene) -> None:
    """Ctrl-C comes meanwhile."""
    reopens(scene, fails=False)
    try:
        scene.run(partial(enter, scene))
    finally:
        scene.close()
        open_again(scene)


def loop_ends_first(scene: Scene) -> None:
    """The main task returns meanwhile."""
    reopens(scene, fails=False)

    async def main() -> None:
        scene.world.references.append(asyncio.create_task(enter(scene), name="host"))
        await until(scene.ends)

    scene.run(main)
    open_again(scene)


def fails(scene: Scene) -> None:
    """It cannot be opened."""
    before = scene.scheduler
    reopens(scene, fails=True)
    try:
        scene.run(partial(serve, scene))
    finally:
        scene.scheduler = before  # the other one never had a job
        open_again(scene)


_opening = partial(Ending, stores=("memory", "sqlite"), situations=("running",))

OPENINGS: Final = (
    _opening("opening_cancelled", partial(cancelled, times=1), ("CancelledError",), loops=ASYNCIO),
    _opening("opening_cancelled_twice", partial(cancelled, times=2), ("CancelledError",), loops=ASYNCIO),
    _opening("opening_scope_cancelled", scope_cancelled),
    _opening("opening_ctrl_c", interrupted, ("KeyboardInterrupt",), signals=CTRL_C),
    _opening("opening_loop_ends_first", loop_ends_first, loops=ASYNCIO),
    _opening(
        "opening_fails",
        fails,
        ("StoreError",),
        source="github.com/omnilib/aiosqlite/issues/35: a failing __aenter__ leaves a thread that never ends",
    ),
)
