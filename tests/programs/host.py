"""The task that holds the scheduler, and every way in which it may end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from typing import Any, Final, NoReturn

import anyio
import sniffio
from anyio.abc import TaskGroup

from jobcancel import Scheduler
from jobcancel.errors import StoreError

from .world import World

LOOP_ENDINGS: Final = ("loop ends", "ctrl-c", "ctrl-c twice")
"""Those that end the main coroutine, and with it the loop, while the scheduler runs beside it."""
ENDINGS: Final = ("settled", "normal", "raises", "scope", "aclose", "ctrl-c")
ASYNCIO_ENDINGS: Final = (*ENDINGS, "native", "native twice", "awaited", "loop ends", "ctrl-c twice")


class BoomError(Exception):
    """What the body of ``async with`` raises."""


class LoopEndsError(Exception):
    """Takes the main coroutine out of a loop in which others still run."""


async def end_loop(ending: str) -> NoReturn:
    """End the main coroutine, as it ends by itself or by Ctrl-C."""
    if ending == "loop ends":
        raise LoopEndsError
    for _ in range(2 if ending == "ctrl-c twice" else 1):
        os.kill(os.getpid(), signal.SIGINT)
    await anyio.sleep_forever()
    raise LoopEndsError


class Host:
    """One entering of the scheduler, in a task of its own.

    Attributes:
        entered: Set when the scheduler runs.
        over: Set when it has been left, or could not be entered.
        error: What came out of it.
    """

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self.world, self.scheduler = world, scheduler
        self.entered, self.over, self.leave = anyio.Event(), anyio.Event(), anyio.Event()
        self.error: BaseException | None = None
        self._scope = anyio.CancelScope()
        self._task: Any = None
        self._ending = "normal"

    async def start(self, group: TaskGroup) -> None:
        """Return when the scheduler is entered, or could not be."""
        if sniffio.current_async_library() == "asyncio":
            self._task = asyncio.ensure_future(self._run())  # no task of anyio's: others may cancel it
        else:
            group.start_soon(self._run)
        await self.entered.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                if self.world.program.ending == "aclose":
                    await self._hold_in_generator()
                else:
                    await self._hold()
        except (Exception, asyncio.CancelledError) as error:
            self.error = error
        finally:
            self.world.trace.add("left", error=type(self.error).__name__)
            self.entered.set()
            self.over.set()

    async def _hold(self) -> None:
        async with self.scheduler:
            await self._body()

    async def _hold_in_generator(self) -> None:
        async def holding() -> AsyncGenerator[None]:
            async with self.scheduler:
                yield

        generator = holding()
        await anext(generator)
        await self._body()
        await generator.aclose()

    async def _body(self) -> None:
        self.world.trace.add("entered")
        self.entered.set()
        await self.leave.wait()
        if self._ending == "raises":
            raise BoomError

    async def end(self, ending: str, group: TaskGroup) -> None:
        """Begin to end as it says."""
        self._ending = ending
        self.world.closing = True
        self.world.trace.add("closing", ending=ending)
        if ending == "scope":
            self._scope.cancel()
        elif ending.startswith("native"):
            self._task.cancel()
            if ending == "native twice":
                await asyncio.sleep(0)
                self._task.cancel()
        elif ending == "awaited":
            group.start_soon(self._await_in_cancelled_scope)
        else:
            self.leave.set()

    async def _await_in_cancelled_scope(self) -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await self._task

    def judge(self) -> str | None:
        """Return what is wrong with how it ended, or None."""
        if isinstance(self.error, StoreError) and self.world.unkept:
            return None
        expected = {"raises": BoomError, "native": asyncio.CancelledError, "native twice": asyncio.CancelledError}
        wanted = expected.get(self._ending)
        if self._ending == "awaited":
            return None if isinstance(self.error, asyncio.CancelledError) else f"its task ended with {self.error!r}"
        if wanted is None:
            return None if self.error is None else f"{type(self.error).__name__} came out: {self.error}"
        return None if type(self.error) is wanted else f"{self.error!r} came out, not {wanted.__name__}"
