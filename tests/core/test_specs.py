"""Stages and kinds refuse nonsense when they are made."""

from __future__ import annotations

from enum import StrEnum
from math import inf, nan
from typing import Any, get_type_hints

import pytest
from attrs import fields
from attrs.exceptions import FrozenInstanceError

from jobcancel import JobState, OnCancel, OnGraceExpired, OnRestart, Stage
from jobcancel._core.specs import KindOptions, KindSpec


def test_a_stage_is_interruptible_and_unlimited_unless_it_says_otherwise() -> None:
    stage = Stage("cloning")
    assert (stage.on_cancel, stage.commits, stage.timeout_s) == ("interrupt", False, inf)


def test_policies_are_the_specified_words() -> None:
    assert list(OnCancel) == ["interrupt", "defer", "refuse"]
    assert list(OnGraceExpired) == ["wait", "force", "abandon"]
    assert list(OnRestart) == ["fail", "rerun"]


def test_a_kinds_defaults_are_the_specified_ones() -> None:
    spec = KindSpec(name="ingest")
    assert (spec.stages, spec.on_cancel, spec.strict) == ((), "interrupt", True)
    assert spec.compensate_on == {"canceled", "failed"}
    assert (spec.cleanup_s, spec.grace_s, spec.on_grace_expired) == (30, 30, "wait")
    assert (spec.timeout_s, spec.expires_s, spec.max_running, spec.max_pending) == (inf, inf, None, None)
    assert (spec.key_ttl_s, spec.rerun_failed) == (24 * 3600, False)
    assert (spec.retain_s, spec.retain_count, spec.on_restart) == (24 * 3600, 10_000, "fail")


def test_a_kind_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        KindSpec(name="ingest").grace_s = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_words_become_members() -> None:
    spec = KindSpec(
        name="ingest",
        on_cancel="refuse",
        on_grace_expired="abandon",
        on_restart="rerun",
        compensate_on=["succeeded"],
        stages=[Stage("a"), Stage("b")],
    )
    assert spec.on_cancel is OnCancel.REFUSE
    assert spec.on_grace_expired is OnGraceExpired.ABANDON
    assert spec.on_restart is OnRestart.RERUN
    assert spec.compensate_on == frozenset({JobState.SUCCEEDED})
    assert spec.stages == (Stage("a"), Stage("b"))


def test_a_name_that_is_a_member_of_an_enum_becomes_a_plain_string() -> None:
    class Name(StrEnum):
        INGEST = "ingest"

    assert type(KindSpec(name=Name.INGEST).name) is str
    assert type(Stage(Name.INGEST).name) is str


@pytest.mark.parametrize("name", ["", "Ingest", "1st", "_a", "a-b", "a b", "ünder", "a\n"])
def test_a_name_is_lower_case_words_joined_by_underscores(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        KindSpec(name=name)
    with pytest.raises(ValueError, match="name"):
        Stage(name)


@pytest.mark.parametrize("option", ["cleanup_s", "grace_s", "timeout_s", "expires_s", "key_ttl_s", "retain_s"])
@pytest.mark.parametrize(
    ("value", "error"),
    [(0, ValueError), (-1, ValueError), (nan, ValueError), (True, TypeError), ("5", TypeError), (None, TypeError)],
)
def test_seconds_are_numbers_above_nothing(option: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=option):
        KindSpec(name="ingest", **{option: value})


@pytest.mark.parametrize("option", ["max_running", "max_pending", "retain_count"])
@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError), ("5", TypeError)]
)
def test_counts_are_whole_numbers_from_one(option: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=option):
        KindSpec(name="ingest", **{option: value})
    fitting: list[dict[str, Any]] = [{option: None}, {option: 1}]
    assert [getattr(KindSpec(name="ingest", **options), option) for options in fitting] == [None, 1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"strict": 1}, TypeError, "strict"),
        ({"rerun_failed": "no"}, TypeError, "rerun_failed"),
        ({"on_cancel": "ignore"}, ValueError, "ignore"),
        ({"on_grace_expired": "kill"}, ValueError, "kill"),
        ({"on_restart": "again"}, ValueError, "again"),
        ({"compensate_on": "failed"}, TypeError, "must be a list of states, not the string 'failed'"),
        ({"compensate_on": ["lost"]}, ValueError, "lost"),
        (
            {"compensate_on": ["failed", "running", "pending"]},
            ValueError,
            r"'compensate_on' takes terminal states "
            r"\(canceled, failed, partially_succeeded, succeeded\), not pending, running$",
        ),
        (
            {"stages": [Stage("b"), Stage("a"), Stage("c"), Stage("a"), Stage("b")]},
            ValueError,
            "'stages' declares more than once: a, b$",
        ),
        ({"stages": ["a"]}, TypeError, "Stage"),
    ],
)
def test_a_kind_refuses_what_makes_no_sense(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        KindSpec(name="ingest", **options)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"on_cancel": "never"}, ValueError),
        ({"commits": 1}, TypeError),
        ({"timeout_s": 0}, ValueError),
        ({"timeout_s": True}, TypeError),
    ],
)
def test_a_stage_refuses_what_makes_no_sense(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Stage("cloning", **options)


def test_what_a_decorator_takes_is_what_a_kind_has() -> None:
    options = set(get_type_hints(KindOptions))
    assert options == {attribute.name for attribute in fields(KindSpec)} - {"name"}
    assert KindOptions.__total__ is False


def test_a_part_of_a_second_is_a_time() -> None:
    assert KindSpec(name="ingest", grace_s=0.001).grace_s == 0.001
    assert Stage("cloning", timeout_s=0.001).timeout_s == 0.001


def test_a_kind_may_compensate_in_every_terminal_state() -> None:
    every = ["succeeded", "partially_succeeded", "failed", "canceled"]
    assert KindSpec(name="ingest", compensate_on=every).compensate_on == set(every)


@pytest.mark.parametrize("option", ["refuse", True, 5.0])
def test_a_stages_options_are_named(option: Any) -> None:
    made: Any = Stage
    with pytest.raises(TypeError, match="positional argument"):
        made("cloning", option)


def test_a_kinds_options_are_named() -> None:
    made: Any = KindSpec
    with pytest.raises(TypeError, match="positional argument"):
        made("ingest")
