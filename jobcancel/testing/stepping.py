"""Step a coroutine in the place of its loop, and report every time that it is suspended or resumed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol

MAX_THROWS = 10
"""How often an exception is thrown into a coroutine in one step before its loop gets control again."""


class StepObserver(Protocol):
    """The observer of a coroutine's steps."""

    def on_start(self) -> None:
        """Be notified before the first step."""
        ...

    def on_step(self) -> None:
        """Be notified before each step."""
        ...

    def on_suspend(self, coroutine: object) -> BaseException | None:
        """Be notified that the coroutine is suspended. An exception that is returned is thrown in at once."""
        ...

    def on_resume(self, coroutine: object, thrown: BaseException | None, sent: object) -> None:
        """Be notified that an exception is thrown in or a value is sent to a suspended coroutine."""
        ...

    def abandon_with(self) -> BaseException | None:
        """Return the exception to end the task with if the coroutine is to be abandoned, or None."""
        ...

    def on_end(self) -> None:
        """Be notified that the coroutine has ended."""
        ...


class SteppedCoroutine(Coroutine[Any, Any, Any]):
    """A coroutine that steps another one, and looks like it to the loop.

    It is not an ``async def``: one that is cancelled before its first step would leave the inner coroutine never
    awaited, and anyio reads the state of a task's coroutine.

    Args:
        coroutine: The coroutine to step.
        observer: The observer of its steps.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], observer: StepObserver) -> None:
        self._coroutine: Any = coroutine
        self._observer = observer
        self._started = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)  # loops and debuggers read cr_frame and the like

    def __await__(self) -> Generator[Any, Any, Any]:
        raise TypeError("a stepped coroutine cannot be awaited: run it as a task")

    def send(self, value: Any) -> Any:
        """Make one step."""
        if self._started:
            self._observer.on_resume(self._coroutine, None, value)
        else:
            self._started = True
            self._observer.on_start()
        return self._step(self._coroutine.send, value)

    def throw(self, kind: Any, error: Any = None, trace: TracebackType | None = None) -> Any:  # noqa: ARG002
        """Throw an exception in; today's loops pass only the exception."""
        thrown = kind if error is None else error
        self._started = True
        self._observer.on_resume(self._coroutine, thrown, None)
        return self._step(self._coroutine.throw, thrown)

    def _step(self, step: Any, argument: Any) -> Any:
        throws = 0
        while True:
            self._observer.on_step()
            try:
                awaited = step(argument)
            except BaseException:
                self._observer.on_end()
                raise
            argument, step = self._observer.on_suspend(self._coroutine), self._coroutine.throw
            throws += 1
            if argument is None or throws == MAX_THROWS:
                break
        error = self._observer.abandon_with()
        if error is None:
            return awaited
        with ignore_unraisable():
            self._coroutine = step = None
        self._observer.on_end()
        raise error

    def close(self) -> None:
        """Close the coroutine."""
        self._observer.on_end()
        self._coroutine.close()


class AbandonableAwait:
    """Await a coroutine that can be abandoned while it is suspended: for code that swallows every exception.

    Code that walks the frames of a task sees the coroutine itself.

    Args:
        coroutine: The coroutine to await.
        abandon_with: Called at each of its awaits; returns the exception to raise in its place, or None.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], abandon_with: Callable[[], BaseException | None]) -> None:
        self.coroutine: Any = coroutine
        self._abandon_with = abandon_with

    def __getattr__(self, name: str) -> Any:
        return getattr(self.coroutine, name)

    def __await__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Make one step."""
        return self._passed_on(self.coroutine.send(value))

    def throw(self, kind: Any, error: Any = None, trace: TracebackType | None = None) -> Any:  # noqa: ARG002
        """Throw an exception in."""
        return self._passed_on(self.coroutine.throw(kind if error is None else error))

    def _passed_on(self, awaited: Any) -> Any:
        error = self._abandon_with()
        if error is None:
            return awaited
        with ignore_unraisable():
            self.coroutine = None
        raise error


@contextmanager
def ignore_unraisable() -> Generator[None]:
    """Ignore what Python reports when it deletes a coroutine that swallows ``GeneratorExit`` too."""
    hook = sys.unraisablehook
    sys.unraisablehook = _ignore
    try:
        yield
    finally:
        sys.unraisablehook = hook


def _ignore(_: object) -> None:
    pass
