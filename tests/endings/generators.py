"""Async generators that hold the scheduler, and how they end.

Only the first way leaves in the task that entered. In the others the loop, or another task, closes the generator: that
raises ``WrongTaskError`` there, and what it leaves open ends with the loop.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

import anyio
import trio

from .cells import ASYNCIO, Ending, Jobs
from .hosts import FORSAKEN
from .kinds import LONG_S, until
from .scene import PAUSE_S, Scene


async def holds(scene: Scene) -> AsyncGenerator[None]:
    """Hold the scheduler while the generator is iterated."""
    async with scene.scheduler:
        await scene.begin()
        try:
            yield
        finally:
            scene.leave()


async def opened(scene: Scene) -> AsyncGenerator[None]:
    """Return a generator that has begun."""
    generator = holds(scene)
    await anext(generator)
    scene.ends.set()
    return generator


def closed(scene: Scene) -> None:
    """It is closed in the task that began it."""

    async def main() -> None:
        generator = await opened(scene)
        await generator.aclose()

    scene.run(main)


def closed_elsewhere(scene: Scene) -> None:
    """It is closed in another task, which is refused."""

    async def close(generator: AsyncGenerator[None]) -> None:
        try:
            await generator.aclose()
        except Exception as error:
            scene.facts.put("refused", by=type(error).__name__)

    async def main() -> None:
        closing = asyncio.create_task(close(await opened(scene)))
        await closing

    async def main_of_trio() -> None:
        generator = await opened(scene)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(close, generator)

    scene.run(main_of_trio if scene.cell.loop == "trio" else main)


def dropped(scene: Scene) -> None:
    """Drop the only reference; the host goes on for a while."""

    async def main() -> None:
        generator = await opened(scene)
        del generator
        gc.collect()
        await anyio.sleep(PAUSE_S)

    scene.run(main)


def left_to_the_loop(scene: Scene) -> None:
    """The main task returns and the loop closes it, last."""

    async def main() -> None:
        scene.world.references.append(await opened(scene))
        scene.leave()  # the generator is closed too late for that: behind the jobs

    scene.run(main)


def its_task_cancelled(scene: Scene) -> None:
    """The task that iterates it is cancelled while it does something else: the generator is dropped."""

    async def iterate() -> None:
        generator = await opened(scene)
        async for _ in generator:
            await asyncio.sleep(LONG_S)
        await asyncio.sleep(LONG_S)

    async def main() -> None:
        iterating = asyncio.create_task(iterate(), name="host")
        await until(scene.ends)
        iterating.cancel()
        await asyncio.wait([iterating])
        await asyncio.sleep(PAUSE_S)

    scene.run(main)


_SOURCE: Final = "github.com/python-trio/trio/issues/265, github.com/openai/openai-agents-python/issues/840"
_dropped = partial(Ending, jobs=Jobs.DROPPED, loops=ASYNCIO, noise=FORSAKEN, source=_SOURCE)

GENERATORS: Final = (
    Ending("generator_closed", closed, source=_SOURCE),
    _dropped("generator_closed_elsewhere", closed_elsewhere),
    _dropped("generator_dropped", dropped),
    _dropped("generator_left_to_the_loop", left_to_the_loop),
    _dropped("generator_task_cancelled", its_task_cancelled),
)
