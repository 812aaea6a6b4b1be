"""Every number that a host gives is checked by one of these ranges."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from math import inf, nan
from typing import Any

import pytest

from jobcancel._core.arguments import AMOUNT, COUNT, DELAY, NATURAL, PATIENCE, TIMEOUT, Range

CENTURY = 3_155_760_000
LARGEST_FLOAT = 1.7976931348623157e308
SECONDS = (TIMEOUT, PATIENCE, DELAY)
WHOLE = (COUNT, NATURAL)
ALL = (*SECONDS, AMOUNT, *WHOLE)


class Odd(float):
    """As numpy's float64 is: a float whose methods are its own."""

    def __float__(self) -> float:
        raise LookupError("asked")

    def __le__(self, other: object) -> bool:
        raise LookupError("asked")

    __ge__ = __eq__ = __le__
    __hash__ = float.__hash__


class Level(IntEnum):
    TWO = 2


@pytest.mark.parametrize("numbers", ALL)
@pytest.mark.parametrize("value", [True, False, "5", b"6", None, Decimal(5), Fraction(5), 5j, [5], object()])
def test_a_value_that_is_no_number_is_a_type_error(numbers: Range[float], value: Any) -> None:
    with pytest.raises(TypeError, match=rf"^wait must be a .*number.*, not .* \({type(value).__name__}\)$"):
        numbers.check(value, "wait")


@pytest.mark.parametrize("numbers", ALL)
@pytest.mark.parametrize("value", [nan, -1, -0.5, -inf, 10**400, 2**1024], ids=str)
def test_an_invalid_number_is_refused_everywhere(numbers: Range[float], value: float) -> None:
    wrong = TypeError if numbers in WHOLE and type(value) is float else ValueError
    with pytest.raises(wrong, match=r"^wait must be "):
        numbers.check(value, "wait")


@pytest.mark.parametrize("numbers", SECONDS)
@pytest.mark.parametrize("value", [CENTURY + 1, 1e300, LARGEST_FLOAT])
def test_more_than_a_hundred_years_are_refused(numbers: Range[float], value: float) -> None:
    assert numbers.check(CENTURY, "wait") == CENTURY
    with pytest.raises(ValueError, match=r"up to 3155760000 \(a hundred years\)"):
        numbers.check(value, "wait")


def test_infinity_is_allowed_only_where_no_limit_is() -> None:
    assert (TIMEOUT.check(inf, "wait"), PATIENCE.check(inf, "wait")) == (inf, inf)
    for numbers in (DELAY, AMOUNT):
        with pytest.raises(ValueError, match=r"^wait must be .*, not inf$"):
            numbers.check(inf, "wait")


def test_zero_is_allowed_only_where_specified() -> None:
    assert [numbers.check(0, "wait") for numbers in (PATIENCE, DELAY, AMOUNT, NATURAL)] == [0, 0, 0, 0]
    for numbers in (TIMEOUT, COUNT):
        with pytest.raises(ValueError, match=r"^wait must be .*, not 0$"):
            numbers.check(0, "wait")


def test_the_smallest_and_the_largest_pass() -> None:
    assert TIMEOUT.check(5e-324, "wait") == 5e-324
    assert AMOUNT.check(LARGEST_FLOAT, "done") == LARGEST_FLOAT
    assert [numbers.check(2**63 - 1, "limit") for numbers in WHOLE] == [2**63 - 1] * 2
    for numbers in WHOLE:
        with pytest.raises(ValueError, match=r"up to 9223372036854775807, not 9223372036854775808$"):
            numbers.check(2**63, "limit")


@pytest.mark.parametrize("numbers", WHOLE)
@pytest.mark.parametrize("value", [1.5, 1.0, inf])
def test_a_count_is_whole(numbers: Range[int], value: float) -> None:
    with pytest.raises(TypeError, match=r"^limit must be a whole number from [01], .*, not .* \(float\)$"):
        numbers.check(value, "limit")


def test_a_number_of_a_subclass_becomes_a_plain_one() -> None:
    own = TIMEOUT.check(Odd(2.5), "wait")
    assert (own, type(own)) == (2.5, float)
    whole = COUNT.check(Level.TWO, "limit")
    assert (whole, type(whole)) == (2, int)


def test_a_refusal_names_what_else_is_allowed() -> None:
    with pytest.raises(TypeError, match=r"^limit must be a whole number from 1, .*, or None for no limit, not 'x'"):
        COUNT.check("x", "limit", "None for no limit")


def test_a_refusal_is_short_for_any_value() -> None:
    with pytest.raises(ValueError, match=r"not <int of more than 4300 digits>$"):
        COUNT.check(10**5000, "limit")
    with pytest.raises(TypeError) as refused:
        COUNT.check("x" * 10_000, "limit")
    assert len(str(refused.value)) < 250
