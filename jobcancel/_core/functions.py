"""What calling a function would give: a coroutine, a generator, or its value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial


def is_async_callable(fn: Callable[..., object]) -> bool:
    """Return whether ``fn`` is an async function, a partial of one, or has an async ``__call__``."""
    while isinstance(fn, partial):
        fn = fn.func
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__)


def is_generator(fn: Callable[..., object]) -> bool:
    """Return whether calling ``fn`` gives a generator, async or plain, of which nobody would run a line."""
    while isinstance(fn, partial):
        fn = fn.func
    call = fn if inspect.isroutine(fn) else type(fn).__call__
    return inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call)
