"""Event loops: what the scheduler needs of one, and asyncio's (and uvloop's) implementation.

Jobs are spawned natively. An anyio task group would give each a second scope, an event and a wrapper, three times
the cost of a task; the loop's own task factory might be eager and run the job's code inside ``submit``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, ClassVar, Protocol, TypeVar, cast

import anyio

T = TypeVar("T")
Main = Callable[[T], Coroutine[Any, Any, None]]


class Wakeup(Protocol):
    """What one task waits for, once. An event, for which any number of tasks may wait, costs three times as much."""

    def set(self) -> None:
        """End the wait."""
        ...

    def wait(self) -> Awaitable[None]:
        """Wait, unless it was set before; a cancellation ends the wait."""
        ...

    def wait_uninterrupted(self) -> Awaitable[None]:
        """Wait, unless it was set before, whatever cancels the waiting task.

        No cancellation is lost: one that arrived meanwhile, from a scope around the task or a native
        ``Task.cancel()``, is raised at the task's next checkpoint. However often it arrives, it costs no CPU.
        """
        ...


class Loop(Protocol):
    """What the scheduler needs of the loop it runs on."""

    def job_scope(self) -> anyio.CancelScope:
        """Return the scope around a job's code, which a cancellation of the host does not reach."""
        ...

    def wakeup(self) -> Wakeup:
        """Return a new wakeup."""
        ...

    def spawn(self, main: Main[T], argument: T, context: Context, name: str) -> object:
        """Start ``main(argument)`` as a task in ``context``; return what ``strain`` takes. The caller keeps it."""
        ...

    def soon(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` from the loop, from no task; it must not raise."""
        ...

    def soon_from_thread(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` from the loop; to be called from another thread."""
        ...

    def wake_from_thread(self, wakeup: Wakeup) -> None:
        """Set a wakeup from another thread, once; its task waits for it uninterrupted, or not at all.

        Ctrl-C can not prevent it.
        """
        ...

    async def interruption(self) -> BaseException | None:
        """Return what interrupts the current task from outside all scopes, for the caller to raise, or None.

        That is a native ``Task.cancel()`` on asyncio and Ctrl-C in the main task on trio.
        """
        ...

    def strain(self, spawned: object) -> int:
        """Return a number that rises fast while the task swallows one cancellation after another."""
        ...

    def relax(self) -> None:
        """Stop the counting that ``strain`` started."""
        ...

    def current(self) -> object:
        """Return the current task, to be compared."""
        ...

    def when_ended(self, task: object, callback: Callable[[], None]) -> None:
        """Call ``callback`` when a task from ``current`` or ``spawn`` has ended.

        No effect on trio, where no task ends before its first step.
        """
        ...

    async def open(self) -> None:
        """Prepare to spawn tasks."""
        ...

    async def close(self) -> None:
        """End; all tasks have ended."""
        ...


class AsyncioWakeup(asyncio.Future[None]):
    """asyncio and uvloop: a future, which is what an event of theirs creates for a waiter.

    ``Task.cancel()`` has the future that the task waits for cancel itself, and leaves the task alone when that returns
    True. So a future that only remembers the request keeps its task waiting, and no turn of the loop is spent on it.

    Attributes:
        scope_type: anyio's cancel scope for asyncio; set when the first loop is met.
    """

    __slots__ = ("_interrupted", "_uninterrupted")
    scope_type: ClassVar[type[anyio.CancelScope]]

    def set(self) -> None:
        """See ``Wakeup``."""
        if not self.done():  # else the waiting task was cancelled
            self.set_result(None)

    def wait(self) -> Awaitable[None]:
        """See ``Wakeup``."""
        return self

    async def wait_uninterrupted(self) -> None:
        """See ``Wakeup``."""
        if self.done():
            return
        self._uninterrupted, self._interrupted = True, False
        with self.scope_type(shield=True):  # anyio's own cancellations: it repeats them when the shield has ended
            await self
        if self._interrupted:
            self._repeat()

    def cancel(self, msg: Any | None = None) -> bool:
        """End the wait, or, in an uninterrupted one, remember the request."""
        if not getattr(self, "_uninterrupted", False):
            return super().cancel(msg)
        self._interrupted = True
        return True

    def _repeat(self) -> None:
        """Cancel the waiting task again at its next checkpoint, unless it has ended or the request was withdrawn.

        From a callback: a task that ends in this very step, as that of ``asyncio.wait_for`` around a submit does on
        Python 3.11, keeps its value. ``asyncio.timeout`` withdraws its request (``Task.uncancel``) when it is left.
        """
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self.get_loop().call_soon(_cancel_again, task, task.cancelling())


def _cancel_again(task: asyncio.Task[Any], requests: int) -> None:
    if task.cancelling() >= requests and not task.done():
        task.uncancel()  # the request is counted already
        task.cancel()


class AsyncioLoop:
    """asyncio and uvloop."""

    def __init__(self) -> None:
        # anyio's own class for this loop: the look-up costs half of making one. A native task is in no other scope,
        # so there is nothing to shield this one from.
        self._scope_type = AsyncioWakeup.scope_type = type(anyio.CancelScope())
        self.job_scope: Callable[[], anyio.CancelScope] = self._scope_type
        self._loop = asyncio.get_running_loop()
        self.wakeup: Callable[[], Wakeup] = partial(AsyncioWakeup, loop=self._loop)

    def spawn(self, main: Main[T], argument: T, context: Context, name: str) -> object:
        """See ``Loop``."""
        return asyncio.Task(main(argument), loop=self._loop, name=name, context=context)

    def soon(self, callback: Callable[[], None]) -> None:
        """See ``Loop``."""
        self._loop.call_soon(callback)

    def soon_from_thread(self, callback: Callable[[], None]) -> None:
        """See ``Loop``."""
        self._loop.call_soon_threadsafe(callback)

    def wake_from_thread(self, wakeup: Wakeup) -> None:
        """See ``Loop``: a callback in Python could end at its first step, by the second Ctrl-C, and set nothing."""
        assert isinstance(wakeup, AsyncioWakeup)  # noqa: S101  # for type checkers: ``wakeup`` made it
        self._loop.call_soon_threadsafe(wakeup.set_result, None)

    async def interruption(self) -> BaseException | None:
        """See ``Loop``: what ``wait_uninterrupted`` has put off comes at this checkpoint."""
        try:
            with self._scope_type(shield=True):
                await asyncio.sleep(0)
        except asyncio.CancelledError as error:
            return error
        return None

    def strain(self, spawned: object) -> int:
        """See ``Loop``: anyio cancels such a task again in every turn of the loop, and 0 times under a shield."""
        assert isinstance(spawned, asyncio.Task)  # noqa: S101  # for type checkers: spawn made it
        return spawned.cancelling()

    def relax(self) -> None:
        """See ``Loop``."""

    def current(self) -> object:
        """See ``Loop``."""
        return asyncio.current_task()

    def when_ended(self, task: object, callback: Callable[[], None]) -> None:
        """See ``Loop``."""
        cast("asyncio.Task[object]", task).add_done_callback(lambda _: callback())

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
