"""Kinds from data: an error names the path, the value and what is allowed."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest

from jobcancel import OnCancel, Registry, Stage
from jobcancel._core.registry import specs_from
from jobcancel._core.specs import KindSpec
from jobcancel.errors import KindDataError

NAME = "a name of lower-case letters, digits and _, beginning with a letter"
SECONDS = "a number of seconds above 0, up to 3155760000 (a hundred years), inf for no limit"
COUNT = "a whole number from 1, up to 9223372036854775807"
FLAG = "true or false"
POLICY = 'one of "defer", "interrupt", "refuse"'
STAGES = "a list of tables, one a stage, no name twice"
TERMINAL = 'a list of states, each one of "canceled", "failed", "partially_succeeded", "succeeded"'
RERUN = 'a list of states, each one of "canceled", "failed"'
STAGE_KEYS = "the options name, on_cancel, commits, timeout_s"
KIND_KEYS = (
    "the options stages, on_cancel, strict, compensate_on, cleanup_s, grace_s, on_grace_expired, "
    "timeout_s, expires_s, max_running, max_pending, key_ttl_s, rerun_on, retain_s, retain_count, on_restart"
)

TOML = """
[kinds.ingest]
on_cancel = "defer"
grace_s = 5
timeout_s = inf
max_running = 2
compensate_on = ["failed"]

[[kinds.ingest.stages]]
name = "cloning"
timeout_s = 2.5

[[kinds.ingest.stages]]
name = "opening_pr"
on_cancel = "refuse"
commits = true

[kinds.batch]
"""
DATA: dict[str, Any] = {
    "kinds": {
        "ingest": {
            "on_cancel": "defer",
            "grace_s": 5,
            "timeout_s": inf,
            "max_running": 2,
            "compensate_on": ["failed"],
            "stages": [
                {"name": "cloning", "timeout_s": 2.5},
                {"name": "opening_pr", "on_cancel": "refuse", "commits": True},
            ],
        },
        "batch": {},
    }
}


def ingest(**options: Any) -> dict[str, Any]:
    return {"kinds": {"ingest": options}}


# data, path, value, what is allowed
WRONG: list[tuple[Any, str, Any, str]] = [
    ([], "the document", [], "a table"),
    ({}, "kinds", None, "a table with one table a kind (it is missing)"),
    ({"kinds": {}, "kind": 1}, "kind", 1, "only the table kinds"),
    ({"kinds": ["ingest"]}, "kinds", ["ingest"], "a table"),
    ({"kinds": {"ingest": 5}}, "kinds.ingest", 5, "a table"),
    ({"kinds": {"Ingest": {}}}, "kinds.Ingest.name", "Ingest", NAME),
    ({"kinds": {5: {}}}, "kinds.5.name", 5, NAME),
    (ingest(name="x"), "kinds.ingest.name", "x", "nothing: a kind's name is the key of its table"),
    (ingest(gracе_s=5), "kinds.ingest.gracе_s", 5, f"{KIND_KEYS}; did you mean grace_s?"),  # noqa: RUF001  # looks right
    (ingest(max_runing=5), "kinds.ingest.max_runing", 5, f"{KIND_KEYS}; did you mean max_running?"),
    (ingest(colour="red"), "kinds.ingest.colour", "red", KIND_KEYS),
    ({"kinds": {"ingest": {5: 1}}}, "kinds.ingest.5", 1, KIND_KEYS),
    (ingest(on_cancel="ignore"), "kinds.ingest.on_cancel", "ignore", POLICY),
    (ingest(on_cancel=["defer"]), "kinds.ingest.on_cancel", ["defer"], POLICY),
    (ingest(on_grace_expired="kill"), "kinds.ingest.on_grace_expired", "kill", 'one of "abandon", "force", "wait"'),
    (ingest(on_restart=1), "kinds.ingest.on_restart", 1, 'one of "fail", "rerun"'),
    (ingest(strict="yes"), "kinds.ingest.strict", "yes", FLAG),
    (ingest(rerun_on="failed"), "kinds.ingest.rerun_on", "failed", RERUN),
    (ingest(rerun_on=["succeeded"]), "kinds.ingest.rerun_on", ["succeeded"], RERUN),
    (ingest(compensate_on="failed"), "kinds.ingest.compensate_on", "failed", TERMINAL),
    (ingest(compensate_on=["running"]), "kinds.ingest.compensate_on", ["running"], TERMINAL),
    (ingest(compensate_on=5), "kinds.ingest.compensate_on", 5, TERMINAL),
    (ingest(cleanup_s=0), "kinds.ingest.cleanup_s", 0, SECONDS),
    (ingest(grace_s="5"), "kinds.ingest.grace_s", "5", SECONDS),
    (ingest(timeout_s=True), "kinds.ingest.timeout_s", True, SECONDS),
    (ingest(expires_s=-1), "kinds.ingest.expires_s", -1, SECONDS),
    (ingest(key_ttl_s=None), "kinds.ingest.key_ttl_s", None, SECONDS),
    (ingest(retain_s=[]), "kinds.ingest.retain_s", [], SECONDS),
    (ingest(max_running=0), "kinds.ingest.max_running", 0, COUNT),
    (ingest(max_pending=1.5), "kinds.ingest.max_pending", 1.5, COUNT),
    (ingest(retain_count=False), "kinds.ingest.retain_count", False, COUNT),
    (ingest(stages="cloning"), "kinds.ingest.stages", "cloning", STAGES),
    (ingest(stages={"name": "a"}), "kinds.ingest.stages", {"name": "a"}, STAGES),
    (ingest(stages=["cloning"]), "kinds.ingest.stages[0]", "cloning", "a table"),
    (ingest(stages=[{"name": "a"}, {}]), "kinds.ingest.stages[1].name", None, f"{NAME} (it is missing)"),
    (ingest(stages=[{"name": "A"}]), "kinds.ingest.stages[0].name", "A", NAME),
    (ingest(stages=[{"name": "a", "x": 1}]), "kinds.ingest.stages[0].x", 1, STAGE_KEYS),
    (
        ingest(stages=[{"name": "a", "commit": True}]),
        "kinds.ingest.stages[0].commit",
        True,
        f"{STAGE_KEYS}; did you mean commits?",
    ),
    (
        ingest(stages=[{"name": "a"}, {"name": "b", "on_cancel": "no"}]),
        "kinds.ingest.stages[1].on_cancel",
        "no",
        POLICY,
    ),
    (ingest(stages=[{"name": "a", "commits": 1}]), "kinds.ingest.stages[0].commits", 1, FLAG),
    (ingest(stages=[{"name": "a", "timeout_s": 0}]), "kinds.ingest.stages[0].timeout_s", 0, SECONDS),
    (
        ingest(stages=[{"name": "a"}, {"name": "a"}]),
        "kinds.ingest.stages",
        [Stage("a"), Stage("a")],
        STAGES,
    ),
]


@pytest.mark.parametrize(("data", "path", "value", "allowed"), WRONG)
def test_an_error_names_path_value_and_what_is_allowed(data: Any, path: str, value: Any, allowed: str) -> None:
    with pytest.raises(KindDataError) as caught:
        Registry.from_mapping(data)
    assert (caught.value.path, caught.value.value, caught.value.allowed) == (path, value, allowed)


def test_kinds_are_built_from_a_mapping() -> None:
    assert specs_from(DATA) == [
        KindSpec(
            name="ingest",
            on_cancel=OnCancel.DEFER,
            grace_s=5,
            max_running=2,
            compensate_on=frozenset({"failed"}),
            stages=(Stage("cloning", timeout_s=2.5), Stage("opening_pr", on_cancel=OnCancel.REFUSE, commits=True)),
        ),
        KindSpec(name="batch"),
    ]


@pytest.mark.parametrize("registry", [Registry.from_toml(TOML), Registry.from_json(json.dumps(DATA))])
def test_kinds_from_text_equal_those_of_the_mapping(registry: Registry) -> None:
    assert [kind.spec for kind in registry] == specs_from(DATA)
    assert [kind.handler for kind in registry] == [None, None]


def test_invalid_toml_is_reported_with_its_position() -> None:
    with pytest.raises(KindDataError, match="line 2") as caught:
        Registry.from_toml("[kinds]\nx = = 1\n")
    assert (caught.value.path, caught.value.allowed) == ("the document", "TOML")


def test_invalid_json_is_reported_with_its_position() -> None:
    with pytest.raises(KindDataError, match="line 1") as caught:
        Registry.from_json("{")
    assert (caught.value.path, caught.value.allowed) == ("the document", "JSON")


def test_json_that_is_no_table_is_refused() -> None:
    with pytest.raises(KindDataError) as caught:
        Registry.from_json("[]")
    assert (caught.value.path, caught.value.value, caught.value.allowed) == ("the document", [], "a table")


def test_an_error_of_data_is_a_value_error() -> None:
    with pytest.raises(
        ValueError, match=r"kinds\.ingest\.grace_s: 0 is not allowed here; allowed: a number of seconds"
    ):
        Registry.from_mapping(ingest(grace_s=0))
