"""Where a suspended task stands: the innermost line of the host's own code on its stack."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from attrs import frozen

_PACKAGE: Final = Path(__file__).parent.parent
_OURS: Final = tuple(f"{_PACKAGE / name}/" for name in ("_core", "_runtime", "testing"))
_LIBRARIES: Final = tuple({f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_WAIT_FOR: Final = asyncio.wait_for.__code__ if sys.version_info < (3, 12) else None
_FRAMES: Final = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))


@frozen
class Spot:
    """A line of the host's code.

    Attributes:
        file: The file, as Python knows it; empty if no line of the host's is on the stack.
        line: The line's number, from 1; 0 if there is none.
        caller: The line of the host's that this one was awaited from, if there is one.
    """

    file: str = ""
    line: int = 0
    caller: Spot | None = None

    def __str__(self) -> str:
        if not self.file:
            return "(no line of yours)"
        return f"{shown(self.file)}:{self.line}" + (f", from {self.caller}" if self.caller else "")

    def __bool__(self) -> bool:
        return bool(self.file)


NOWHERE: Final = Spot()


def shown(file: str) -> str:
    """Return a file's path as seen from here, where that is shorter."""
    here = f"{Path.cwd()}/"
    return file.removeprefix(here)


class Places:
    """Knows which code is the host's: what is neither Python's, nor installed, nor the scheduler's own.

    Args:
        handler: The job's handler: what lies beside it, in its package, is the host's though it be installed.

    Attributes:
        begin: Where the handler's code begins.
    """

    def __init__(self, handler: Callable[..., object] | None) -> None:
        function = _function(handler)
        module = sys.modules.get(getattr(function, "__module__", ""))
        file: str | None = getattr(module, "__file__", None)  # an interactive session's __main__ has none
        self._own: str | None = None
        if module is not None and file is not None:
            depth = module.__name__.count(".") + (Path(file).name == "__init__.py")
            self._own = f"{Path(file).parents[depth - 1]}/" if depth else file
        self._known: dict[str, bool] = {}
        code = getattr(function, "__code__", None)
        self.begin: Spot = NOWHERE if code is None else Spot(code.co_filename, code.co_firstlineno)

    def is_host(self, code: CodeType) -> bool:
        """Return whether this is the host's code."""
        file = code.co_filename
        known = self._known.get(file)
        if known is None:
            known = self._known[file] = self._look(file)
        return known

    def _look(self, file: str) -> bool:
        if file.startswith(("<", *_OURS)):
            return False
        return (self._own is not None and file.startswith(self._own)) or not file.startswith(_LIBRARIES)

    def of(self, coroutine: object) -> tuple[Spot, object]:
        """Return where a suspended coroutine stands, and what that line awaits: no two awaits are the same object."""
        found, awaits = NOWHERE, None
        for _, frame, inner in _frames(coroutine):
            if self.is_host(frame.f_code):
                found, awaits = Spot(frame.f_code.co_filename, frame.f_lineno, found or None), inner
        return found, awaits

    def here(self) -> Spot:
        """Return where the code that runs now stands: its innermost line of the host's."""
        return self.of_thread(inspect.currentframe())

    def of_thread(self, frame: FrameType | None) -> Spot:
        """Return where a thread stands; ``NOWHERE`` if it runs nothing of the host's."""
        while frame is not None and not self.is_host(frame.f_code):
            frame = frame.f_back
        return NOWHERE if frame is None else Spot(frame.f_code.co_filename, frame.f_lineno)


def _function(handler: Any) -> object:
    """Return the function that the host has written: below decorators and partials, or an object's ``__call__``."""
    function: Any = inspect.unwrap(handler) if handler is not None else None
    while isinstance(function, partial):
        function = inspect.unwrap(function.func)
    return function if hasattr(function, "__code__") else getattr(function, "__call__", None)  # noqa: B004


def in_flight(coroutine: object) -> list[BaseException]:
    """Return the exceptions that a suspended coroutine is dealing with, in an ``except``, a ``finally`` or a ``with``.

    Python has no name for them, but the garbage collector sees them. One that a variable merely remembers is none.
    """
    found: list[BaseException] = []
    for owner, frame, _ in _frames(coroutine):
        names, values = frame.f_code.co_varnames, frame.f_locals  # a variable shared with a function is elsewhere
        remembered = [values[name] for name in names if name in values]
        for each in gc.get_referents(getattr(owner, "coroutine", owner)):  # a ``Leavable`` stands for it
            if not isinstance(each, BaseException):
                continue
            place = next((at for at, value in enumerate(remembered) if value is each), None)
            if place is None:
                found.append(each)
            else:
                del remembered[place]
    return found


def lost_by_python(coroutine: object) -> bool:
    """Return whether a cancellation that enters now is lost by ``asyncio.wait_for``, and not by the host.

    Before Python 3.12 it drops one that comes when what it waits for is done (https://github.com/python/cpython/issues/86296).
    """
    waits = [frame.f_locals["fut"] for _, frame, _ in _frames(coroutine) if frame.f_code is _WAIT_FOR]
    return any(asyncio.isfuture(each) and each.done() for each in waits)


def _frames(awaited: Any) -> Iterator[tuple[object, FrameType, object]]:
    """Give every link of a chain of awaits from the outside in: itself, its frame, and what it awaits."""
    while awaited is not None:
        names = next((names for names in _FRAMES if hasattr(awaited, names[0])), None)
        if names is None:
            awaited = _inside(awaited)
            continue
        frame, inner = getattr(awaited, names[0]), getattr(awaited, names[1])
        if frame is not None:
            yield awaited, frame, inner
        awaited = inner


def _inside(awaited: object) -> object:
    """Return the coroutine or generator that an opaque awaitable of Python's own drives, or None.

    ``__anext__`` of an async generator, say, has no attribute that leads to it, but the garbage collector knows
    (https://github.com/python/cpython/issues/76991; trio looks there too).
    """
    if type(awaited).__module__ != "builtins":
        return None
    inner = gc.get_referents(awaited)
    return next((each for each in inner if any(hasattr(each, names[0]) for names in _FRAMES)), None)
