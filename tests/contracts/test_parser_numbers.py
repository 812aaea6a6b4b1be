"""A contract's numbers, a rate limit's and a declared kind's are refused as those of a call are, with their path."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest

from jobcancel import Registry
from jobcancel.contracts import RateLimit
from jobcancel.contracts.parser import parse_contract
from jobcancel.errors import ContractDataError, KindDataError
from tests.contracts.bare import bare

SECONDS = r"a number of seconds from 0, up to 3155760000 \(a hundred years\)"
BAD: dict[str, Any] = {
    "nan": nan,
    "inf": inf,
    "minus": -1,
    "huge": 10**400,
    "enormous": 10**5000,
    "long": 1e300,
    "true": True,
    "text": "5",
    "list": [5],
}


def settling(value: Any) -> dict[str, Any]:
    data = bare()
    data["policies"]["settle_s"] = value
    return data


def waiting(value: Any) -> dict[str, Any]:
    data = bare()
    data["routes"][1]["wait_s"] = value
    return data


def keys(value: Any) -> dict[str, Any]:
    return {**bare(), "keys": {"header": "k", "max_length": value}}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    ("path", "make", "allowed"),
    [
        (r"policies\.settle_s", settling, SECONDS),
        (r"routes\[1\]\.wait_s", waiting, SECONDS),
        (r"keys\.max_length", keys, "a whole number from 1"),
    ],
)
def test_a_contracts_numbers_are_refused_with_their_path(
    path: str, make: Callable[[Any], dict[str, Any]], allowed: str, bad: str
) -> None:
    with pytest.raises(ContractDataError, match=rf"^{path}: .* is not allowed.*; allowed: {allowed}$"):
        parse_contract(make(BAD[bad]))


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", [0, 1, 2, 3], ids=["limit", "remaining", "reset_s", "retry_after_s"])
def test_a_rate_limits_numbers_are_refused(place: int, bad: str) -> None:
    values: list[Any] = [1, 1, 1, 1]
    values[place] = BAD[bad]
    if place < 2 and bad == "long":
        values[place] = 1.5
    name = ("limit", "remaining", "reset_s", "retry_after_s")[place]
    with pytest.raises((TypeError, ValueError), match=rf"^{name} must be a .*number.* from 0, "):
        RateLimit(*values)


TIMES = ("timeout_s", "expires_s", "grace_s", "cleanup_s", "key_ttl_s", "retain_s")
COUNTS = ("max_running", "max_pending", "retain_count")


@pytest.mark.parametrize("bad", [*(name for name in BAD if name != "inf"), "nothing"])
@pytest.mark.parametrize("option", [*TIMES, *COUNTS])
def test_a_declared_kinds_numbers_are_refused_with_their_path(option: str, bad: str) -> None:
    with pytest.raises(KindDataError, match=rf"^kinds\.ingest\.{option}: .* is not allowed.*; allowed: a .*number "):
        Registry.from_mapping({"kinds": {"ingest": {option: BAD.get(bad, 0)}}})


def test_an_error_in_a_stage_is_named_with_its_path() -> None:
    for value in (nan, -1, True, 10**400):
        stages = [{"name": "a"}, {"name": "b", "timeout_s": value}]
        with pytest.raises(
            KindDataError, match=r"^kinds\.ingest\.stages\[1\]\.timeout_s: .*; allowed: a number of sec"
        ):
            Registry.from_mapping({"kinds": {"ingest": {"stages": stages}}})


@pytest.mark.parametrize("number", ["1" * 5000, "NaN", "-1", "true", '"5"'])
def test_a_number_from_json_or_toml_outside_the_range_is_refused(number: str) -> None:
    with pytest.raises(KindDataError):
        Registry.from_json(f'{{"kinds": {{"ingest": {{"timeout_s": {number}}}}}}}')
    with pytest.raises(KindDataError):
        Registry.from_toml(f"[kinds.ingest]\ntimeout_s = {number.lower()}")


def test_a_document_nested_too_deep_is_refused() -> None:
    with pytest.raises(KindDataError, match="the document"):
        Registry.from_json("[" * 100_000)
    with pytest.raises(KindDataError, match="the document"):
        Registry.from_toml("a = " + "[" * 100_000)


def test_data_may_give_no_upper_bound() -> None:
    assert Registry.from_json('{"kinds": {"ingest": {"timeout_s": 1e400}}}')["ingest"].spec.timeout_s == inf
    assert Registry.from_toml("[kinds.ingest]\ntimeout_s = inf")["ingest"].spec.timeout_s == inf


@pytest.mark.parametrize("value", [nan, inf, 10**400])
def test_a_template_has_no_number_that_json_does_not_know(value: float) -> None:
    data = bare()
    data["document"] = {"size": value}
    with pytest.raises(ContractDataError, match=r"^document\.size: "):
        parse_contract(data)
    data["document"] = {"size": 10**300}
    assert json.loads(json.dumps(dict(parse_contract(data).document))) == {"size": 10**300}
