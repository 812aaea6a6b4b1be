from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from enum import StrEnum
from math import inf, nan
from types import MappingProxyType
from typing import Any

import pytest

from jobcancel._core.plain import all_scalar, labels, plain, text
from tests.core.odd import CYCLE, ODD, BrokenMapping, deep, doubled


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


def test_a_copy_shares_nothing_with_the_original() -> None:
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
def test_other_values_are_refused_with_their_path(value: Any, message: str) -> None:
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


PAIR = "has two halves of a surrogate pair side by side"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param({"a": CYCLE}, r"^here\.a\[1\] must not hold itself$", id="a cycle"),
        pytest.param({"a": deep(100)}, r"^here\.a(\[0\]){99} must not be nested deeper than 100", id="deep"),
        pytest.param(deep(50_000), r"^here(\[0\]){100} must not be nested deeper than 100", id="very deep"),
        pytest.param(doubled(60), "^here must have at most 1000000 values, .* there are more$", id="no end of values"),
        pytest.param([0] * 1_000_001, "^here must have at most 1000000 values", id="too many values"),
        pytest.param({"a": ["\ud83d\ude00"]}, rf"^here\.a\[0\] {PAIR}", id="a surrogate pair"),
        pytest.param({"\ud83d\ude00": 1}, rf"^here {PAIR}", id="a key that is one"),
    ],
)
def test_data_that_a_journal_cannot_restore_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plain(value, "here")


def test_plain_data_may_be_deep_and_large() -> None:
    assert plain(deep(100), "here") == deep(100)
    assert plain([0] * 1_000_000, "here") == [0] * 1_000_000


def test_a_list_may_occur_a_hundred_thousand_times() -> None:
    row = [1]
    assert plain([row] * 100_001, "here") == [row] * 100_001
    with pytest.raises(ValueError, match=r"at most 100000 lists and mappings .* again; at here\[100001\] there are"):
        plain([row] * 100_002, "here")


def test_values_read_from_a_journal_are_plain() -> None:
    assert repr(plain([nan, inf, -inf, "caf\ud800", "\ude00\ud83d"], "here")) == repr(
        [nan, inf, -inf, "caf\ud800", "\ude00\ud83d"]
    )


def test_a_list_that_occurs_twice_is_copied_twice() -> None:
    twice = [1]
    copy = plain([twice, twice], "here")
    copy[0].append(2)
    assert copy == [[1, 2], [1]]


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("a text of its own", "own"),
        ("a list of its own", [1]),
        ("a tuple of its own", [1]),
        ("a dict of its own", {"a": 1}),
    ],
)
def test_an_odd_object_is_copied_without_calling_its_methods(name: str, copy: Any) -> None:
    found = plain([ODD[name]], "here")[0]
    assert (found, type(found)) == (copy, type(copy))


@pytest.mark.parametrize(
    "name", ["everything raises", "a class without a name", "an int of its own", "a float of its own"]
)
def test_an_odd_object_is_refused_without_calling_its_methods(name: str) -> None:
    with pytest.raises(TypeError, match=r"^here\[0\] must be plain data .*, not "):
        plain([ODD[name]], "here")


def test_a_mapping_that_raises_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^here must be plain data .*, not Refuses, which raised LookupError$"):
        plain(Refuses(), "here")


class Refuses(BrokenMapping):
    def __iter__(self) -> Iterator[str]:
        raise LookupError("asked")


def test_text_and_labels_that_a_journal_would_change_are_refused() -> None:
    assert text("caf\ud800", "owner") == "caf\ud800"
    with pytest.raises(ValueError, match=f"^owner {PAIR}"):
        text("\ud83d\ude00", "owner")
    with pytest.raises(ValueError, match=rf"^labels\.team {PAIR}"):
        labels({"team": "\ud83d\ude00"})


@pytest.mark.parametrize("value", [[], "", 0])
def test_empty_labels_that_are_no_mapping_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^labels must be "):
        labels(value)


def test_text_that_a_journal_could_change_is_not_a_safe_scalar() -> None:
    assert all_scalar([None, True, 1, 1.5, "ascii"])
    assert not all_scalar(["\ud83d\ude00"])
