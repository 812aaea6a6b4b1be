"""Where jobs become tasks: one small class for asyncio (uvloop too), one for trio; nothing else knows the difference.

Jobs are spawned natively. An anyio task group would give each a second scope, an event and a wrapper, three times
the cost of a task; the loop's own task factory might be eager and run the job's code inside ``submit``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import trio

T = TypeVar("T")
Main = Callable[[T], Coroutine[Any, Any, None]]


class Loop(Protocol):
    """What the scheduler asks of the loop it runs on."""

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


class AsyncioLoop:
    """asyncio and uvloop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

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


class TrioLoop:
    """trio: tasks live in a nursery that the host's task opens and closes."""

    def __init__(self) -> None:
        import trio  # noqa: PLC0415  # an extra

        self._trio = trio
        self._token = trio.lowlevel.current_trio_token()
        self._manager = trio.open_nursery()
        self._nursery: trio.Nursery | None = None
        self._steps: StepCounter | None = None

    def spawn(self, main: Main[T], argument: T, context: Context, name: str) -> object:
        """See ``Loop``."""
        assert self._nursery is not None  # noqa: S101  # for type checkers: opened before
        context.run(self._nursery.start_soon, main, argument, name=name)
        return name

    def soon(self, callback: Callable[[], None]) -> None:
        """See ``Loop``."""
        self._token.run_sync_soon(callback)

    def strain(self, spawned: object) -> int:
        """See ``Loop``: trio has no loop of cancellations, but the task's steps can be counted."""
        if self._steps is None:
            self._steps = StepCounter()
            self._trio.lowlevel.add_instrument(self._steps)
        return self._steps.count(spawned)

    def relax(self) -> None:
        """See ``Loop``."""
        if self._steps is not None:
            self._trio.lowlevel.remove_instrument(self._steps)
            self._steps = None

    def current(self) -> object:
        """See ``Loop``."""
        return self._trio.lowlevel.current_task()

    async def open(self) -> None:
        """See ``Loop``."""
        self._nursery = await self._manager.__aenter__()

    async def close(self) -> None:
        """See ``Loop``: the body's exception stays outside of the nursery, which would wrap it in a group."""
        self.relax()
        await self._manager.__aexit__(None, None, None)


class StepCounter:
    """A trio instrument that counts the steps of the tasks it was asked about."""

    def __init__(self) -> None:
        self._counts: dict[object, int] = {}

    def count(self, name: object) -> int:
        """Return how many steps the task of that name took since the first call."""
        return self._counts.setdefault(name, 0)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count, for trio."""
        if task.name in self._counts:
            self._counts[task.name] += 1


def current_loop() -> Loop:
    """Return the loop that runs now.

    Raises:
        RuntimeError: None does.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return TrioLoop()
    return AsyncioLoop()
