"""Waiting until nothing more happens by itself: no duration, only turns of the loop."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import sniffio

CALM: Final = 4  # turns without a task that could go on; a chain of the loop's callbacks takes fewer
RESTLESS: Final = 20_000


async def rest() -> None:
    """Return when every other task waits for something that no ready task will do.

    trio knows that by itself. On asyncio anyio's ``wait_all_tasks_blocked`` would sleep between two looks.
    """
    if sniffio.current_async_library() == "trio":
        from trio.testing import wait_all_tasks_blocked  # an extra

        await wait_all_tasks_blocked()
        return
    calm, own = 0, asyncio.current_task()
    for _ in range(RESTLESS):
        await asyncio.sleep(0)
        calm = calm + 1 if all(task is own or _waits(task) for task in asyncio.all_tasks()) else 0
        if calm == CALM:
            return
    raise AssertionError("the jobs never come to rest: one of them keeps the loop busy")


def _waits(task: asyncio.Task[Any]) -> bool:
    future = cast(Any, task)._fut_waiter
    return future is not None and not future.done()
