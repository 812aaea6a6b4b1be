"""Find the line of the host's own code at which a suspended coroutine or a thread stands."""

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
_SCHEDULER_CODE: Final = tuple(f"{_PACKAGE / name}/" for name in ("_core", "_runtime", "testing"))
_LIBRARIES: Final = tuple({f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_WAIT_FOR: Final = asyncio.wait_for.__code__ if sys.version_info < (3, 12) else None
_FRAME_ATTRIBUTES: Final = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))


@frozen
class Location:
    """A line of the host's code.

    Attributes:
        file: The file, as Python names it; empty if no line of the host's code is on the stack.
        line: The line's number, from 1; 0 if there is none.
        caller: The line of the host's code that awaited this one, or None.
    """

    file: str = ""
    line: int = 0
    caller: Location | None = None

    def __str__(self) -> str:
        if not self.file:
            return "(no line of your code)"
        return f"{relative_path(self.file)}:{self.line}" + (f", from {self.caller}" if self.caller else "")

    def __bool__(self) -> bool:
        return bool(self.file)


UNKNOWN: Final = Location()
"""The location of code that has no line of the host's on its stack."""


def relative_path(file: str) -> str:
    """Return a file's path relative to the current folder; unchanged if the file is not in it."""
    return file.removeprefix(f"{Path.cwd()}/")


class HostCode:
    """Distinguishes the host's code from Python's, from installed packages and from the scheduler's own.

    Args:
        handler: The job's handler. Its whole package counts as the host's code, even if it is installed.

    Attributes:
        start: The first line of the handler.
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
        self.start: Location = UNKNOWN if code is None else Location(code.co_filename, code.co_firstlineno)

    def contains(self, code: CodeType) -> bool:
        """Return whether a code object is the host's."""
        file = code.co_filename
        known = self._known.get(file)
        if known is None:
            known = self._known[file] = self._contains_file(file)
        return known

    def _contains_file(self, file: str) -> bool:
        if file.startswith(("<", *_SCHEDULER_CODE)):
            return False
        return (self._own is not None and file.startswith(self._own)) or not file.startswith(_LIBRARIES)

    def locate(self, coroutine: object) -> tuple[Location, object]:
        """Return where a suspended coroutine stands, and the object that this line awaits.

        Two awaits never share that object, so it identifies the await.
        """
        found, awaited = UNKNOWN, None
        for _, frame, inner in _frames(coroutine):
            if self.contains(frame.f_code):
                found, awaited = Location(frame.f_code.co_filename, frame.f_lineno, found or None), inner
        return found, awaited

    def locate_caller(self) -> Location:
        """Return the innermost line of the host's code that is running now."""
        return self.locate_frame(inspect.currentframe())

    def locate_frame(self, frame: FrameType | None) -> Location:
        """Return the innermost line of the host's code on a thread's stack; ``UNKNOWN`` if there is none."""
        while frame is not None and not self.contains(frame.f_code):
            frame = frame.f_back
        return UNKNOWN if frame is None else Location(frame.f_code.co_filename, frame.f_lineno)


def _function(handler: Any) -> object:
    """Return the function that the host wrote: without decorators and partials; an object's ``__call__``."""
    function: Any = inspect.unwrap(handler) if handler is not None else None
    while isinstance(function, partial):
        function = inspect.unwrap(function.func)
    return function if hasattr(function, "__code__") else getattr(function, "__call__", None)  # noqa: B004


def exceptions_in_flight(coroutine: object) -> list[BaseException]:
    """Return the exceptions that a suspended coroutine is handling, in an ``except``, a ``finally`` or a ``with``.

    Python has no attribute for them, but the garbage collector refers to them. An exception that is only stored in a
    variable does not count.
    """
    found: list[BaseException] = []
    for owner, frame, _ in _frames(coroutine):
        names, values = frame.f_code.co_varnames, frame.f_locals  # a variable in a closure is not among co_varnames
        stored = [values[name] for name in names if name in values]
        for referent in gc.get_referents(getattr(owner, "coroutine", owner)):  # an ``AbandonableAwait`` wraps it
            if not isinstance(referent, BaseException):
                continue
            index = next((at for at, value in enumerate(stored) if value is referent), None)
            if index is None:
                found.append(referent)
            else:
                del stored[index]
    return found


def dropped_by_wait_for(coroutine: object) -> bool:
    """Return whether ``asyncio.wait_for``, and not the host's code, drops a cancellation that is thrown in now.

    Before Python 3.12 it drops one that arrives when its own future is done
    (https://github.com/python/cpython/issues/86296).
    """
    futures = [frame.f_locals["fut"] for _, frame, _ in _frames(coroutine) if frame.f_code is _WAIT_FOR]
    return any(asyncio.isfuture(future) and future.done() for future in futures)


def _frames(awaited: Any) -> Iterator[tuple[object, FrameType, object]]:
    """Yield every link of a chain of awaits from the outside in: the awaitable, its frame, and what it awaits."""
    while awaited is not None:
        names = next((names for names in _FRAME_ATTRIBUTES if hasattr(awaited, names[0])), None)
        if names is None:
            awaited = _wrapped_by_python(awaited)
            continue
        frame, inner = getattr(awaited, names[0]), getattr(awaited, names[1])
        if frame is not None:
            yield awaited, frame, inner
        awaited = inner


def _wrapped_by_python(awaited: object) -> object:
    """Return the coroutine or generator inside one of Python's own awaitables, or None.

    ``__anext__`` of an async generator, for example, has no attribute for it, but the garbage collector refers to it
    (https://github.com/python/cpython/issues/76991; trio uses the same way).
    """
    if type(awaited).__module__ != "builtins":
        return None
    referents = gc.get_referents(awaited)
    return next((each for each in referents if any(hasattr(each, names[0]) for names in _FRAME_ATTRIBUTES)), None)
