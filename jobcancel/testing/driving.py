"""Driving a coroutine: stepping it as its loop does, and noticing every moment at which it stands still."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol

LAST_TRIES = 10


class Notices(Protocol):
    """Who is told of a driven coroutine's steps."""

    def begins(self) -> None:
        """Its first step comes next."""
        ...

    def runs(self) -> None:
        """A step begins."""
        ...

    def suspended(self, coroutine: object) -> BaseException | None:
        """A step is over, and it waits. What is returned is thrown in at once."""
        ...

    def meets(self, coroutine: object, thrown: BaseException | None, sent: object) -> None:
        """Its wait is over: an exception is thrown in, or a value is sent."""
        ...

    def leaves(self) -> BaseException | None:
        """Return what its task shall end with, if it is to be left where it stands."""
        ...

    def ends(self) -> None:
        """It has ended."""
        ...


class Driven(Coroutine[Any, Any, Any]):
    """A coroutine in another's place: to the loop it looks and behaves as the one it drives.

    It is no wrapping ``async def``: one that is cancelled before its first step would leave the inner coroutine never
    awaited, and anyio asks a task's coroutine for its state.

    Args:
        coroutine: What to drive.
        notices: Who is told.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], notices: Notices) -> None:
        self._coroutine: Any = coroutine
        self._notices = notices
        self._begun = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)  # cr_frame and the like, as loops and debuggers ask for them

    def __await__(self) -> Generator[Any, Any, Any]:
        raise TypeError("a driven coroutine is a task's own; it is stepped, not awaited")

    def send(self, value: Any) -> Any:
        """Step it."""
        if self._begun:
            self._notices.meets(self._coroutine, None, value)
        else:
            self._begun = True
            self._notices.begins()
        return self._stepped(self._coroutine.send, value)

    def throw(self, kind: Any, error: Any = None, trace: TracebackType | None = None) -> Any:  # noqa: ARG002
        """Throw into it; a loop of today gives the exception alone."""
        thrown = kind if error is None else error
        self._begun = True
        self._notices.meets(self._coroutine, thrown, None)
        return self._stepped(self._coroutine.throw, thrown)

    def _stepped(self, step: Any, argument: Any) -> Any:
        tries = 0
        while True:
            self._notices.runs()
            try:
                awaited = step(argument)
            except BaseException:
                self._notices.ends()
                raise
            argument, step, tries = self._notices.suspended(self._coroutine), self._coroutine.throw, tries + 1
            if argument is None or tries == LAST_TRIES:
                break
        error = self._notices.leaves()
        if error is None:
            return awaited
        with unheard():
            self._coroutine = step = None
        self._notices.ends()
        raise error

    def close(self) -> None:
        """Close it."""
        self._notices.ends()
        self._coroutine.close()


class Leavable:
    """Awaits a coroutine, and can leave it where it stands: for code that swallows whatever is thrown into it.

    To who looks for frames it is the coroutine itself.

    Args:
        coroutine: What to await.
        left: Asked at each of its awaits: what to raise in its place, if it is to be left.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], left: Callable[[], BaseException | None]) -> None:
        self.coroutine: Any = coroutine
        self._left = left

    def __getattr__(self, name: str) -> Any:
        return getattr(self.coroutine, name)

    def __await__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Step it."""
        return self._awaiting(self.coroutine.send(value))

    def throw(self, kind: Any, error: Any = None, trace: TracebackType | None = None) -> Any:  # noqa: ARG002
        """Throw into it."""
        return self._awaiting(self.coroutine.throw(kind if error is None else error))

    def _awaiting(self, awaited: Any) -> Any:
        error = self._left()
        if error is None:
            return awaited
        with unheard():
            self.coroutine = None
        raise error


@contextmanager
def unheard() -> Generator[None]:
    """Let code go that swallows its end too, which Python would complain of."""
    hook = sys.unraisablehook
    sys.unraisablehook = _say_nothing
    try:
        yield
    finally:
        sys.unraisablehook = hook


def _say_nothing(_: object) -> None:
    pass
