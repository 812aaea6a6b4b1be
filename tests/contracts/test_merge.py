"""Laws of laying one thing over another."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobcancel.contracts.loading import copy, merge

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
NAMES = st.sampled_from("abc")
DATA: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
TABLES = st.dictionaries(NAMES, DATA, max_size=3)


def paths(data: Any, at: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The values in nested tables by path; an empty table counts as a value."""
    if not isinstance(data, dict) or not data:
        return {at: data}
    found: dict[tuple[str, ...], Any] = {}
    for key, value in data.items():  # pyright: ignore[reportUnknownVariableType]
        found |= paths(value, (*at, str(key)))  # pyright: ignore[reportUnknownArgumentType]
    return found


def test_tables_merge_and_everything_else_is_replaced() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}}
    over = {"a": {"y": [3]}, "b": {"n": 1}, "c": 5, "d": None}
    assert merge(base, over) == {"a": {"x": 1, "y": [3]}, "b": {"n": 1}, "c": 5, "d": None}


@given(DATA, DATA)
def test_merge_changes_neither_argument_and_shares_nothing(base: Any, over: Any) -> None:
    before = deepcopy((base, over))
    merged = merge(base, over)
    scribble(merged)
    assert (base, over) == before


def scribble(data: Any) -> None:
    """Change everything that can be changed."""
    inner: list[Any] = list(data.values()) if isinstance(data, dict) else data if isinstance(data, list) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for item in inner:
        scribble(item)
    if isinstance(data, dict):
        data["scribble"] = 1
    elif isinstance(data, list):
        data.append(1)  # pyright: ignore[reportUnknownMemberType]


@given(TABLES)
def test_merging_nothing_or_the_base_itself_changes_nothing(base: Any) -> None:
    assert merge(base, {}) == base
    assert merge(base, base) == base
    assert merge({}, base) == base


@given(TABLES, TABLES)
def test_merging_twice_is_merging_once(base: Any, over: Any) -> None:
    assert merge(merge(base, over), over) == merge(base, over)


@given(TABLES, TABLES)
def test_every_value_of_the_variant_is_in_the_result(base: Any, over: Any) -> None:
    merged = merge(base, over)
    for path, value in paths(over).items():
        at = merged
        for name in path:
            at = at[name]
        assert value in (at, {})


@given(TABLES, TABLES)
def test_keys_missing_from_the_variant_stay(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged = merge(base, over)
    assert {key: merged[key] for key in base if key not in over} == {k: v for k, v in base.items() if k not in over}
    assert set(merged) == set(base) | set(over)


@given(TABLES, TABLES, st.lists(LEAVES, max_size=2))
def test_a_list_is_replaced_as_a_whole(base: dict[str, Any], over: dict[str, Any], items: list[Any]) -> None:
    merged = merge({**base, "list": [1, 2, 3]}, {**over, "list": items})
    assert merged["list"] == items


@given(DATA)
def test_a_copy_is_equal_and_shares_nothing(data: Any) -> None:
    before = deepcopy(data)
    copied = copy(data)
    assert copied == data
    scribble(copied)
    assert data == before


def test_a_tuple_in_a_hosts_mapping_is_copied_as_a_list() -> None:
    assert copy({"a": (1, {"b": (2,)})}) == {"a": [1, {"b": [2]}]}
