"""Time in the soak: ticks of the tests' clock, made as fast as the loop turns. Nothing in it waits for real time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio

from jobcancel.testing import ManualClock

TICK_S: Final = 0.05


class Pace:
    """The clock, and what is to happen at a later tick."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.tick = 0
        self._due: dict[int, list[Callable[[], object]]] = {}

    def after(self, ticks: int, call: Callable[[], object]) -> None:
        """Call ``call`` in the driver's task, ``ticks`` ticks from now."""
        self._due.setdefault(self.tick + max(1, ticks), []).append(call)

    async def pause(self, ticks: int) -> None:
        """Return ``ticks`` ticks from now."""
        event = anyio.Event()
        self.after(ticks, event.set)
        await event.wait()

    async def step(self) -> None:
        """Let one tick pass."""
        self.tick += 1
        for call in self._due.pop(self.tick, ()):
            call()
        await self.clock.advance(TICK_S)
