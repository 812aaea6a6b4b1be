"""Reading a table field by field: the edges of what is allowed, and the words in which the rest is refused."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import inf, nan
from typing import Any, Literal

import pytest

from jobcancel.contracts.fields import Fields, joined, matching, table_at, text_at
from jobcancel.errors import ContractDataError

Size = Literal[0, 3, "big"]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def fields(**table: Any) -> Fields:
    return table_at(table, "at")


def refusal(act: Callable[[], object]) -> tuple[str, Any, str]:
    with pytest.raises(ContractDataError) as caught:
        act()
    return caught.value.path, caught.value.value, caught.value.allowed


def test_a_path_is_joined_from_names() -> None:
    assert (joined("a", "b"), joined("", "b")) == ("a.b", "b")
    assert table_at({}, "").at("b") == "b"


def test_a_value_that_is_no_table_is_refused_with_its_path() -> None:
    assert refusal(lambda: table_at([], "at")) == ("at", [], "a table")
    assert refusal(lambda: table_at(5, "")) == ("the document", 5, "a table")
    assert refusal(lambda: table_at({5: 1}, "at")) == ("at", 5, "a text as key")


def test_a_text_is_not_empty() -> None:
    assert text_at("x", "at") == "x"
    assert refusal(lambda: text_at("", "at")) == ("at", "", "a text that is not empty")
    assert refusal(lambda: fields().text("a")) == ("at.a", None, "a text that is not empty (it is missing)")
    assert (fields(a="x").text_or_none("a"), fields().text_or_none("a")) == ("x", None)


def test_a_text_matches_as_a_whole() -> None:
    assert matching("ab", "at", "[ab]+", "letters") == "ab"
    assert refusal(lambda: matching("abc", "at", "[ab]+", "letters")) == ("at", "abc", "letters")


@pytest.mark.parametrize("value", [2, 3, 4])
def test_a_whole_number_may_be_a_bound_of_its_range(value: int) -> None:
    assert fields(n=value).whole("n", 2, 4) == value


@pytest.mark.parametrize("value", [1, 5, 2.0, True, "3"])
def test_any_other_number_is_refused_with_the_range(value: Any) -> None:
    assert refusal(lambda: fields(n=value).whole("n", 2, 4)) == ("at.n", value, "a whole number from 2 to 4")


def test_a_whole_number_may_have_no_upper_bound() -> None:
    assert [fields(n=value).whole("n", 1) for value in (1, 10**9)] == [1, 10**9]
    assert refusal(lambda: fields(n=True).whole("n", 1)) == ("at.n", True, "a whole number from 1")
    assert refusal(lambda: fields(n=0).whole("n", 1)) == ("at.n", 0, "a whole number from 1")
    assert refusal(lambda: fields().whole("n", 1)) == ("at.n", None, "a whole number from 1 (it is missing)")


def test_seconds_are_floats_and_0_if_missing() -> None:
    found = [fields(s=value).seconds("s") for value in (0, 1, 0.5)] + [fields().seconds("s")]
    assert found == [0.0, 1.0, 0.5, 0.0]
    assert [type(value) for value in found] == [float] * 4


@pytest.mark.parametrize("value", [-0.001, inf, nan, True, "1", None])
def test_invalid_seconds_are_refused(value: Any) -> None:
    path, refused, allowed = refusal(lambda: fields(s=value).seconds("s"))
    assert (path, allowed) == ("at.s", "a number of seconds from 0, up to 3155760000 (a hundred years)")
    assert refused is value


def test_a_missing_flag_is_its_default() -> None:
    assert [fields().flag("f", default=True), fields().flag("f", default=False)] == [True, False]
    assert [fields(f=False).flag("f", default=True), fields(f=True).flag("f", default=False)] == [False, True]
    assert refusal(lambda: fields(f=1).flag("f", default=True)) == ("at.f", 1, "true or false")


@pytest.mark.parametrize("value", [0, 3, "big"])
def test_a_word_is_one_of_the_literals_values(value: Any) -> None:
    assert fields(w=value).word("w", Size) == value


@pytest.mark.parametrize("value", [False, 3.0, "small", "3", None, []])
def test_an_equal_value_of_another_type_is_no_word(value: Any) -> None:
    assert refusal(lambda: fields(w=value).word("w", Size)) == ("at.w", value, '0, 3, "big"')


def test_an_enum_member_is_read_by_its_value() -> None:
    assert fields(c="red").member("c", Colour) is Colour.RED
    assert refusal(lambda: fields(c="green").member("c", Colour)) == ("at.c", "green", '"red", "blue"')
    assert refusal(lambda: fields().member("c", Colour)) == ("at.c", None, '"red", "blue" (it is missing)')


def test_an_invalid_pattern_is_refused_with_the_reason() -> None:
    assert fields(p="a+").pattern("p").pattern == "a+"
    wrong = "a regular expression (nothing to repeat at position 0)"
    assert refusal(lambda: fields(p="+").pattern("p")) == ("at.p", "+", wrong)


@pytest.mark.parametrize("value", [[5, 6], (5, 6)])
def test_items_come_with_their_paths(value: Any) -> None:
    assert list(fields(i=value).items("i", "numbers")) == [("at.i[0]", 5), ("at.i[1]", 6)]


@pytest.mark.parametrize("value", [[], (), "ab", {"a": 1}])
def test_a_list_is_not_empty_and_no_text(value: Any) -> None:
    assert refusal(lambda: list(fields(i=value).items("i", "numbers"))) == ("at.i", value, "numbers")


def test_a_missing_table_is_refused_unless_optional() -> None:
    assert fields(t={"a": 1}).table("t").at("a") == "at.t.a"
    assert fields().table("t", optional=True).names() == ()
    assert refusal(lambda: fields().table("t")) == ("at.t", None, "a table (it is missing)")
    assert refusal(lambda: fields(t=None).table("t", optional=True)) == ("at.t", None, "a table")
    assert fields().plain_table("t", optional=True) == {}
    assert refusal(lambda: fields().plain_table("t")) == ("at.t", None, "a table (it is missing)")


def test_a_whole_table_is_a_copy_and_known() -> None:
    given = {"a": 1}
    table = table_at(given, "at")
    taken = table.whole_table()
    taken["b"] = 2
    assert (given, taken) == ({"a": 1}, {"a": 1, "b": 2})
    table.done()


def test_texts_may_be_empty_only_if_allowed() -> None:
    assert fields(a="x", b="").texts(empty=True) == {"a": "x", "b": ""}
    assert refusal(lambda: fields(a="x", b="").texts()) == ("at.b", "", "a text that is not empty")
    assert refusal(lambda: fields(a=5).texts(empty=True)) == ("at.a", 5, "a text that is not empty")


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    table = fields(a=1, b=2, c=3)
    assert (table.any("a", "x"), table.any_or("d", 7), table.has("b")) == (1, 7, True)
    assert refusal(table.done) == ("at.c", 3, "no such key; known: a, d, b")
