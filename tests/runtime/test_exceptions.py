"""How an exception is formatted: its traceback, or a short text if that has no end."""

from __future__ import annotations

import pytest

from jobcancel._runtime.exceptions import bare, can_be_formatted, formatted, interrupts, is_a, leaves, members
from tests.core.odd_errors import ERRORS, chained, cyclic_causes, doubled, nested, unformattable


def raised(error: Exception) -> Exception:
    """An error with a traceback."""
    try:
        raise error
    except Exception as caught:
        return caught


def test_an_ordinary_error_is_formatted_with_causes_and_groups() -> None:
    error = ValueError("outer")
    error.__cause__ = ExceptionGroup("group", [KeyError("inner")])
    text = formatted(raised(error))
    assert "direct cause of the following exception" in text
    assert "KeyError: 'inner'" in text
    assert text.endswith("ValueError: outer\n")


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (chained(200), True),
        (chained(201), False),
        (cyclic_causes(), True),
        (nested(199), True),
        (nested(200), False),
        (doubled(6), True),
        (doubled(60), False),
    ],
    ids=["200 causes", "201 causes", "a cycle", "200 groups", "201 groups", "127 errors", "no end"],
)
def test_an_error_with_a_limited_number_of_causes_is_formatted(error: Exception, ends: bool) -> None:
    assert can_be_formatted(error) is ends
    assert ("cannot be shown whole" in formatted(error)) is not ends


def test_a_cause_that_is_the_context_too_is_counted_once() -> None:
    error = ValueError("0")
    for number in range(1, 200):
        try:
            try:
                raise error
            except ValueError as cause:
                raise ValueError(str(number)) from cause
        except ValueError as outer:
            error = outer
    assert can_be_formatted(error)


def test_an_unformattable_error_shows_where_it_was_raised() -> None:
    text = bare(raised(unformattable()))
    assert text.startswith("Traceback (most recent call last):\n  File ")
    assert ", in raised\n" in text
    assert text.endswith("SyntaxError (it cannot be shown whole)\n")


def test_the_leaves_of_a_group_are_found_in_order_at_any_depth() -> None:
    first, second, third = ValueError(1), KeyError(2), OSError(3)
    group = ExceptionGroup("outer", [first, ExceptionGroup("inner", [second]), third])
    assert [*leaves(group)] == [first, second, third]
    assert [*leaves(first)] == [first]
    assert [type(leaf) for leaf in leaves(nested(5000))] == [ValueError]
    assert {type(leaf) for leaf in leaves(doubled(60))} == {ValueError}


def test_a_groups_own_str_is_not_called() -> None:
    odd = ERRORS["a group of its own"]()
    assert [type(leaf) for leaf in leaves(odd)] == [KeyError]
    assert [type(member) for member in members(odd)] == [KeyError]
    assert (is_a(odd, ExceptionGroup), is_a(odd, KeyError), members(ValueError())) == (True, False, ())


def test_an_interrupt_is_found_in_a_group() -> None:
    assert interrupts(BaseExceptionGroup("outer", [BaseExceptionGroup("inner", [KeyboardInterrupt()])]))
    assert not interrupts(ExceptionGroup("outer", [ValueError()]))
