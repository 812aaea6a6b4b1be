"""The language of templates: what each form gives, what is refused, and its laws."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jobcancel import HistoryEntry
from jobcancel.contracts import Case, Context, RateLimit, Row, load, outcome_reply
from jobcancel.errors import ContractDataError

from .bare import bare
from .jobs import AT, job

PLACES = (
    "one of allow, cursor, details.*, field, job.attempt, job.children, job.created_at, job.error_code, "
    "job.failure.code, job.failure.message, job.history, job.id, job.key, job.kind, job.labels.*, job.owner, "
    "job.parent_id, job.progress.batch.canceled, job.progress.batch.children, job.progress.batch.failed, "
    "job.progress.batch.pending, job.progress.batch.succeeded, job.progress.batch.total, job.progress.done, "
    "job.progress.fraction, job.progress.message, job.progress.total, job.reason, job.result.*, job.result_object.*, "
    "job.settled_at, job.stage, job.started_at, job.status, job_id, jobs, location, message, null, parameters.*, "
    "rate.limit, rate.remaining, rate.reset_s, rate.retry_after_s, request_id, stage"
)
BARE = load(bare())
FULL = Context(
    job=job(
        stage="ocr",
        key="k",
        owner="ada",
        parent_id="job_0",
        labels={"team": "blue"},
        result={"n": [1, 2], "deep": {"x": None, "y": 2}},
        history=(HistoryEntry("a", AT, 1.5, "done", {}), HistoryEntry("b", AT, None, "noted", {"k": 1})),
    ),
    jobs=[job(id="job_7"), job(id="job_8")],
    cursor="12",
    job_id="job_1",
    stage="opening_pr",
    request_id="req_1",
    rate=RateLimit(5, 4, 1, 2),
    parameters={"project": "p"},
    details={"a": 1},
    location=("body", "stages", "ocr"),
    allow="GET",
)


def rendered(template: Any, context: Context = FULL, **row: Any) -> Any:
    made = Row(status=200, source="silent", body=template, **row)
    return outcome_reply(evolve(BARE, outcomes={Case.REFUSED: made}), Case.REFUSED, context).body


def refusal(template: Any, **row: Any) -> tuple[str, Any, str]:
    with pytest.raises(ContractDataError) as caught:
        rendered(template, **row)
    return caught.value.path, caught.value.value, caught.value.allowed


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        (5, 5),
        (1.5, 1.5),
        (True, True),
        ([1, "a", {"b": [False]}], [1, "a", {"b": [False]}]),
        ({"a": {"b": "c"}}, {"a": {"b": "c"}}),
        ("$$5", "$5"),
        ("$${job_id}", "$job_1"),
        ("5 $", "5 $"),
        ("{{job_id}}", "{job_id}"),
        # a place keeps its type
        ("$rate.limit", 5),
        ("$job.result.n", [1, 2]),
        ("$job.result", {"n": [1, 2], "deep": {"x": None, "y": 2}}),
        ("$null", None),
        ("$job.labels.team", "blue"),
        ("$job.labels.nothing", None),
        ("$parameters", {"project": "p"}),
        ("$parameters.project", "p"),
        ("$details.a", 1),
        ("$location", ["body", "stages", "ocr"]),
        ("$field", "stages.ocr"),
        ("$allow", "GET"),
        ("$cursor", "12"),
        ("$stage", "opening_pr"),
        ("$job.stage", "ocr"),
        ("$job.key", "k"),
        ("$job.owner", "ada"),
        ("$job.parent_id", "job_0"),
        ("$job.attempt", 1),
        ("$job.reason", None),
        ("$job.created_at", "2024-05-01T12:00:00+00:00"),
        ("$job", {"id": "job_1"}),
        ("$jobs", [{"id": "job_7"}, {"id": "job_8"}]),
        # the first of several that is there
        ("$job.labels.nothing|job.labels.team", "blue"),
        ("$job.labels.team|job.id", "blue"),
        ("$job.labels.a|job.labels.b", None),
        ("{job.labels.a|job_id}", "job_1"),
        # a key is left out for nothing, and only then
        ({"a": "$job.labels.nothing?", "b": "$job.labels.team?", "c": "$null"}, {"b": "blue", "c": None}),
        ({"a": {"b": "$null?"}}, {"a": {}}),
        ({"a": "$job.labels.a|job.labels.b?"}, {}),
        # in text everything is text, nothing is nothing
        ("{job_id}/{stage}", "job_1/opening_pr"),
        ("<{job.labels.nothing}>", "<>"),
        ("{rate.limit} left: {job.result.n} {null}", "5 left: [1, 2] "),
        ({"{job_id}": 1, "x-{stage}": {"{job.labels.team}": 2}}, {"job_1": 1, "x-opening_pr": {"blue": 2}}),
        # lists and single values
        (
            {"$each": "$job.history", "as": {"n": "$item.step", "ms": "$item.duration_ms?"}},
            [{"n": "a", "ms": 2}, {"n": "b"}],
        ),
        ({"$each": "$job.result.n", "as": "$item"}, [1, 2]),
        ({"$each": "$jobs", "as": "$item"}, [{"id": "job_7"}, {"id": "job_8"}]),
        ({"$each": "$jobs", "as": "{item.id} of {job.id}"}, ["job_7 of job_1", "job_8 of job_1"]),
        ({"$each": "$jobs", "as": "{item.id}", "join": ", "}, "job_7, job_8"),
        ({"$each": "$job.labels.nothing|job.result.n", "as": "$item"}, [1, 2]),
        ({"$each": "$job.labels.team", "as": "$item"}, []),
        ({"a": {"$each": "$job.labels.team?", "as": "$item"}}, {}),
        ({"$each": "$job.result.none", "as": "$item", "join": ","}, ""),
        ({"$with": "$job.result.deep", "as": ["$item.x", "$item.y", "$item.z"]}, [None, 2, None]),
        ({"$with": "$job.result.none", "as": 1}, None),
        ({"a": {"$with": "$job.result.none?", "as": 1}}, {}),
        ({"$with": "$job.result", "as": {"$with": "$item.deep", "as": "$item.y"}}, 2),
        ({"$with": "$job.result", "as": {"$each": "$item.n", "as": "{item}!"}}, ["1!", "2!"]),
        ({"$with": "$job.progress.batch", "as": "$item.total"}, None),
        ({"$with": "$stage", "as": {"$each": "$jobs", "as": "{item.status}"}}, ["running", "running"]),
        ({"as": 1, "join": 2}, {"as": 1, "join": 2}),
    ],
)  # fmt: skip
def test_a_template_renders(template: Any, value: Any) -> None:
    assert rendered(template) == value


@pytest.mark.parametrize(
    ("template", "path", "allowed"),
    [
        ("$job.naem", "body", PLACES),
        ("$jobb", "body", PLACES),
        ("{job.failure.traceback}", "body", PLACES),
        ({"{nobody}": 1}, "body.{nobody}", PLACES),
        ("$item.id", "body", PLACES),
        ("$jobs.id", "body", PLACES),
        ({"a": ["$job.progress.batch.totl"]}, "body.a[0]", PLACES),
        ("$job.id.x", "body", PLACES),
        ("$job id", "body", "a placeholder, as in $job.id, or several, as in $job.labels.a|job.id"),
        ("$", "body", "a placeholder, as in $job.id, or several, as in $job.labels.a|job.id"),
        ("$job.labels.a||job.id", "body", "a placeholder, as in $job.id, or several, as in $job.labels.a|job.id"),
        ("{}", "body", "a placeholder, as in $job.id, or several, as in $job.labels.a|job.id"),
        ("{job_id", "body", "braces in pairs; {{ and }} for a brace itself"),
        ("job_id}", "body", "braces in pairs; {{ and }} for a brace itself"),
        ("{job_id:>9}", "body", "placeholders alone in braces, no format and no conversion"),
        ("{job_id!r}", "body", "placeholders alone in braces, no format and no conversion"),
        ("$job.id?", "body", "a ? only where it can leave out a key: as a mapping's value"),
        (["$job.id?"], "body[0]", "a ? only where it can leave out a key: as a mapping's value"),
        ({"$each": "$job.id", "as": 1}, "body.$each", "a placeholder that holds a list"),
        ({"$each": "$job.progress", "as": 1}, "body.$each", "a placeholder that holds a list"),
        ({"$each": "job.history", "as": 1}, "body.$each", "a placeholder, as in $job.history"),
        ({"$each": ["a"], "as": 1}, "body.$each", "a placeholder, as in $job.history"),
        ({"$with": "$nobody", "as": 1}, "body.$with", PLACES),
        ({"$each": "$job.history"}, "body.as", "a template for each (it is missing)"),
        ({"$each": "$job.history", "as": 1, "to": 2}, "body.to", "no such key; known: $each, as, join"),
        ({"$with": "$job.result", "as": 1, "join": ""}, "body.join", "no such key; known: $with, as"),
        ({"$each": "$job.history", "as": 1, "join": 5}, "body.join", "text"),
        ({"$ech": "$job.history"}, "body.$ech", "a text as key; of keys with $ only $each and $with"),
        ({5: 1}, "body.5", "a text as key; of keys with $ only $each and $with"),
        (float("nan"), "body", "text, a number, true, false, a list or a table"),
        ({"a": {1, 2}}, "body.a", "text, a number, true, false, a list or a table"),
    ],
)  # fmt: skip
def test_an_invalid_template_is_refused_with_its_path(template: Any, path: str, allowed: str) -> None:
    assert (refusal(template)[0], refusal(template)[2]) == (path, allowed)


def test_an_error_has_the_refused_value() -> None:
    assert refusal({"a": "$job.naem"}) == ("body.a", "$job.naem", PLACES)
    assert refusal({"$each": "$job.history", "as": "$item.stpe"})[:2] == ("body.as", "$item.stpe")


@pytest.mark.parametrize(
    ("template", "path", "value"),
    [
        ("$job id", "body", "$job id"),
        ("$job.id?", "body", "$job.id?"),
        ("$${", "body", "${"),
        ({"$each": "$job.history", "as": 1, "to": 2}, "body.to", 2),
        ({"$each": "$job.history", "as": 1, "join": 5}, "body.join", 5),
        ({"$each": ["a"], "as": 1}, "body.$each", ["a"]),
        ({"$each": "$job.id", "as": 1}, "body.$each", "$job.id"),
        ({"a": {"$each": "$job.history", "as": "$item.step?"}}, "body.a.as", "$item.step?"),
    ],
)
def test_every_refusal_has_the_refused_value(template: Any, path: str, value: Any) -> None:
    assert refusal(template)[:2] == (path, value)


def test_a_list_in_a_text_is_json_with_its_letters_unescaped() -> None:
    assert rendered("{details.a}", Context(details={"a": ["ü€"]})) == '["ü€"]'


def test_an_item_has_the_placeholders_of_its_lists_elements() -> None:
    allowed = refusal({"$each": "$job.history", "as": "$item.id"})[2]
    assert "item.details.*, item.duration_ms, item.status, item.step" in allowed
    assert "item.progress.fraction" in refusal({"$each": "$jobs", "as": "$item.step"})[2]


def test_a_message_cannot_contain_the_message_placeholder() -> None:
    assert refusal(1, message="again: {message}")[:2] == ("message", "again: {message}")


def test_a_message_is_the_contexts_or_the_rows() -> None:
    assert rendered("$message", message="no {job_id}") == "no job_1"
    assert rendered("$message", Context(message="said"), message="no {job_id}") == "said"
    assert rendered("$message", Context(message=""), message="no {job_id}") == ""
    assert rendered("{message}.") == "."
    assert rendered({"$with": "$stage", "as": "$message"}, message="no {job_id}") == "no job_1"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("ab {}$"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab{}$", max_size=4), inner, max_size=3),
    max_leaves=10,
)


def escaped(data: Any) -> Any:
    """Return a template that stands for ``data``."""
    if isinstance(data, str):
        text = data.replace("{", "{{").replace("}", "}}")
        return f"${text}" if text.startswith("$") else text
    if isinstance(data, dict):
        return {str(escaped(key)): escaped(value) for key, value in data.items()}  # pyright: ignore[reportUnknownVariableType]
    return [escaped(item) for item in data] if isinstance(data, list) else data  # pyright: ignore[reportUnknownVariableType]


def keyed_by_dollar(data: Any) -> bool:
    if isinstance(data, dict):
        return any(key.startswith("$") or keyed_by_dollar(value) for key, value in data.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType, reportUnknownMemberType]
    return isinstance(data, list) and any(keyed_by_dollar(item) for item in data)  # pyright: ignore[reportUnknownVariableType]


@given(PLAIN.filter(lambda data: not keyed_by_dollar(data)))
def test_a_text_without_placeholders_is_rendered_unchanged(data: Any) -> None:
    assert rendered(escaped(data)) == data


@given(st.text("$a.{}|?_ b", max_size=8))
def test_any_text_is_rendered_or_refused_as_a_contracts_error(text: str) -> None:
    wrong: list[ContractDataError] = []
    try:
        rendered({"x": text, "y": [text], text: 1})
    except ContractDataError as error:
        wrong.append(error)
    assert all(error.path.startswith("body.") for error in wrong)


@given(st.text(), st.text(), st.dictionaries(st.text("ab", min_size=1), st.text(), max_size=2))
def test_a_value_is_never_read_as_a_template(job_id: str, message: str, labels: dict[str, str]) -> None:
    context = Context(job_id=job_id, message=message, job=job(labels=labels))
    body = rendered({"i": "$job_id", "m": "$message", "t": "{job_id}", "l": "$job.labels"}, context)
    assert body == {"i": job_id, "m": message, "t": job_id, "l": labels}
