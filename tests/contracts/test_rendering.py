"""Rendering: what every contract's replies have in common, and what may never stand in one."""

from __future__ import annotations

import json
from math import inf, nan

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jobcancel import (
    JobState,
    Outcome,
    Verdict,
)
from jobcancel.contracts import (
    Case,
    Context,
    RateLimit,
    Reply,
    Row,
    case_of,
    error_reply,
    load,
    names,
    outcome_reply,
    success_reply,
)

from .bare import bare, changed
from .jobs import job

ECHOING = load(changed("errors.closed.headers", {"X-Id": "<{job_id}|{message}>"}))


@pytest.mark.parametrize(
    ("outcome", "state", "case"),
    [
        ("canceled", "canceled", "pending_canceled"),
        ("canceling", "canceling", "canceling"),
        ("deferred", "canceling", "canceling"),
        ("refused", "running", "refused"),
        ("already_canceling", "canceling", "already_canceling"),
        ("already_terminal", "succeeded", "already_completed"),
        ("already_terminal", "partially_succeeded", "already_completed"),
        ("already_terminal", "failed", "already_failed"),
        ("already_terminal", "canceled", "already_canceled"),
    ],
)
def test_each_verdict_has_its_case(outcome: str, state: str, case: str) -> None:
    assert case_of(Verdict("job_1", Outcome(outcome), JobState(state))) is Case(case)


def test_the_thirteen_cases_are_in_their_order() -> None:
    assert [case.value for case in Case] == list(bare()["outcomes"])


def test_a_case_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="'gone' is not a valid Case"):
        outcome_reply(load("layers"), "gone")


def test_an_unknown_error_is_refused_with_the_known_names() -> None:
    with pytest.raises(ValueError, match="contract 'layers' has no error 'teapot'; it has: unknown_route, method_not"):
        error_reply(load("layers"), "teapot")


@pytest.mark.parametrize("name", names())
def test_the_headers_of_405_name_the_methods(name: str) -> None:
    assert error_reply(load(name), "method_not_allowed", Context(allow="GET, HEAD")).headers == {"Allow": "GET, HEAD"}


def test_a_route_without_a_body_of_its_own_answers_the_job_the_page_or_ok() -> None:
    contract = load(bare())
    _, get, listed, health = contract.routes
    assert success_reply(contract, get, Context(job=job())) == Reply(200, {}, {"id": "job_1"})
    assert success_reply(contract, get).content == b""
    page = {"jobs": [{"id": "job_1"}, {"id": "job_2"}], "cursor": "3"}
    assert success_reply(contract, listed, Context(jobs=[job(), job(id="job_2")], cursor="3")).body == page
    assert success_reply(contract, health).body == {"status": "ok"}


def test_a_reply_is_compact_utf8_json() -> None:
    assert Reply(200, {}, {"a": [1, "ü€"], "b": None}).content == '{"a":[1,"ü€"],"b":null}'.encode()
    assert Reply(202, {}, None).content == b""
    assert Reply(200, {}, {}).content == b"{}"


def test_text_that_utf8_cannot_encode_does_not_break_the_reply() -> None:
    assert Reply(200, {}, "a\udc80b").content == b'"a?b"'


@given(st.text())
def test_a_header_is_one_line_of_printable_ascii_whatever_came_with_the_request(text: str) -> None:
    value = error_reply(ECHOING, "closed", Context(job_id=text, message=text)).headers["X-Id"]
    assert value.isascii()
    assert value.isprintable()


def test_characters_that_a_header_cannot_hold_become_question_marks() -> None:
    header = error_reply(ECHOING, "closed", Context(job_id=" ~aZ", message="\x1f\x7f\n\u00e9")).headers["X-Id"]
    assert header == "< ~aZ|????>"


def test_an_id_of_a_megabyte_is_not_repeated_in_full() -> None:
    body = outcome_reply(load("sutro"), "malformed_id", Context(job_id="x" * 1_000_000)).body
    assert body == {"cancelled": False, "message": f"Job {'x' * 1024} not found"}


@pytest.mark.parametrize(
    ("limit", "remaining", "reset_s", "retry_after_s"),
    [(-1, 0, 0, 0), (1, -1, 0, 0), (1, 1, inf, 0), (1, 1, nan, 0), (1, 1, 0, -0.1)],
)
def test_an_invalid_rate_limit_is_refused(limit: int, remaining: int, reset_s: float, retry_after_s: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        RateLimit(limit, remaining, reset_s, retry_after_s)


def test_a_row_made_in_code_is_checked_like_one_from_data() -> None:
    row = Row(status=200, source="silent", body={"id": "$job_id"}, headers={"X-Case": "{stage}"}, message="m")
    contract = evolve(load(bare()), outcomes={**load(bare()).outcomes, Case.REFUSED: row})
    assert outcome_reply(contract, "refused", Context(job_id="7", stage="s")) == Reply(
        200, {"X-Case": "s"}, {"id": "7"}
    )
    with pytest.raises(ValueError, match=r"body\.id: '\$jobid' is not allowed here"):
        Row(status=200, source="silent", body={"id": "$jobid"})
    with pytest.raises(ValueError, match="'guess' is not a valid Source"):
        Row(status=200, source="guess")


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("state", list(JobState))
def test_every_reply_of_every_contract_is_json_with_a_job_and_without(name: str, state: JobState) -> None:
    contract = load(name)
    for context in (Context(), Context(job=job(state), jobs=[job(state)], job_id="j", message="m", details=[1])):
        replies = [outcome_reply(contract, case, context) for case in Case]
        replies += [error_reply(contract, error, context) for error in contract.errors]
        replies += [success_reply(contract, route, context) for route in contract.routes]
        for each in replies:
            assert (json.loads(each.content) if each.content else None) == each.body


def test_the_same_input_gives_the_same_bytes() -> None:
    context = Context(job=job("canceling"), job_id="job_1")
    first, second = (outcome_reply(load("dex"), "canceling", context).content for _ in range(2))
    assert first == second
