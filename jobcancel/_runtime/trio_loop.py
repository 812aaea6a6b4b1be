"""trio's implementation of what the scheduler needs of a loop (``loops.Loop``)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, TypeVar

import anyio
import trio

T = TypeVar("T")


class TrioLoop:
    """trio: tasks live in a nursery that the host's task opens and closes."""

    def __init__(self) -> None:
        self.job_scope: Callable[[], anyio.CancelScope] = partial(anyio.CancelScope, shield=True)
        self.wakeup: Callable[[], TrioWakeup] = TrioWakeup
        self._token = trio.lowlevel.current_trio_token()
        self._manager = trio.open_nursery()
        self._nursery: trio.Nursery | None = None
        self._steps: StepCounter | None = None

    def spawn(self, main: Callable[[T], Coroutine[Any, Any, None]], argument: T, context: Context, name: str) -> object:
        """See ``Loop``."""
        nursery = self._nursery
        assert nursery is not None  # noqa: S101  # for type checkers: opened before
        context.run(lambda: nursery.start_soon(main, argument, name=name))
        return name

    def soon(self, callback: Callable[[], None]) -> None:
        """See ``Loop``."""
        self._token.run_sync_soon(callback)

    def soon_from_thread(self, callback: Callable[[], None]) -> None:
        """See ``Loop``."""
        self._token.run_sync_soon(callback)

    def wake_from_thread(self, wakeup: Any) -> None:
        """See ``Loop``: trio raises no ``KeyboardInterrupt`` in its callbacks."""
        self._token.run_sync_soon(wakeup.set)

    async def interruption(self) -> BaseException | None:
        """See ``Loop``."""
        try:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
        except KeyboardInterrupt as error:
            return error
        return None

    def strain(self, spawned: object) -> int:
        """See ``Loop``: trio has no loop of cancellations, but the task's steps can be counted."""
        if self._steps is None:
            self._steps = StepCounter()
            trio.lowlevel.add_instrument(self._steps)
        return self._steps.count(spawned)

    def relax(self) -> None:
        """See ``Loop``."""
        if self._steps is not None:
            trio.lowlevel.remove_instrument(self._steps)
            self._steps = None

    def current(self) -> object:
        """See ``Loop``."""
        return trio.lowlevel.current_task()

    def when_ended(self, task: object, callback: Callable[[], None]) -> None:
        """See ``Loop``."""

    async def open(self) -> None:
        """See ``Loop``."""
        self._nursery = await self._manager.__aenter__()

    async def close(self) -> None:
        """See ``Loop``: the body's exception stays outside of the nursery, which would wrap it in a group."""
        self.relax()
        await self._manager.__aexit__(None, None, None)


class TrioWakeup:
    """trio: one parked task."""

    __slots__ = ("_set", "_task")

    def __init__(self) -> None:
        self._set = False
        self._task: trio.lowlevel.Task | None = None

    def set(self) -> None:
        """See ``Wakeup``."""
        self._set = True
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def _give_up(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def wait(self) -> None:
        """See ``Wakeup``."""
        if not self._set:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._give_up)

    async def wait_uninterrupted(self) -> None:
        """See ``Wakeup``: trio raises what it could not raise here at the task's next checkpoint."""
        if not self._set:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(_keep_waiting)


def _keep_waiting(_: object) -> trio.lowlevel.Abort:
    """Keep the task waiting."""
    return trio.lowlevel.Abort.FAILED


class StepCounter(trio.abc.Instrument):
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

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """Forget the task, for trio: under steady load some job always unwinds, and the counting never stops."""
        self._counts.pop(task.name, None)
