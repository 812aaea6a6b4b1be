"""Anything has a form that strict JSON in UTF-8 can hold, and to find it asks nothing of the host's objects."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from math import inf, nan
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from jobcancel._core.plain import json_form
from tests.core.odd import CYCLE, ODD, deep, doubled


@frozen
class Name:
    name: str


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.text("\ud800\udc00a", max_size=4)
    | st.binary(max_size=3)
    | st.sampled_from(sorted(ODD.keys() - {"doubled"})).map(Name),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text("\ud800a", max_size=2) | st.integers(), inner, max_size=3)
    ),
)


def named(value: Any) -> Any:
    """Put the odd values in the places of their names: Hypothesis itself does not get along with them."""
    if isinstance(value, Name):
        return ODD[value.name]
    if isinstance(value, dict):
        return {key: named(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return type(value)(map(named, value)) if isinstance(value, list | tuple) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def written(value: object) -> str:
    """The strict form in which web frameworks write JSON."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode().decode()


class Colour(StrEnum):
    RED = "red"


class Endless(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        return 1

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            yield str(number)
            number += 1


@given(ANYTHING)
def test_anything_can_be_written_as_strict_json_in_utf_8(value: object) -> None:
    form = json_form(named(value))
    assert json.loads(written(form)) == form


@given(PLAIN)
def test_json_values_are_unchanged(value: object) -> None:
    assert json_form(value) == value


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (nan, "nan"),
        (-inf, "-inf"),
        ([1, {"ratio": nan}], [1, {"ratio": "nan"}]),
        ("caf\ud800", "caf\\ud800"),
        ({"\udcff": "\ud83d\ude00"}, {"\\udcff": "\\ud83d\\ude00"}),
        (Colour.RED, "red"),
        ((1, (2,)), [1, [2]]),
        (OrderedDict[str, object](a={2}), {"a": "{2}"}),
        ({"a": {1: 2}}, {"a": "{1: 2}"}),
        ([b"x", object], ["b'x'", "<class 'object'>"]),
        (CYCLE, [1, "[...]"]),
    ],
    ids=str,
)
def test_other_values_become_their_repr(value: object, form: object) -> None:
    assert json_form(value) == form
    written(form)


def test_a_mapping_that_contains_itself_ends_in_dots() -> None:
    table: dict[str, Any] = {}
    table["self"] = table
    assert json_form(table) == {"self": "{...}"}


def test_a_list_that_occurs_twice_is_no_cycle() -> None:
    twice = [1]
    assert json_form([twice, twice]) == [[1], [1]]


def test_values_nested_too_deep_end_in_dots() -> None:
    assert json_form(deep(100)) == deep(100)
    assert written(json_form(deep(101))) == "[" * 100 + '"[...]"' + "]" * 100
    written(json_form(deep(100_000)))


def test_a_float_that_is_not_finite_can_be_replaced() -> None:
    assert json_form([nan, 1.5, inf], not_finite=lambda _: None) == [None, 1.5, None]


def test_values_above_the_limit_are_not_shown() -> None:
    assert json_form(doubled(100)) == "<list of too many values>"
    assert json_form(Endless()) == "<Endless of too many values>"
    assert len(json_form([1] * 1_000_000)) == 1_000_000


@pytest.mark.parametrize("name", ODD)
def test_an_object_whose_methods_raise_is_shown(name: str) -> None:
    assert written(json_form([ODD[name]]))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("repr raises", "<ReprRaises whose repr() raises LookupError>"),
        ("repr exits", "<ReprExits whose repr() raises SystemExit>"),
        ("repr interrupts", "<ReprInterrupts whose repr() raises KeyboardInterrupt>"),
        ("repr is no text", "<ReprIsNoText whose repr() raises TypeError>"),
        ("a text of its own", "own"),
        ("a list of its own", [1]),
        ("a dict of its own", {"a": 1}),
    ],
)
def test_the_json_form_of_odd_objects(name: str, form: object) -> None:
    assert json_form(ODD[name]) == form
