"""A clock that a test owns: time stands still until the test moves it."""

from __future__ import annotations

from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from jobcancel._core.arguments import DELAY

EPOCH: Final = 1_800_000_000.0
"""The ``time()`` of a new clock, in seconds since 1970: 2027-01-15T08:00:00Z."""
_TURNS: Final = 20  # of the loop, before time moves: a delivery takes two on trio, and each 200 of them one more


class ManualClock:
    """A ``jobcancel.abc.Clock`` for tests: timeouts, grace, expiry and retention happen when the test moves it.

    It drives the library's own timers, on every backend. The job's own sleeps and timeouts (``anyio.sleep``,
    ``anyio.fail_after``) use the loop's clock, which it does not move.

    Attributes:
        wall: Seconds since 1970, as ``time()`` returns them. May be set to any time, also an earlier one, as an
            operator may do.
    """

    def __init__(self) -> None:
        self.wall: float = EPOCH
        self._now = 0.0
        self._sleepers: set[_Sleeper] = set()

    def __repr__(self) -> str:
        return f"<clock moved by {self._now:g} s>"

    def time(self) -> float:
        """Return seconds since 1970 (UTC)."""
        return self.wall

    def monotonic(self) -> float:
        """Return by how many seconds the clock was moved."""
        return self._now

    async def sleep_until(self, deadline: float) -> None:
        """Return at the deadline, and before it whenever the clock is moved: a caller has to check the time again."""
        if deadline <= self._now:
            await checkpoint()
            return
        sleeper = _Sleeper()
        self._sleepers.add(sleeper)
        try:
            await sleeper.wake.wait()
        finally:
            self._sleepers.discard(sleeper)
            sleeper.woken.set()

    async def advance(self, seconds: float) -> None:
        """Move the clock; return when every sleeper has woken and done what was due.

        Tasks that are ready run first, for at most 20 turns of the loop, and read the time before the move: a cancel
        that was requested before this call is delivered before the move, so its grace counts from there. A sleeper
        whose deadline was brought forward before this call wakes too. Wait as usual for what the timers start, for
        example a job that unwinds: ``await handle.wait()``.

        Args:
            seconds: How far, from 0; both ``monotonic()`` and ``time()`` move.

        Raises:
            TypeError: ``seconds`` is not a number; the clock was not moved.
            ValueError: It is negative, infinite or too large; the clock was not moved.
        """
        seconds = DELAY.check(seconds, "seconds")
        for _ in range(_TURNS):
            await checkpoint()
        self._now += seconds
        self.wall += seconds
        sleepers = list(self._sleepers)
        for sleeper in sleepers:
            sleeper.wake.set()
        for sleeper in sleepers:
            await sleeper.woken.wait()


class _Sleeper:
    """One call of ``sleep_until``. Its caller's next step runs before any task that waits for ``woken``."""

    def __init__(self) -> None:
        self.wake, self.woken = anyio.Event(), anyio.Event()
