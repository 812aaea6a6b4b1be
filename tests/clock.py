"""A clock that a test owns: time stands still until the test moves it."""

from __future__ import annotations

import anyio
from anyio.lowlevel import checkpoint

EPOCH = 1_800_000_000.0
"""What a new clock's ``time()`` reads, in seconds since 1970."""


class FakeClock:
    """A ``jobcancel.abc.Clock``. ``wall`` may be set freely, also backwards, as an operator does it.

    Attributes:
        wall: Seconds since 1970.
    """

    def __init__(self) -> None:
        self.wall = EPOCH
        self._now = 0.0
        self._asleep: set[_Sleeper] = set()

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
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

        That includes who slept for a later time but has been told of an earlier one since: nothing depends on
        whether it had heard of that already.
        """
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
