"""Dafty: every cancel answers 200 with the job, after it has stopped; canceled reads as failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.acts import Act
from tests.conformance.bench import Bench
from tests.conformance.matchers import AnyText, Timestamp, with_id
from tests.conformance.situations import arrange
from tests.conformance.vendors import DAFTY, STRANGER, TOKENS

JOB = {"id": "{id}", "type": "image.generate", "createdAt": Timestamp()}
PROCESSING = {"data": {**JOB, "status": "processing"}}
COMPLETED = {"data": {**JOB, "status": "completed"}}
FAILED = {"data": {**JOB, "status": "failed", "error": {"code": "GENERATION_FAILED", "message": AnyText()}}}


def error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": AnyText()}}


MALFORMED: dict[str, Any] = {
    "error": {"code": "VALIDATION_ERROR", "message": AnyText(), "details": {"field": "id", "reason": AnyText("UUID")}}
}


OUTCOMES = [
    ("pending_canceled", 200, FAILED),
    ("pending_canceled, with something to undo", 200, FAILED),
    ("canceling", 200, FAILED),
    ("already_canceling", 200, PROCESSING),
    ("already_canceled", 200, FAILED),
    ("already_completed", 200, COMPLETED),
    ("already_completed, in part", 200, COMPLETED),
    ("already_failed", 200, FAILED),
    ("refused", 200, PROCESSING),  # deferred by default
    ("not_found", 404, error("NOT_FOUND")),
    ("foreign", 404, error("NOT_FOUND")),
    ("malformed_id", 400, MALFORMED),
    ("unauthenticated", 401, error("UNAUTHORIZED")),
    ("unauthenticated, wrong key", 401, error("UNAUTHORIZED")),
    ("rate_limited", 429, error("RATE_LIMIT_ERROR")),
    ("internal_error", 500, error("INTERNAL_ERROR")),
]


@pytest.mark.parametrize(("situation", "status", "expected"), OUTCOMES, ids=[row[0] for row in OUTCOMES])
async def test_an_outcome_is_answered_as_the_document_says(
    bench: Bench, situation: str, status: int, expected: Any
) -> None:
    dafty = await bench.fresh(DAFTY)
    asked = await arrange(dafty, situation)

    stays = situation in {"already_canceling", "refused"}  # no answer before its time: the job does not stop
    ask = dafty.send_past_a_minute if stays else dafty.send
    answer = await ask("POST", DAFTY.cancel.format(asked.job_id), asked.headers)

    assert (answer.status, answer.body) == (status, with_id(asked.job_id, expected))
    assert answer.header("content-type") == "application/json"


@pytest.mark.parametrize("situation", ["already_failed, by expiry", "already_failed, by timeout"])
async def test_a_job_that_ran_out_of_time_is_answered_as_failed(bench: Bench, situation: str) -> None:
    dafty = await bench.fresh(DAFTY)
    asked = await arrange(dafty, situation)

    answer = await dafty.cancel(asked.job_id)

    assert (answer.status, answer.body["data"]["status"]) == (200, "failed")
    assert answer.body["data"]["error"] == {"code": "GENERATION_FAILED", "message": AnyText()}


async def test_the_rate_limit_comes_in_four_integer_headers(bench: Bench) -> None:
    dafty = await bench.serve(DAFTY)
    answer = await dafty.cancel(DAFTY.unknown, DAFTY.hasty)
    names = ("retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    # 29.2 s and 41.5 s: who comes back a moment too early is turned away again
    assert [answer.header(name) for name in names] == ["30", "60", "0", "42"]


async def test_the_answer_waits_for_the_job_to_stop(bench: Bench) -> None:
    dafty = await bench.fresh(DAFTY)
    job_id, act = await dafty.running(Act(shield=True))

    async with dafty.asking("POST", DAFTY.cancel.format(job_id)) as asked:
        await dafty.scheduler.waited_for()
        assert asked.answer is None
        act.release.set()

    assert asked.got.status == 200
    assert asked.got.body["data"]["status"] == "failed"


async def test_a_refusing_stage_is_waited_for_and_then_the_job_has_failed(bench: Bench) -> None:
    dafty = await bench.fresh(DAFTY)
    job_id, act = await dafty.running(Act(stage="publishing"))

    async with dafty.asking("POST", DAFTY.cancel.format(job_id)) as asked:
        await dafty.scheduler.waited_for()
        act.release.set()

    assert (asked.got.status, asked.got.body["data"]["status"]) == (200, "failed")
    assert await dafty.final(job_id) == "canceled"


async def test_a_refusal_is_the_unchanged_job_if_the_host_lets_a_stage_refuse(bench: Bench) -> None:
    dafty = await bench.serve(DAFTY, refuse=True)
    asked = await arrange(dafty, "refused")

    answer = await dafty.send_past_a_minute("POST", DAFTY.cancel.format(asked.job_id))

    assert (answer.status, answer.body["data"]["status"]) == (200, "processing")
    assert await dafty.final(asked.job_id) == "succeeded"


@pytest.mark.parametrize(
    "situation",
    ["already_completed", "already_completed, in part", "already_failed", "already_failed, by timeout"],
)
async def test_variant_terminal_409_answers_a_settled_job_with_a_conflict(bench: Bench, situation: str) -> None:
    dafty = await bench.fresh(DAFTY, "terminal_409")
    asked = await arrange(dafty, situation)

    answer = await dafty.cancel(asked.job_id)

    assert answer.status == 409
    assert set(answer.body) == {"error"}
    assert answer.body["error"]["message"] == AnyText()
    assert set(answer.body["error"]) <= {"message", "code"}


@pytest.mark.parametrize("situation", ["pending_canceled", "canceling"])
async def test_variant_terminal_409_does_not_change_an_accepted_cancel(bench: Bench, situation: str) -> None:
    dafty = await bench.fresh(DAFTY, "terminal_409")
    asked = await arrange(dafty, situation)
    answer = await dafty.cancel(asked.job_id)
    assert (answer.status, answer.body) == (200, with_id(asked.job_id, FAILED))


NO_UUIDS = ["x", "7f9c24e8-3b12-4fef-91e0", "7f9c24e8-3b12-4fef-91e0-56a2d5a0e4bz", "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"]


@pytest.mark.parametrize("job_id", NO_UUIDS)
@pytest.mark.parametrize(
    ("variants", "status", "body"),
    [((), 400, MALFORMED), (("malformed_404",), 404, error("NOT_FOUND"))],
    ids=["as read", "variant malformed_404"],
)
async def test_an_id_that_is_no_uuid_is_not_looked_up(
    bench: Bench, job_id: str, variants: tuple[str, ...], status: int, body: Any
) -> None:
    dafty = await bench.serve(DAFTY, *variants)
    dafty.scheduler.calls.clear()

    answers = [await dafty.cancel(job_id), await dafty.get(job_id)]

    assert [(a.status, a.body) for a in answers] == [(status, body)] * 2
    assert dafty.scheduler.calls == []


@pytest.mark.parametrize("written", [str.upper, str.title, str.lower])
async def test_an_id_is_found_in_upper_and_lower_case(bench: Bench, written: Callable[[str], str]) -> None:
    dafty = await bench.serve(DAFTY)
    job_id, _ = await dafty.running()

    read = await dafty.get(written(job_id))
    canceled = await dafty.cancel(written(job_id))

    assert (read.status, read.body["data"]["id"]) == (200, job_id)
    assert (canceled.status, canceled.body["data"]["id"], canceled.body["data"]["status"]) == (200, job_id, "failed")


@pytest.mark.parametrize("query", ["limit=many", "cursor=nowhere"])
async def test_a_query_that_is_not_valid_says_which_field_and_why(bench: Bench, query: str) -> None:
    dafty = await bench.serve(DAFTY)
    field, _, value = query.partition("=")

    answer = await dafty.send("GET", f"/api/v1/jobs?{query}")

    assert (answer.status, answer.body["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert answer.body["error"]["details"] == {"field": field, "reason": AnyText()}
    assert value not in answer.body["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": TOKENS["alice"]}, 404),
        ({"authorization": f"Bearer {TOKENS['alice']}"}, 404),
        ({"x-api-key": f"Bearer {TOKENS['alice']}"}, 401),
        ({"authorization": TOKENS["alice"]}, 401),
        ({"authorization": f"Key {TOKENS['alice']}"}, 401),
        ({"authorization": f"Bearer {STRANGER}"}, 401),
        ({"x-api-key": ""}, 401),
    ],
)
async def test_a_key_comes_in_either_of_two_headers(bench: Bench, headers: dict[str, str], status: int) -> None:
    dafty = await bench.serve(DAFTY)
    assert (await dafty.cancel(DAFTY.unknown, headers)).status == status
