"""Compensations in every flavor; each has a token of its own and notes when it runs."""

from __future__ import annotations

import inspect
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from anyio.lowlevel import checkpoint

from jobcancel import CompensationContext

from .values import HostileError, Rude, leaked

if TYPE_CHECKING:
    from .world import World

FLAVORS: Final = ("good", "plain", "raises", "hostile", "exits", "leaks", "overruns", "named")
FAILING: Final = ("raises", "hostile", "exits", "leaks", "overruns", "rude")


async def run(world: World, token: str) -> None:
    """The body of an async compensation."""
    flavor = token.partition("#")[0]
    number = world.trace.add("undo!", token=token)
    world.trace.count(f"compensation: {flavor}")
    try:
        await checkpoint()
        if flavor == "raises":
            raise LookupError(token)
        if flavor == "hostile":
            raise HostileError
        if flavor == "exits":
            raise SystemExit(token)
        if flavor == "rude":
            raise Rude(token)
        if flavor == "leaks":
            raise await leaked()
        if flavor == "overruns":
            await world.never.wait()
        await checkpoint()
        world.trace.add("undone", token=token)
    finally:
        world.trace.add("undo.", token=token, begun=number)


def run_plain(world: World, token: str) -> None:
    """The body of one that is no coroutine function."""
    number = world.trace.add("undo!", token=token)
    world.trace.count("compensation: plain")
    time.sleep(0)
    world.trace.add("undone", token=token)
    world.trace.add("undo.", token=token, begun=number)


def register_named(world: World) -> Any:
    """Register the compensation that has a name, and so outlasts a process."""

    @world.registry.compensation("named")
    async def named(context: CompensationContext, token: str) -> None:
        await run(world, token)

    return named


def undo_of(world: World, flavor: str, named: Any) -> tuple[str, Any]:
    """Return a new token and what to register."""
    token = f"{flavor}#{world.number()}"
    if flavor == "named":
        return token, named(token)
    return token, partial(run_plain if flavor == "plain" else run, world, token)


async def registered(given: Any) -> None:
    """Wait until a compensation is registered: ``add_compensation`` may be a plain call or an awaited one."""
    if inspect.isawaitable(given):
        await given
