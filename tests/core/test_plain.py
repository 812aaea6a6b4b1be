from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from math import inf, nan
from types import MappingProxyType
from typing import Any

import pytest

from jobcancel._core.plain import all_scalar, described, labels, plain, plain_or_repr, seconds, text


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "copy"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2.5, 2.5),
        ("x", "x"),
        (Colour.RED, "red"),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        (OrderedDict[str, object](a=(1, 2)), {"a": [1, 2]}),
        (MappingProxyType({Colour.RED: Colour.RED}), {"red": "red"}),
    ],
)
def test_plain_data_is_copied_into_plain_types(value: Any, copy: Any) -> None:
    found = plain(value, "here")
    assert found == copy
    assert type(found) is type(copy)


def test_a_copy_shares_nothing_with_what_was_given() -> None:
    inner = [1]
    copy = plain({"a": inner}, "here")
    inner.append(2)
    assert copy == {"a": [1]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {2}]}, r"here\.a\[1\] must be plain data .*, not set"),
        (object(), r"here must be plain data .*, not object"),
        (b"x", r"here must be plain data .*, not bytes"),
        ({"a": {1: "b"}}, r"here\.a must have strings as keys, not int"),
    ],
)
def test_anything_else_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        plain(value, "here")


@pytest.mark.parametrize("sign", [1, -1])
def test_an_int_is_plain_if_it_can_be_written_as_text(sign: int) -> None:
    longest = sign * (10**4300 - 1)
    assert all_scalar([longest])
    assert not all_scalar([longest + sign])
    assert int(str(plain(longest, "here"))) == longest
    with pytest.raises(TypeError, match=r"here\[0\] must be .*: an int of at most 4300 digits, not a longer"):
        plain([longest + sign], "here")


class Unsayable:
    def __repr__(self) -> str:
        raise LookupError("what was it?")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ((1, "x"), [1, "x"]),
        ({2}, "{2}"),
        pytest.param(10**5000, "<int whose repr() raises ValueError>", id="a long int"),
        ([10**5000], "<list whose repr() raises ValueError>"),
        (Unsayable(), "<Unsayable whose repr() raises LookupError>"),
    ],
)
def test_what_is_no_plain_data_is_shown_as_its_repr_if_it_has_one(value: Any, shown: Any) -> None:
    assert plain_or_repr(value) == shown


def test_what_has_a_repr_is_described_by_it() -> None:
    assert described("x") == "'x'"


def test_text_is_a_plain_string_or_none() -> None:
    assert text(None, "owner") is None
    assert text("ada", "owner") == "ada"
    assert type(text(Colour.RED, "owner")) is str
    with pytest.raises(TypeError, match="owner must be a string or None, not int"):
        text(5, "owner")


def test_labels_are_copied_and_none_if_empty() -> None:
    given = {"team": "blue"}
    copy = labels(given)
    assert copy == {"team": "blue"}
    assert copy is not given
    assert labels(None) is None
    assert labels({}) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"team": 5}, r"labels\.team must be a string, not int"),
        ({5: "blue"}, "labels must have strings as keys, not int"),
        (["team"], "labels must be a mapping of strings to strings, not list"),
    ],
)
def test_labels_that_are_no_strings_are_refused(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        labels(value)


def test_seconds_pass_if_above_nothing() -> None:
    assert [seconds(value, "timeout_s") for value in (None, 1, 0.5, inf)] == [None, 1, 0.5, inf]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, r"timeout_s must be above 0 \(or None\), not 0"),
        (-1.5, ValueError, r"timeout_s must be above 0 \(or None\), not -1.5"),
        (nan, ValueError, r"timeout_s must be above 0 \(or None\), not nan"),
        (True, TypeError, "timeout_s must be a number of seconds or None, not bool"),
        ("5", TypeError, "timeout_s must be a number of seconds or None, not str"),
    ],
)
def test_seconds_that_make_no_sense_are_refused(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        seconds(value, "timeout_s")
