"""What there is to say of anything, which nothing of the host's can prevent."""

from __future__ import annotations

from typing import Any

import pytest

from jobcancel._core.arguments import excerpt, is_too_long, safe_repr, type_name
from tests.core.odd import ODD, deep, doubled


def test_a_value_is_described_by_its_repr() -> None:
    assert safe_repr("x") == "'x'"
    assert safe_repr({2}) == "{2}"


@pytest.mark.parametrize("sign", [1, -1])
def test_an_int_too_long_to_be_written_is_described_by_its_length(sign: int) -> None:
    assert safe_repr(sign * (10**4300 - 1)) == repr(sign * (10**4300 - 1))
    assert safe_repr(sign * 10**4300) == "<int of more than 4300 digits>"
    assert (is_too_long(sign * (10**4300 - 1)), is_too_long(sign * 10**4300)) == (False, True)


@pytest.mark.parametrize(
    ("name", "described"),
    [
        ("repr raises", "<ReprRaises whose repr() raises LookupError>"),
        ("repr exits", "<ReprExits whose repr() raises SystemExit>"),
        ("repr interrupts", "<ReprInterrupts whose repr() raises KeyboardInterrupt>"),
        ("cycle", "[1, [1, [1, [1, [...]]]]]"),
    ],
)
def test_a_value_whose_repr_raises_is_described_by_its_type(name: str, described: str) -> None:
    assert safe_repr(ODD[name]) == described


@pytest.mark.parametrize("value", [deep(50_000), doubled(60), [0] * 10**6, dict.fromkeys(range(10**6))], ids=range(4))
def test_the_description_of_a_container_is_short(value: Any) -> None:
    assert len(safe_repr(value)) < 500


def test_a_type_without_a_name_is_called_object() -> None:
    assert (type_name(1), type_name(ODD["a class without a name"])) == ("int", "object")


def test_an_excerpt_is_the_beginning() -> None:
    assert excerpt("x" * 58) == repr("x" * 58)
    assert excerpt("x" * 59) == "'" + "x" * 59 + "..."
