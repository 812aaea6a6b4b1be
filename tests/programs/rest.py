"""Letting a run come to rest: turns of the loop, and, where threads have a part in it, a moment of real time."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import anyio
import sniffio

CALM: Final = 4  # turns in which no other task could go on; a chain of the loop's callbacks takes fewer
TURNS: Final = 300  # a job that swallows its cancellation keeps the loop busy for good
MOMENT_S: Final = 0.002


async def rest(*, threads: bool) -> None:
    """Return when every other task waits, or after so many turns that it does not matter any more."""
    await _turns()
    if threads:
        for _ in range(2):
            await anyio.sleep(MOMENT_S)
            await _turns()


async def _turns() -> None:
    if sniffio.current_async_library() == "trio":
        from trio.testing import wait_all_tasks_blocked  # an extra

        with anyio.move_on_after(MOMENT_S * 10):
            await wait_all_tasks_blocked()
        return
    calm, own = 0, asyncio.current_task()
    for _ in range(TURNS):
        await asyncio.sleep(0)
        calm = calm + 1 if all(task is own or _waits(task) for task in asyncio.all_tasks()) else 0
        if calm == CALM:
            return


def _waits(task: asyncio.Task[Any]) -> bool:
    future = cast("Any", task)._fut_waiter
    return future is not None and not future.done()
