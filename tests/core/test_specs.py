"""Stages and kinds refuse nonsense when they are made."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, StrEnum
from inspect import signature
from math import inf, nan
from typing import Any, Literal, get_args, get_origin

import pytest
from attrs import fields
from attrs.exceptions import FrozenInstanceError

from jobcancel import JobState, OnCancel, OnGraceExpired, OnRestart, Registry, Stage
from jobcancel._core.policies import OnCancelValue, OnGraceExpiredValue, OnRestartValue
from jobcancel._core.specs import KindSpec
from jobcancel._core.states import RerunValue, StateValue, TerminalValue


def test_a_stage_is_interruptible_and_unlimited_by_default() -> None:
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
    assert (spec.key_ttl_s, spec.rerun_on) == (24 * 3600, frozenset())
    assert (spec.retain_s, spec.retain_count, spec.on_restart) == (24 * 3600, 10_000, "fail")


def test_a_kind_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        KindSpec(name="ingest").grace_s = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_words_become_enum_members() -> None:
    spec = KindSpec(
        name="ingest",
        on_cancel="refuse",
        on_grace_expired="abandon",
        on_restart="rerun",
        compensate_on=["succeeded"],
        rerun_on=["failed", JobState.CANCELED],
        stages=[Stage("a"), Stage("b")],
    )
    assert spec.on_cancel is OnCancel.REFUSE
    assert spec.on_grace_expired is OnGraceExpired.ABANDON
    assert spec.on_restart is OnRestart.RERUN
    assert spec.compensate_on == frozenset({JobState.SUCCEEDED})
    assert spec.rerun_on == frozenset({JobState.FAILED, JobState.CANCELED})
    assert {type(state) for state in spec.rerun_on} == {JobState}
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
def test_seconds_are_numbers_above_0(option: str, value: Any, error: type[Exception]) -> None:
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


NAME = "a name of lower-case letters, digits and _, beginning with a letter"
POLICY = 'one of "defer", "interrupt", "refuse"'
TERMINAL = 'one of "canceled", "failed", "partially_succeeded", "succeeded"'
STAGES = "a list of Stage, as in [Stage('a'), Stage('b')], no name twice"
SECONDS = "a number of seconds above 0, up to 3155760000 (a hundred years), inf for no limit"

# what a kind is declared with, the error, the message
WRONG_KINDS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"name": 5}, TypeError, f"name must be {NAME}, not 5 (int)"),
    ({"name": "Opening PR"}, ValueError, f"name must be {NAME}, not 'Opening PR'"),
    ({"strict": 1}, TypeError, "strict must be True or False, not 1 (int)"),
    (
        {"rerun_on": "failed"},
        TypeError,
        'rerun_on must be a list of states, each one of "canceled", "failed", not \'failed\' (str)',
    ),
    (
        {"rerun_on": True},
        TypeError,
        'rerun_on must be a list of states, each one of "canceled", "failed", not True (bool)',
    ),
    ({"rerun_on": ["succeeded"]}, ValueError, 'rerun_on[0] must be one of "canceled", "failed", not \'succeeded\''),
    ({"rerun_on": ["failed", 1]}, TypeError, 'rerun_on[1] must be one of "canceled", "failed", not 1 (int)'),
    ({"on_cancel": "ignore"}, ValueError, f"on_cancel must be {POLICY}, not 'ignore'"),
    ({"on_cancel": None}, TypeError, f"on_cancel must be {POLICY}, not None (NoneType)"),
    (
        {"on_grace_expired": "kill"},
        ValueError,
        'on_grace_expired must be one of "abandon", "force", "wait", not \'kill\'',
    ),
    ({"on_restart": "again"}, ValueError, 'on_restart must be one of "fail", "rerun", not \'again\''),
    (
        {"compensate_on": "failed"},
        TypeError,
        f"compensate_on must be a list of states, each {TERMINAL}, not 'failed' (str)",
    ),
    ({"compensate_on": 5}, TypeError, f"compensate_on must be a list of states, each {TERMINAL}, not 5 (int)"),
    ({"compensate_on": ["lost"]}, ValueError, f"compensate_on[0] must be {TERMINAL}, not 'lost'"),
    (
        {"compensate_on": ["failed", "running"]},
        ValueError,
        f"compensate_on[1] must be {TERMINAL}, not 'running'",
    ),
    ({"compensate_on": [["failed"]]}, TypeError, f"compensate_on[0] must be {TERMINAL}, not ['failed'] (list)"),
    (
        {"stages": [Stage("b"), Stage("a"), Stage("c"), Stage("a"), Stage("b")]},
        ValueError,
        f"stages must be {STAGES}; declared more than once: a, b",
    ),
    ({"stages": [Stage("a"), "b"]}, TypeError, "stages[1] must be a Stage, as in Stage('a'), not 'b' (str)"),
    ({"stages": "ab"}, TypeError, f"stages must be {STAGES}, not 'ab' (str)"),
    ({"stages": None}, TypeError, f"stages must be {STAGES}, not None (NoneType)"),
    ({"stages": {"a": {}}}, TypeError, f"stages must be {STAGES}, not {{'a': {{}}}} (dict)"),
]


@pytest.mark.parametrize(("options", "error", "message"), WRONG_KINDS)
def test_a_kind_refuses_invalid_options_and_names_what_is_allowed(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    made: Any = KindSpec
    with pytest.raises(error) as refused:
        made(**{"name": "ingest", **options})
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"name": "Opening PR"}, ValueError, f"name must be {NAME}, not 'Opening PR'"),
        ({"on_cancel": "never"}, ValueError, f"on_cancel must be {POLICY}, not 'never'"),
        ({"commits": 1}, TypeError, "commits must be True or False, not 1 (int)"),
        ({"timeout_s": 0}, ValueError, f"timeout_s must be {SECONDS}, not 0"),
        ({"timeout_s": True}, TypeError, f"timeout_s must be {SECONDS}, not True (bool)"),
    ],
)
def test_a_stage_refuses_invalid_options_and_names_what_is_allowed(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    made: Any = Stage
    with pytest.raises(error) as refused:
        made(**{"name": "cloning", **options})
    assert str(refused.value) == message


def test_registry_kind_has_every_option_of_a_kind_with_its_default() -> None:
    parameters = signature(Registry.kind).parameters.values()
    defaults: dict[str, Any] = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert list(defaults) == [attribute.name for attribute in fields(KindSpec) if attribute.name != "name"]
    assert KindSpec(name="work", **defaults) == KindSpec(name="work")
    assert [default for default in defaults.values() if isinstance(default, Enum)] == []  # shown as what one writes


def test_the_table_of_registry_kind_lists_every_option() -> None:
    rows = [line.strip() for line in (Registry.kind.__doc__ or "").splitlines() if line.strip().startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [each.name for each in fields(KindSpec) if each.name != "name"]
    assert [row.count("|") for row in rows] == [5] * len(rows)


@pytest.mark.parametrize(
    ("words", "members"),
    [
        (OnCancelValue, OnCancel),
        (OnGraceExpiredValue, OnGraceExpired),
        (OnRestartValue, OnRestart),
        (StateValue, JobState),
        (RerunValue, ["failed", "canceled"]),
        (TerminalValue, ["succeeded", "partially_succeeded", "failed", "canceled"]),
    ],
)
def test_checkers_know_the_words_of_every_option(words: Any, members: Iterable[str]) -> None:
    literals = [each for each in get_args(words) if get_origin(each) is Literal]
    assert {word for literal in literals for word in get_args(literal)} == set(members)


def test_a_stage_has_its_specified_options() -> None:
    assert str(signature(Stage)).partition(", **unknown")[0] == (
        "(name: 'str', *, on_cancel: 'OnCancelValue' = 'interrupt', commits: 'bool' = False, timeout_s: 'float' = inf"
    )


def test_fractions_of_a_second_are_allowed() -> None:
    assert KindSpec(name="ingest", grace_s=0.001).grace_s == 0.001
    assert Stage("cloning", timeout_s=0.001).timeout_s == 0.001


def test_a_kind_may_compensate_in_every_terminal_state() -> None:
    every: list[TerminalValue] = ["succeeded", "partially_succeeded", "failed", "canceled"]
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
