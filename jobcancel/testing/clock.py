"""A clock that a test owns: time stands still until the test moves it."""

from __future__ import annotations

from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from jobcancel._core.arguments import DELAY

EPOCH: Final = 1_800_000_000.0
"""What a new clock's ``time()`` reads, in seconds since 1970: 2027-01-15T08:00:00Z."""
_TURNS: Final = 20  # of the loop, before time moves: a delivery takes two on trio, and each 200 of them one more


class ManualClock:
    """A ``jobcancel.abc.Clock`` for tests; timeouts, grace, expiry and retention come when the test says so.

    It moves the library's own timers, on every backend. What the job's code sleeps for by itself (``anyio.sleep``,
    ``anyio.fail_after``) goes by the loop's clock and is not moved.

    Attributes:
        wall: Seconds since 1970, what ``time()`` reads. May be set freely, also backwards, as an operator does it.
    """

    def __init__(self) -> None:
        self.wall: float = EPOCH
        self._now = 0.0
        self._asleep: set[_Sleeper] = set()

    def __repr__(self) -> str:
        return f"<clock moved by {self._now:g} s>"

    def time(self) -> float:
        """Return seconds since 1970 (UTC)."""
        return self.wall

    def monotonic(self) -> float:
        """Return by how many seconds it has been moved."""
        return self._now

    async def sleep_until(self, deadline: float) -> None:
        """Return when the time has come, and early whenever time moves: a sleeper looks at the clock again anyway."""
        if deadline <= self._now:
            await checkpoint()
            return
        sleeper = _Sleeper()
        self._asleep.add(sleeper)
        try:
            await sleeper.wake.wait()
        finally:
            self._asleep.discard(sleeper)
            sleeper.left.set()

    async def advance(self, seconds: float) -> None:
        """Move the time on; return when everyone who slept has woken and done what was due.

        What is ready to run runs first, for at most 20 turns of the loop, and reads the time before the move: a
        cancel that was requested just before is delivered before, so that its grace counts from there. A sleeper
        whose deadline was brought forward before the call wakes too. What the timers set in motion (a job that
        unwinds) is waited for as ever: ``await handle.wait()``.

        Args:
            seconds: How far, from 0; both ``monotonic()`` and ``time()`` move.

        Raises:
            TypeError: ``seconds`` is no number; the time has not moved.
            ValueError: It is negative, infinite or too long; the time has not moved.
        """
        seconds = DELAY.check(seconds, "seconds")
        for _ in range(_TURNS):
            await checkpoint()
        self._now += seconds
        self.wall += seconds
        woken = list(self._asleep)
        for sleeper in woken:
            sleeper.wake.set()
        for sleeper in woken:
            await sleeper.left.wait()


class _Sleeper:
    """One call of ``sleep_until``. What its caller does next comes before anything that waits for ``left``."""

    def __init__(self) -> None:
        self.wake, self.left = anyio.Event(), anyio.Event()
