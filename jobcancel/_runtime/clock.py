"""Time: the system's clock, and the timers of one scheduler.

Timeouts, expiry, grace and retention all run on these timers and on no deadline of a cancel scope: a scope's own
deadline ignores its shield, and a clock that a test owns could not move it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import inf
from time import monotonic, time
from typing import Final

import anyio

from jobcancel.abc import Clock

from .log import guard, log_scheduler

_RETRY_S: Final = 1.0  # between two tries while the host's clock raises
_COMPACT_ABOVE: Final = 64  # dead timers; below that, keeping them is cheaper than sweeping them out


class SystemClock:
    """The system's time."""

    time = staticmethod(time)
    monotonic = staticmethod(monotonic)

    async def sleep_until(self, deadline: float) -> None:
        """Return when ``monotonic()`` has reached ``deadline``; ``inf`` sleeps until cancelled."""
        if deadline == inf:
            await anyio.sleep_forever()
        await anyio.sleep(max(0.0, deadline - self.monotonic()))  # the deadline may have passed since the call


class Timer:
    """One callback due in the future, until it is cancelled or called."""

    __slots__ = ("_timers", "callback", "deadline")

    def __init__(self, timers: Timers, deadline: float, callback: Callable[[], object]) -> None:
        self._timers = timers
        self.deadline: float = deadline
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Cancel the timer; no effect if the callback was called or the timer cancelled."""
        if self.callback is not None:
            self.callback = None
            self._timers.died()


class Timers:
    """The pending timers, and the task that calls their callbacks.

    A cancelled timer stays in the heap as a tombstone until its deadline, or until tombstones are the majority.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Timer]] = []
        self._made = self._dead = 0
        self._sleep: anyio.CancelScope | None = None
        self._open = True

    def add(self, deadline: float, callback: Callable[[], object]) -> Timer:
        """Call ``callback`` when the monotonic clock has reached ``deadline``."""
        timer = Timer(self, deadline, callback)
        self._made += 1
        heappush(self._heap, (deadline, self._made, timer))
        if self._heap[0][2] is timer and self._sleep is not None:
            self._sleep.cancel()  # the task sleeps until a later deadline
        return timer

    def died(self) -> None:
        """Count a tombstone."""
        self._dead += 1
        if self._dead > _COMPACT_ABOVE and 2 * self._dead > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapify(self._heap)
            self._dead = 0

    def open(self) -> None:
        """Make ``run`` possible; pending timers wait for it."""
        self._open = True

    def close(self) -> None:
        """End ``run``; pending timers stay pending."""
        self._open = False
        if self._sleep is not None:
            self._sleep.cancel()

    async def run(self) -> None:
        """Call each callback at its deadline, until the timers are closed."""
        failed = False
        while self._open:
            try:
                with anyio.CancelScope(shield=True) as self._sleep:
                    if failed:
                        await anyio.sleep(_RETRY_S)
                    await self._clock.sleep_until(self._heap[0][0] if self._heap else inf)
                self._sleep = None
                self._call_due()
                failed = False
            except anyio.get_cancelled_exc_class():
                pass  # not ours: asyncio.run cancels every task before it ends, and unwinding jobs need their timers
            except Exception as error:  # noqa: BLE001  # the host's clock
                failed = True
                log_scheduler(logging.ERROR, "the clock has failed; it is read again in %g s", _RETRY_S, error=error)

    def _call_due(self) -> None:
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            timer = heappop(self._heap)[2]
            callback, timer.callback = timer.callback, None
            if callback is None:
                self._dead -= 1
            else:
                guard("a timer's callback", callback)
