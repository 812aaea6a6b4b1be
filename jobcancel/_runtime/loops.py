"""Where jobs become tasks: what the scheduler asks of a loop, and asyncio's answer (uvloop's too).

Jobs are spawned natively. An anyio task group would give each a second scope, an event and a wrapper, three times
the cost of a task; the loop's own task factory might be eager and run the job's code inside ``submit``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, Protocol, TypeVar

import anyio

T = TypeVar("T")
Main = Callable[[T], Coroutine[Any, Any, None]]


class Signal(Protocol):
    """What one task waits for, once; an event, for which any number may wait, costs three times as much."""

    def set(self) -> None:
        """Let it go on."""
        ...

    def wait(self) -> Awaitable[None]:
        """Wait, unless it was set before."""
        ...


class Loop(Protocol):
    """What the scheduler asks of the loop it runs on.

    Attributes:
        job_scope: Makes the scope around a job's code, which a cancellation of the host does not reach.
        signal: Makes a signal.
    """

    job_scope: Callable[[], anyio.CancelScope]
    signal: Callable[[], Signal]

    def spawn(self, main: Main[T], argument: T, context: Context, name: str) -> object:
        """Start ``main(argument)`` as a task in ``context``; return what ``strain`` knows it by. Keep that."""
        ...

    def soon(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` from the loop, from no task."""
        ...

    def strain(self, spawned: object) -> int:
        """Return a number that climbs fast while the task swallows cancellation after cancellation."""
        ...

    def relax(self) -> None:
        """Stop counting what ``strain`` needs counted."""
        ...

    def current(self) -> object:
        """Return the current task, to compare."""
        ...

    async def open(self) -> None:
        """Begin to take tasks."""
        ...

    async def close(self) -> None:
        """End; all tasks have ended."""
        ...


class AsyncioSignal(asyncio.Future[None]):
    """asyncio and uvloop: a future, the object that an event of theirs would make for its waiter."""

    __slots__ = ()

    def set(self) -> None:
        """See ``Signal``."""
        if not self.done():  # else its waiter was cancelled
            self.set_result(None)

    def wait(self) -> Awaitable[None]:
        """See ``Signal``."""
        return self


class AsyncioLoop:
    """asyncio and uvloop."""

    def __init__(self) -> None:
        # anyio's own class for this loop: the look-up costs half of making one. A native task is in no other scope,
        # so there is nothing to shield this one from.
        self.job_scope: Callable[[], anyio.CancelScope] = type(anyio.CancelScope())
        self._loop = asyncio.get_running_loop()
        self.signal: Callable[[], Signal] = partial(AsyncioSignal, loop=self._loop)

    def spawn(self, main: Main[T], argument: T, context: Context, name: str) -> object:
        """See ``Loop``."""
        return asyncio.Task(main(argument), loop=self._loop, name=name, context=context)

    def soon(self, callback: Callable[[], None]) -> None:
        """See ``Loop``."""
        self._loop.call_soon(callback)

    def strain(self, spawned: object) -> int:
        """See ``Loop``: anyio cancels such a task again in every turn of the loop, and 0 times under a shield."""
        assert isinstance(spawned, asyncio.Task)  # noqa: S101  # for type checkers: spawn made it
        return spawned.cancelling()

    def relax(self) -> None:
        """See ``Loop``."""

    def current(self) -> object:
        """See ``Loop``."""
        return asyncio.current_task()

    async def open(self) -> None:
        """See ``Loop``."""

    async def close(self) -> None:
        """See ``Loop``."""


def current_loop() -> Loop:
    """Return the loop that runs now.

    Raises:
        RuntimeError: None does.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        from .trio_loop import TrioLoop  # noqa: PLC0415  # trio is an extra

        return TrioLoop()
    return AsyncioLoop()
