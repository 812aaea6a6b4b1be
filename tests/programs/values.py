"""Results, notes and exceptions that are hard to copy, compare, print or store; and cancellations without a scope."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any, Final, cast

import anyio
from anyio.lowlevel import checkpoint

from jobcancel import Partial

BAD_NUMBERS: Final[dict[str, Any]] = {
    "nan": nan,
    "negative": -1,
    "minus infinity": -inf,
    "a boolean": True,
    "enormous": 10**400,
    "text": "5",
}


class HostileError(Exception):
    """An exception whose every method raises."""

    def __str__(self) -> str:
        raise LookupError("no text")

    __repr__ = __str__


class Hostile:
    """A value whose every method raises."""

    def __repr__(self) -> str:
        raise LookupError("no text")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise LookupError("no comparison")

    def __hash__(self) -> int:
        raise LookupError("no hash")

    def __deepcopy__(self, memo: object) -> Hostile:
        raise LookupError("no copy")

    def __bool__(self) -> bool:
        raise LookupError("no truth")


class HostileList(list[Any]):
    """A list that cannot be read."""

    def __iter__(self) -> Any:
        raise LookupError("no items")

    def __len__(self) -> int:
        raise LookupError("no length")


class Rude(BaseException):
    """Neither an exception nor one of Python's own that are none."""


def _cyclic() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(3000):
        value = [value]
    return value


def _chained() -> Exception:
    error = ValueError("first")
    error.__cause__ = HostileError()
    return error


VALUES: Final[dict[str, Callable[[], Any]]] = {
    "none": lambda: None,
    "plain": lambda: {"pages": [1, 2.5, "three", None, True]},
    "partial": lambda: Partial([1, 2]),
    "nan": lambda: [nan, inf],
    "cyclic": _cyclic,
    "deep": _deep,
    "hostile": Hostile,
    "hostile list": lambda: HostileList([1]),
    "hostile inside": lambda: {"value": [Hostile()]},
    "keys": lambda: {1: "one", (2,): "two"},
    "surrogate": lambda: "\ud800",
    "partial hostile": lambda: Partial(Hostile()),
    "set": lambda: {1, 2},
}
PLAIN: Final = ("none", "plain", "partial")


def _surrogate() -> Exception:
    return ValueError("\ud800")


ERRORS: Final[dict[str, Callable[[], BaseException]]] = {
    "error": lambda: LookupError("on purpose"),
    "hostile": HostileError,
    "hostile cause": _chained,
    "surrogate": _surrogate,
    "exit": lambda: SystemExit(3),
    "generator exit": GeneratorExit,
    "rude": lambda: Rude("on purpose"),
    "stop iteration": lambda: StopAsyncIteration("on purpose"),
    "timeout": lambda: TimeoutError("on purpose"),
    "group": lambda: ExceptionGroup("two", [LookupError("on purpose"), HostileError()]),
}


async def leaked() -> BaseException:
    """A cancellation without a scope; trio allows none to be made by hand."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await checkpoint()
        except anyio.get_cancelled_exc_class() as error:
            return error
    raise AssertionError("a cancelled scope did not cancel")


def sort_of(error: BaseException) -> str:
    """Say what came out: ``canceled``, ``unavailable`` or ``error``; of a group, what all its leaves are."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        sorts = {sort_of(each) for each in group.exceptions}
        return sorts.pop() if len(sorts) == 1 else "mixed"
    if isinstance(error, anyio.get_cancelled_exc_class()):
        return "canceled"
    return "unavailable" if type(error).__name__ == "StageUnavailableError" else "error"
