"""Checks of what a host passes, and how messages show it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import partial
from math import inf
from reprlib import Repr
from sys import float_info
from typing import Final, Generic, TypeVar, cast

MAX_DIGITS: Final = 4300
"""Digits of an int that Python writes as text, unless it is configured otherwise."""

_TOO_LONG: Final = 10**MAX_DIGITS
_TOO_LOW: Final = -_TOO_LONG
_EXCERPT: Final = 60  # characters


def is_too_long(value: int) -> bool:
    """Return whether an int has too many digits to be written as text."""
    return not _TOO_LOW < value < _TOO_LONG


def safe_repr(value: object) -> str:
    """Return the ``repr`` of any object, or a description in ``<>`` if it has none.

    The ``repr`` of a list or mapping is shortened: it could be longer than the memory.
    """
    if type(value) is int and is_too_long(value):
        return f"<int of more than {MAX_DIGITS} digits>"
    try:
        return str.__str__(_shortened(value) if issubclass(type(value), (list, tuple, dict)) else repr(value))
    # The host's class may raise anything, KeyboardInterrupt too, which cannot be told from a real one here.
    except BaseException as error:  # noqa: BLE001
        return f"<{type_name(value)} whose repr() raises {type_name(error)}>"


def type_name(value: object) -> str:
    """Return the name of an object's type, or ``object`` if its metaclass raises."""
    try:
        return str.__str__(type(value).__qualname__)
    except BaseException:  # noqa: BLE001  # see safe_repr
        return "object"


def excerpt(value: object) -> str:
    """Return the first 60 characters of an object's ``repr``, for a message."""
    text = safe_repr(value)
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."


def _shorten() -> Repr:
    short = Repr()
    short.maxlevel = 4
    short.maxlist = short.maxtuple = short.maxdict = 20
    short.maxstring = short.maxother = 200
    return short


_shortened: Final = _shorten().repr


N = TypeVar("N", bound=float)

LONGEST_S: Final = 3_155_760_000
"""The longest time: a hundred years. uvloop cuts its timers to that; beyond it ``inf`` says what is meant."""

LARGEST: Final = 2**63 - 1
"""The largest count, which 64 bits hold with their sign."""


class Range(Generic[N]):
    """The range of an argument that is a number.

    ``bool``, ``Decimal``, ``Fraction`` and strings are refused.

    Args:
        kind: ``int`` for whole numbers alone; ``float`` for both.
        least: The smallest.
        most: The largest.
        words: The range in words.
        above: Whether ``least`` itself is too small.
        endless: Whether ``inf``, which says *no limit*, is allowed beside them.

    Attributes:
        allowed: The range in words.
    """

    __slots__ = ("_above", "_endless", "_kind", "_least", "_most", "allowed")

    def __init__(
        self, kind: type[N], least: float, most: float, words: str, *, above: bool = False, endless: bool = False
    ) -> None:
        self._kind: type[N] = kind
        self._least, self._most, self._above, self._endless = least, most, above, endless
        self.allowed: str = words

    def check(self, value: object, name: str, beside: str = "") -> N:
        """Return ``value`` as a number of Python's own type.

        Args:
            value: What was given.
            name: The parameter's name.
            beside: What the caller takes in place of a number, as in ``"None for no limit"``.

        Raises:
            TypeError: It is no number of the kind.
            ValueError: It is none that is allowed.
        """
        kind = type(value)
        if kind is bool or not issubclass(kind, (int, self._kind)):
            raise TypeError(self._refusal(name, beside, f"{excerpt(value)} ({type_name(value)})"))
        # A subclass (numpy's float64 is one) may override the conversions.
        number = int.__int__(cast("int", value)) if issubclass(kind, int) else float.__float__(cast("float", value))
        if not self._holds(number):
            raise ValueError(self._refusal(name, beside, excerpt(number)))
        return cast("N", number)

    def _holds(self, number: float) -> bool:
        if number == inf:
            return self._endless
        return self._least <= number <= self._most and not (self._above and number == self._least)

    def _refusal(self, name: str, beside: str, given: str) -> str:
        return f"{name} must be {self.allowed}{f', or {beside}' if beside else ''}, not {given}"


_LIMIT: Final = "inf for no limit"
_YEARS: Final = f"up to {LONGEST_S} (a hundred years)"

TIMEOUT: Final = Range(
    float, 0, LONGEST_S, f"a number of seconds above 0, {_YEARS}, {_LIMIT}", above=True, endless=True
)
"""Seconds after which something is ended."""

PATIENCE: Final = Range(float, 0, LONGEST_S, f"a number of seconds from 0, {_YEARS}, {_LIMIT}", endless=True)
"""Seconds that a caller waits; 0 for not at all."""

DELAY: Final = Range(float, 0, LONGEST_S, f"a number of seconds from 0, {_YEARS}")
"""Seconds that a client is asked to wait: finite."""

AMOUNT: Final = Range(float, 0, float_info.max, "a finite number from 0")
"""An amount."""

COUNT: Final = Range(int, 1, LARGEST, f"a whole number from 1, up to {LARGEST}")
"""A limit of a count."""

NATURAL: Final = Range(int, 0, LARGEST, f"a whole number from 0, up to {LARGEST}")
"""A count."""


def is_async_callable(fn: Callable[..., object]) -> bool:
    """Return whether ``fn`` is an async function, a partial of one, or has an async ``__call__``."""
    while isinstance(fn, partial):
        fn = fn.func
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__)


def is_generator(fn: Callable[..., object]) -> bool:
    """Return whether calling ``fn`` gives a generator, async or plain, whose code would not run."""
    while isinstance(fn, partial):
        fn = fn.func
    call = fn if inspect.isroutine(fn) else type(fn).__call__
    return inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call)


E = TypeVar("E", bound=StrEnum)


def refusal(name: str, allowed: str, value: object, *, typed: bool = True) -> str:
    """Return the message for an argument that is refused.

    Args:
        name: The parameter.
        allowed: What it takes, in words.
        value: What was given.
        typed: Whether to name the value's type: the type is what is wrong.
    """
    return f"{name} must be {allowed}, not {excerpt(value)}{f' ({type_name(value)})' if typed else ''}"


def options_in_words(options: Iterable[str], wrong: object) -> str:
    """Return which options there are, and which of them may have been meant.

    Args:
        options: The options.
        wrong: The name that is none of them.
    """
    from difflib import get_close_matches  # noqa: PLC0415  # only an error needs it

    names = list(options)
    near = get_close_matches(wrong, names, 1) if isinstance(wrong, str) else ()
    return f"the options {', '.join(names)}" + (f"; did you mean {near[0]}?" if near else "")


def refuse_unknown(what: str, unknown: Mapping[str, object], options: Iterable[str]) -> None:
    """Refuse options that do not exist.

    Args:
        what: What was declared, as in ``"kind 'ingest'"``.
        unknown: What was given beside the options that exist.
        options: The options that exist.

    Raises:
        TypeError: There is one.
    """
    for option, value in unknown.items():
        allowed = options_in_words(options, option)
        raise TypeError(f"{what}: {option}={excerpt(value)} is not allowed here; allowed: {allowed}")


def one_of(members: Iterable[StrEnum]) -> str:
    """Return the members of an enum in words."""
    return "one of " + ", ".join(f'"{member}"' for member in members)


def flag(value: object, name: str) -> bool:
    """Return ``value``, a bool: the string ``"no"`` would count as true.

    Raises:
        TypeError: It is no bool.
    """
    if value is True or value is False:
        return value
    raise TypeError(refusal(name, "True or False", value))


def member(enum: type[E], value: object, name: str, beside: str = "") -> E:
    """Return a member of an enum of strings by its value.

    Args:
        enum: The enum.
        value: A member, or its string.
        name: The parameter's name.
        beside: What the caller takes in place of one.

    Raises:
        TypeError: It is no string.
        ValueError: The enum has no such member.
    """
    if type(value) is enum:
        return value
    allowed = one_of(sorted(enum)) + (beside and f", or {beside}")
    if not issubclass(type(value), str):
        raise TypeError(refusal(name, allowed, value))
    try:
        return enum(cast("str", value))
    except ValueError:
        raise ValueError(refusal(name, allowed, value, typed=False)) from None


def lacks(value: object, methods: Iterable[str]) -> bool:
    """Return whether an object does not implement a protocol: it is a class, or lacks one of these methods."""
    return isinstance(value, type) or not all(callable(getattr(value, method, None)) for method in methods)
