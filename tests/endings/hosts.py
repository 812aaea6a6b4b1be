"""Hosts that end: the scheduler's own body, its task, the scope or group around it, the loop, the process."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from types import FrameType
from typing import Final, NoReturn

import anyio
import trio
import uvloop

from .cells import ASYNCIO, CTRL_C, LOOPS, Ending, Jobs
from .kinds import LONG_S, begin, until
from .scene import PAUSE_S, Scene, stay

# What asyncio logs of a host's own task whose exception was never retrieved.
UNRETRIEVED: Final = (
    r"Task exception was never retrieved",
    r"future: <Task finished .*",
    r"Traceback .*",
    r"  .*",
    "KeyboardInterrupt",
)
# What asyncio says of a loop that was closed around its tasks; whatever follows from that.
FORSAKEN: Final = (r"(?s).*",)


class BoomError(Exception):
    """The host's own error."""


async def serve(scene: Scene, then: Callable[[], Awaitable[object]] | None = None) -> None:
    """Hold the scheduler; when the jobs are in place, do ``then``, or stay."""
    async with scene.scheduler:
        await scene.begin()
        scene.ends.set()
        try:
            await (stay() if then is None else then())
        finally:
            scene.leave()


def returns(scene: Scene) -> None:
    """The body returns."""
    scene.run(partial(serve, scene, partial(anyio.sleep, 0)))


def raises(scene: Scene, error: BaseException) -> None:
    """The body raises; its error comes out bare."""

    async def fail() -> NoReturn:
        raise error

    scene.run(partial(serve, scene, fail))


def loop_ends_first(scene: Scene) -> None:
    """The main task returns while another one holds the scheduler; trio's must cancel that one's nursery."""

    async def main() -> None:
        serving = asyncio.create_task(serve(scene), name="host")
        await until(scene.ends)
        assert not serving.done()

    async def main_of_trio() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, scene)
            await until(scene.ends)
            nursery.cancel_scope.cancel()

    scene.run(main_of_trio if scene.cell.loop == "trio" else main)


def task_cancelled(scene: Scene, times: int) -> None:
    """The task that holds the scheduler is cancelled natively, and again while it leaves."""

    async def main() -> None:
        serving = asyncio.create_task(serve(scene), name="host")
        await until(scene.ends)
        for _ in range(times):
            serving.cancel()
            await asyncio.wait([serving], timeout=PAUSE_S / 2)
        await serving

    scene.run(main)


def scopes_cancelled(scene: Scene, times: int) -> None:
    """The scheduler is held inside scopes of anyio that are cancelled, the inner one first."""

    async def main() -> None:
        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as outer, anyio.CancelScope() as inner:

                async def cancel() -> None:
                    await until(scene.ends)
                    inner.cancel()
                    await anyio.sleep(PAUSE_S / 2)
                    if times > 1:
                        outer.cancel()

                group.start_soon(cancel)
                await serve(scene)

    scene.run(main)


def awaited_in_cancelled_scope(scene: Scene) -> None:
    """The task that holds the scheduler is awaited in a scope of anyio, which cancels it again and again."""

    async def main() -> None:
        serving = asyncio.create_task(serve(scene), name="host")
        await until(scene.ends)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await serving

    scene.run(main)


def timeout_around(scene: Scene) -> None:
    """The time for all is over."""

    async def main() -> None:
        async with asyncio.timeout(None) as timeout:

            async def expire() -> None:
                timeout.reschedule(asyncio.get_running_loop().time())
                await asyncio.sleep(LONG_S)

            await serve(scene, expire)

    async def main_of_trio() -> None:
        with trio.fail_at(float("inf")) as scope:

            async def expire() -> None:
                scope.deadline = trio.current_time()
                await trio.sleep_forever()

            await serve(scene, expire)

    scene.run(main_of_trio if scene.cell.loop == "trio" else main)


def sibling_fails(scene: Scene) -> None:
    """Another task of the host's group raises."""

    async def fail() -> None:
        await until(scene.ends)
        raise BoomError

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(scene))
            group.create_task(fail())

    async def main_of_trio() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, scene)
            nursery.start_soon(fail)

    scene.run(main_of_trio if scene.cell.loop == "trio" else main)


def interrupted(scene: Scene) -> None:
    """Ctrl-C, as often as the ending says, while the main task holds the scheduler."""
    scene.run(partial(serve, scene))


def interrupted_beside(scene: Scene) -> None:
    """Ctrl-C while the main task sleeps beside the one that holds the scheduler."""

    async def main() -> None:
        serving = asyncio.create_task(serve(scene), name="host")
        await stay()
        assert not serving.done()

    scene.run(main)


def job_interrupts(scene: Scene) -> None:
    """A job raises ``KeyboardInterrupt``: it fails, and the host gets its ordinary interrupt."""

    async def interrupt() -> None:
        await (await scene.scheduler.submit("interrupts")).wait()
        await anyio.sleep(LONG_S)

    scene.run(partial(serve, scene, interrupt))


def task_interrupts(scene: Scene) -> None:
    """Another task of the host raises ``KeyboardInterrupt``: the loop stops where it stands."""

    async def interrupt() -> None:
        await until(scene.ends)
        raise KeyboardInterrupt

    async def main() -> None:
        interrupting = asyncio.create_task(interrupt(), name="host's other")
        await serve(scene)
        await interrupting

    async def main_of_trio() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, scene)
            nursery.start_soon(interrupt)

    scene.run(main_of_trio if scene.cell.loop == "trio" else main)


def handler_exits(scene: Scene) -> None:
    """SIGTERM's handler calls ``sys.exit``, as many services have it: it comes out of the loop where it stands."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(3)

    signal.signal(signal.SIGTERM, leave)
    scene.run(partial(serve, scene))


def loop_stopped(scene: Scene) -> None:
    """The host stops its loop, closes it and forgets its tasks."""
    loop = uvloop.new_event_loop() if scene.cell.loop == "uvloop" else asyncio.new_event_loop()

    async def main() -> None:
        scene.world.references.append(asyncio.current_task())
        await serve(scene, stop)

    async def stop() -> None:
        loop.stop()
        await asyncio.sleep(LONG_S)

    scene.world.references.append(loop.create_task(main(), name="host"))
    loop.run_forever()
    loop.close()


def shutdown_cancelled(scene: Scene) -> None:
    """The wait for ``shutdown()`` is cancelled; the host goes on and leaves."""

    async def shut_down() -> None:
        scene.leave()
        if scene.cell.loop == "trio":
            with trio.move_on_after(PAUSE_S / 2):
                await scene.scheduler.shutdown()
            return
        try:
            await asyncio.wait_for(scene.scheduler.shutdown(), PAUSE_S / 2)
        except TimeoutError:
            pass

    scene.run(partial(serve, scene, shut_down))


def entered_twice(scene: Scene) -> None:
    """The host returns, and runs again on another loop, which is cancelled."""

    async def first() -> None:
        async with scene.scheduler:
            await begin(scene.world, scene.scheduler, "idle")

    async def second() -> None:
        serving = asyncio.create_task(serve(scene), name="host")
        await until(scene.ends)
        serving.cancel()
        await asyncio.wait([serving])

    async def second_of_trio() -> None:
        with trio.CancelScope() as scope:

            async def cancel() -> None:
                scope.cancel()
                await trio.sleep_forever()

            await serve(scene, cancel)

    scene.run(first)
    scene.run(second_of_trio if scene.cell.loop == "trio" else second)


# anyio's threads outlive a loop that is closed around them, and nothing wakes a thread that waits for such a loop.
_WITHOUT_THREADS: Final = ("idle", "running", "refusing", "undoing")

HOSTS: Final = (
    Ending("returns", returns),
    Ending("raises", partial(raises, error=BoomError()), ("BoomError",)),
    Ending("exits", partial(raises, error=SystemExit(3)), ("SystemExit",)),
    Ending("body_interrupts", partial(raises, error=KeyboardInterrupt()), ("KeyboardInterrupt",)),
    Ending(
        "loop_ends_first",
        loop_ends_first,
        jobs=Jobs.PIERCED,
        loops=ASYNCIO,
        source="github.com/home-assistant/core/issues/56498: silent deadlock in asyncio.run's _cancel_all_tasks",
    ),
    Ending("nursery_cancelled", loop_ends_first, loops=("trio",)),
    Ending("task_cancelled", partial(task_cancelled, times=1), ("CancelledError",), loops=ASYNCIO),
    Ending(
        "task_cancelled_twice",
        partial(task_cancelled, times=2),
        ("CancelledError",),
        loops=ASYNCIO,
        source="github.com/cjrh/aiorun/issues/77: waits for ever for tasks that wait again once cancelled",
    ),
    Ending("scope_cancelled", partial(scopes_cancelled, times=1)),
    Ending("scopes_cancelled", partial(scopes_cancelled, times=2)),
    Ending(
        "awaited_in_cancelled_scope",
        awaited_in_cancelled_scope,
        loops=ASYNCIO,
        source="github.com/odysseus-dev/odysseus/issues/5743: 100 % of a processor in anyio's cancellations",
    ),
    Ending("timeout_around", timeout_around, ("TimeoutError", "TooSlowError")),
    Ending("sibling_fails", sibling_fails, ("ExceptionGroup(BoomError)",)),
    Ending(
        "ctrl_c",
        interrupted,
        ("KeyboardInterrupt",),
        signals=CTRL_C,
        source="github.com/agronholm/apscheduler/issues/799: CancelledError in place of the interrupt",
    ),
    Ending(
        "ctrl_c_twice",
        interrupted,
        ("KeyboardInterrupt",),
        Jobs.PIERCED,
        ASYNCIO,
        signals=CTRL_C * 2,
        noise=UNRETRIEVED,
        source="github.com/wapiti-scanner/wapiti/issues/802: SQLite's closing never ends behind Ctrl-C",
    ),
    Ending("ctrl_c_twice_on_trio", interrupted, ("KeyboardInterrupt",), loops=("trio",), signals=CTRL_C * 2),
    Ending(
        "ctrl_c_thrice",
        interrupted,
        ("KeyboardInterrupt",),
        Jobs.DROPPED,
        ASYNCIO,
        situations=_WITHOUT_THREADS,
        signals=CTRL_C * 3,
        noise=FORSAKEN,
        source="github.com/python/cpython/issues/111358: each Ctrl-C meets another wait",
    ),
    Ending("ctrl_c_beside", interrupted_beside, ("KeyboardInterrupt",), Jobs.PIERCED, ASYNCIO, signals=CTRL_C),
    Ending("job_interrupts", job_interrupts, ("KeyboardInterrupt",), quiet=False),
    Ending(
        "task_interrupts",
        task_interrupts,
        ("KeyboardInterrupt",),
        Jobs.PIERCED,
        ASYNCIO,
        noise=UNRETRIEVED,
        source="github.com/agronholm/anyio/issues/310: threads are waited for that ended with the root task",
    ),
    Ending(
        "task_interrupts_on_trio",
        task_interrupts,
        ("BaseExceptionGroup(KeyboardInterrupt)",),
        loops=("trio",),
    ),
    Ending("handler_exits", handler_exits, ("SystemExit",), Jobs.PIERCED, ASYNCIO, signals=(signal.SIGTERM,)),
    Ending(
        "loop_stopped",
        loop_stopped,
        jobs=Jobs.DROPPED,
        loops=ASYNCIO,
        situations=_WITHOUT_THREADS,
        noise=FORSAKEN,
    ),
    Ending("shutdown_cancelled", shutdown_cancelled, loops=LOOPS),
    Ending("entered_twice", entered_twice),
)
