"""Hosts without a loop: the scheduler has a thread of its own, and the main thread ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

from jobcancel import BlockingScheduler

from .cells import CTRL_C, Ending
from .hosts import BoomError
from .kinds import begin
from .scene import Scene

_TICK_S: Final = 0.02
_BACKENDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}


def holds(scene: Scene, then: Callable[[], None]) -> None:
    """Hold the scheduler; when the jobs are in place, do ``then``."""
    backend, options = _BACKENDS[scene.cell.loop]
    kinds = scene.cell.ending.kinds()
    blocking = BlockingScheduler(kinds, backend=backend, backend_options=options, app=scene.world, store=scene.store)
    scene.scheduler = cast("Any", blocking)._scheduler
    with blocking:
        blocking.call("begin", partial(begin, scene.world, scene.scheduler, scene.cell.situation))
        scene.ends.set()
        try:
            then()
        finally:
            scene.leave()


def returns(scene: Scene) -> None:
    """The body returns."""
    holds(scene, lambda: None)


def raises(scene: Scene) -> None:
    """The body raises."""

    def fail() -> None:
        raise BoomError

    holds(scene, fail)


def interrupted(scene: Scene) -> None:
    """Ctrl-C comes while the main thread does something else."""

    def rest() -> None:
        while True:  # a signal that arrives just before a sleep does not end it
            time.sleep(_TICK_S)

    holds(scene, rest)


BLOCKING: Final = (
    Ending("blocking_returns", returns),
    Ending("blocking_raises", raises, ("BoomError",)),
    Ending("blocking_ctrl_c", interrupted, ("KeyboardInterrupt",), signals=CTRL_C),
    Ending("blocking_ctrl_c_twice", interrupted, ("KeyboardInterrupt",), signals=CTRL_C * 2),
)
