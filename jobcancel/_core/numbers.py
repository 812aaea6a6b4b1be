"""The numbers that a host gives, and the one check of each: seconds, counts, amounts.

What is no number of the range is refused before anything happens: a ``nan`` that reached a timer would compare with
nothing, and an int of four hundred digits cannot be added to a clock's reading.
"""

from __future__ import annotations

from math import inf
from sys import float_info
from typing import Final, Generic, TypeVar, cast

from .reprs import excerpt, type_name

N = TypeVar("N", bound=float)

LONGEST_S: Final = 3_155_760_000
"""The longest time: a hundred years. uvloop cuts its timers to that; beyond it ``inf`` says what is meant."""

LARGEST: Final = 2**63 - 1
"""The largest count, which 64 bits hold with their sign."""


class Range(Generic[N]):
    """The numbers that are allowed in one sort of place.

    Bools are none, though Python counts them as ints; nor are ``Decimal``, ``Fraction`` and texts.

    Args:
        kind: ``int`` for whole numbers alone; ``float`` for both.
        least: The smallest.
        most: The largest.
        words: Which these are, for a person.
        above: Whether ``least`` itself is too small.
        endless: Whether ``inf``, which says *no limit*, is allowed beside them.

    Attributes:
        allowed: The words.
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
        # What a subclass says of itself (numpy's float64 is one) has no part in it.
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
"""Seconds after which something is ended: nothing can be done in none."""

PATIENCE: Final = Range(float, 0, LONGEST_S, f"a number of seconds from 0, {_YEARS}, {_LIMIT}", endless=True)
"""Seconds that somebody waits; 0 for not at all."""

DELAY: Final = Range(float, 0, LONGEST_S, f"a number of seconds from 0, {_YEARS}")
"""Seconds that somebody else is made to wait, which must end."""

AMOUNT: Final = Range(float, 0, float_info.max, "a finite number from 0")
"""So much of something."""

COUNT: Final = Range(int, 1, LARGEST, f"a whole number from 1, up to {LARGEST}")
"""How many there may be, of what cannot be none."""

NATURAL: Final = Range(int, 0, LARGEST, f"a whole number from 0, up to {LARGEST}")
"""How many there are."""
