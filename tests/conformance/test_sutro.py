"""Sutro: 200 everywhere, whether it was cancelled, and a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.acts import Act
from tests.conformance.bench import Bench
from tests.conformance.matchers import AnyText, Matching, with_id
from tests.conformance.situations import arrange
from tests.conformance.vendors import STRANGER, SUTRO, TOKENS

CANCELLED = {"cancelled": True, "message": "Job {id} has been successfully cancelled"}
COMPLETED = {"cancelled": False, "message": "Job {id} could not be cancelled because it has already completed"}
NOT_FOUND = {"cancelled": False, "message": "Job {id} not found"}
MALFORMED = {"cancelled": False, "message": Matching("Job a{256} not found")}  # as much of it as is repeated
NOT_CANCELLED = {"cancelled": False, "message": AnyText("{id}")}

OUTCOMES = [
    ("pending_canceled", CANCELLED),
    ("pending_canceled, with something to undo", CANCELLED),
    ("canceling", CANCELLED),
    ("canceling, held by a stage that defers", CANCELLED),
    ("already_canceling", NOT_CANCELLED),
    ("already_canceled", NOT_CANCELLED),
    ("already_completed", COMPLETED),
    ("already_completed, in part", COMPLETED),
    ("already_failed", NOT_CANCELLED),
    ("already_failed, by expiry", NOT_CANCELLED),
    ("already_failed, by timeout", NOT_CANCELLED),
    ("refused", CANCELLED),  # deferred by default
    ("not_found", NOT_FOUND),
    ("foreign", NOT_FOUND),
    ("malformed_id", MALFORMED),
]


@pytest.mark.parametrize(("situation", "expected"), OUTCOMES, ids=[row[0] for row in OUTCOMES])
@pytest.mark.parametrize("variants", [(), ("sdk",)], ids=["document", "sdk"])
async def test_an_outcome_is_answered_as_the_document_says(
    bench: Bench, situation: str, expected: Any, variants: tuple[str, ...]
) -> None:
    sutro = await bench.serve(SUTRO, *variants)
    asked = await arrange(sutro, situation)

    if variants:
        answer = await sutro.send("GET", f"/v1/job-cancel/{asked.job_id}", asked.headers)
    else:
        answer = await sutro.cancel(asked.job_id, asked.headers)

    assert (answer.status, answer.body) == (200, with_id(asked.job_id, expected))
    assert answer.header("content-type") == "application/json"


ERRORS = [
    ("unauthenticated", 401),
    ("unauthenticated, wrong key", 401),
    ("rate_limited", 429),
    ("internal_error", 500),
]


@pytest.mark.parametrize(("situation", "status"), ERRORS)
async def test_an_error_has_a_status_of_its_own(bench: Bench, situation: str, status: int) -> None:
    sutro = await bench.serve(SUTRO)
    asked = await arrange(sutro, situation)

    answer = await sutro.cancel(asked.job_id, asked.headers)

    assert (answer.status, type(answer.body)) == (status, dict)
    assert answer.body.get("cancelled") is not True
    sutro.scheduler.broken = False
    assert await sutro.final(asked.job_id) == "succeeded"


async def test_a_refusal_is_200_and_not_cancelled_if_the_host_lets_a_stage_refuse(bench: Bench) -> None:
    sutro = await bench.serve(SUTRO, refuse=True)
    asked = await arrange(sutro, "refused")

    answer = await sutro.cancel(asked.job_id)

    assert (answer.status, answer.body) == (200, with_id(asked.job_id, NOT_CANCELLED))
    assert await sutro.final(asked.job_id) == "succeeded"


async def test_an_accepted_cancel_is_asynchronous(bench: Bench) -> None:
    sutro = await bench.serve(SUTRO)
    job_id, _ = await sutro.running(Act(shield=True))

    answer = await sutro.cancel(job_id)

    assert answer.body == with_id(job_id, CANCELLED)
    assert (await sutro.scheduler.get(job_id)).state == "canceling"
    assert await sutro.final(job_id) == "canceled"


@pytest.mark.parametrize("situation", ["not_found", "foreign", "malformed_id"])
async def test_variant_not_found_404_has_status_404(bench: Bench, situation: str) -> None:
    sutro = await bench.serve(SUTRO, "not_found_404")
    asked = await arrange(sutro, situation)

    answer = await sutro.cancel(asked.job_id, asked.headers)

    assert answer.status == 404
    assert answer.body in (with_id(asked.job_id, NOT_FOUND), MALFORMED)


async def test_variant_not_found_404_does_not_change_a_settled_jobs_reply(bench: Bench) -> None:
    sutro = await bench.serve(SUTRO, "not_found_404")
    job_id = await sutro.settled("succeeded")
    answer = await sutro.cancel(job_id)
    assert (answer.status, answer.body) == (200, with_id(job_id, COMPLETED))


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Key {TOKENS['alice']}", 200),
        (f"Bearer {TOKENS['alice']}", 401),
        (TOKENS["alice"], 401),
        (f"Key {STRANGER}", 401),
        ("Key", 401),
        ("Key ", 401),
    ],
)
async def test_a_key_has_the_prefix_key(bench: Bench, authorization: str, status: int) -> None:
    sutro = await bench.serve(SUTRO)
    assert (await sutro.cancel(SUTRO.unknown, {"authorization": authorization})).status == status


async def test_the_documents_route_has_no_get_and_the_sdks_has(bench: Bench) -> None:
    document, sdk = await bench.serve(SUTRO), await bench.serve(SUTRO, "sdk")
    assert (await document.send("GET", f"/job-cancel/{SUTRO.unknown}")).status == 405
    for path in ("/job-cancel/{}", "/v1/job-cancel/{}"):
        job_id, _ = await sdk.running()
        answer = await sdk.send("GET", path.format(job_id))
        assert (answer.status, answer.body) == (200, with_id(job_id, CANCELLED))
        assert await sdk.final(job_id) == "canceled"


SDK_WORDS = [
    ("pending_canceled", "QUEUED"),
    ("canceling", "RUNNING"),
    ("already_canceling", "CANCELLING"),
    ("already_completed", "SUCCEEDED"),
    ("already_completed, in part", "SUCCEEDED"),
    ("already_failed", "FAILED"),
    ("already_canceled", "CANCELLED"),
]


NEWER_AND_OLDER = pytest.mark.parametrize("root", ["/v1", ""], ids=["newer", "older"])


@NEWER_AND_OLDER
@pytest.mark.parametrize(("situation", "word"), SDK_WORDS)
async def test_variant_sdk_gives_a_jobs_status_by_its_id(bench: Bench, situation: str, word: str, root: str) -> None:
    sutro = await bench.serve(SUTRO, "sdk")
    asked = await arrange(sutro, situation)

    answer = await sutro.send("GET", f"{root}/job-status/{asked.job_id}")

    assert (answer.status, answer.body) == (200, {"job_status": {asked.job_id: word}})


@NEWER_AND_OLDER
@pytest.mark.parametrize(("situation", "word"), SDK_WORDS)
async def test_variant_sdk_shows_a_job_under_job(bench: Bench, situation: str, word: str, root: str) -> None:
    sutro = await bench.serve(SUTRO, "sdk")
    asked = await arrange(sutro, situation)

    answer = await sutro.send("GET", f"{root}/jobs/{asked.job_id}")

    assert (answer.status, set(answer.body)) == (200, {"job"})
    assert answer.body["job"]["status"] == word
    assert asked.job_id in answer.body["job"].values()


@NEWER_AND_OLDER
async def test_variant_sdk_lists_only_the_callers_jobs(bench: Bench, root: str) -> None:
    sutro = await bench.fresh(SUTRO, "sdk")
    mine = {await sutro.settled("succeeded"), await sutro.settled("canceled")}
    await sutro.settled("succeeded", owner="bob")

    answer = await sutro.send("GET", f"{root}/list-jobs")

    assert answer.status == 200
    assert len(answer.body["jobs"]) == 2
    assert {value for job in answer.body["jobs"] for value in job.values() if value in mine} == mine


SDK_READS = ["/v1/job-status/{}", "/v1/jobs/{}", "/job-status/{}", "/jobs/{}"]


@pytest.mark.parametrize("situation", ["not_found", "foreign", "malformed_id"])
@pytest.mark.parametrize("path", SDK_READS)
async def test_variant_sdk_gives_no_status_for_an_unknown_job(bench: Bench, situation: str, path: str) -> None:
    sutro = await bench.serve(SUTRO, "sdk")
    asked = await arrange(sutro, situation)

    answer = await sutro.send("GET", path.format(asked.job_id), asked.headers)

    assert (answer.status, answer.body) == (404, {"message": AnyText("not found")})


@pytest.mark.parametrize("path", SDK_READS)
async def test_variant_sdk_hides_another_accounts_job(bench: Bench, path: str) -> None:
    sutro = await bench.serve(SUTRO, "sdk")
    job_id, _ = await sutro.running(owner="bob")

    foreign = await sutro.send("GET", path.format(job_id))
    unknown = await sutro.send("GET", path.format(SUTRO.unknown))

    assert foreign.status == unknown.status
    assert foreign.content.replace(job_id.encode(), b"{id}") == unknown.content.replace(SUTRO.unknown.encode(), b"{id}")
    assert b"RUNNING" not in foreign.content
