"""Layers: what a client reads while it polls a job, and polls with an entity tag."""

from __future__ import annotations

import pytest

from tests.conformance.acts import Act, Advancing, Finishing
from tests.conformance.bench import Bench
from tests.conformance.matchers import Timestamp, without_nulls
from tests.conformance.vendors import LAYERS

FIELDS = {"jobId", "kind", "status", "stage", "progress", "startedAt", "finishedAt", "result", "error"}


async def test_a_job_reads_as_the_document_says_from_its_submission_to_its_end(bench: Bench) -> None:
    layers = await bench.fresh(LAYERS)
    _, blocker = await layers.running()
    act = Advancing(stage="drafting", result={"posts": 3})
    job_id = await layers.submit(act)

    pending = (await layers.get(job_id)).body
    await layers.clock.advance(10)
    blocker.release.set()
    await act.arrived()
    running = (await layers.get(job_id)).body
    await layers.clock.advance(20)
    assert await layers.final(job_id) == "succeeded"
    done = (await layers.get(job_id)).body

    assert {*pending} <= FIELDS
    assert (pending["jobId"], pending["status"], pending.get("startedAt")) == (job_id, "running", None)
    assert {*running} <= FIELDS
    assert without_nulls(running) == {
        "jobId": job_id,
        "kind": "content_generate",
        "status": "running",
        "stage": "drafting",
        "progress": 0.25,
        "startedAt": Timestamp(10),
    }
    assert {*done} <= FIELDS
    assert without_nulls({**done, "progress": None}) == {
        "jobId": job_id,
        "kind": "content_generate",
        "status": "completed",
        "startedAt": Timestamp(10),
        "finishedAt": Timestamp(30),
        "result": {"posts": 3},
    }
    assert all(0 <= (document.get("progress") or 0) <= 1 for document in (pending, running, done))


async def test_an_accepted_cancel_is_polled_until_the_job_is_canceled(bench: Bench) -> None:
    layers = await bench.fresh(LAYERS)
    job_id, act = await layers.running(Act(shield=True))

    assert (await layers.cancel(job_id)).body == {"jobId": job_id, "accepted": True}
    canceling = (await layers.get(job_id)).body
    act.release.set()
    await layers.scheduler.wait(job_id)
    canceled = (await layers.get(job_id)).body
    again = await layers.cancel(job_id)

    assert (canceling["status"], canceling.get("finishedAt")) == ("running", None)
    assert (canceled["status"], canceled["finishedAt"], canceled.get("result")) == ("canceled", Timestamp(), None)
    assert (again.status, again.body) == (200, {"jobId": job_id, "accepted": False, "reason": "ALREADY_CANCELED"})


async def test_a_job_may_complete_after_an_accepted_cancel(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    act = Finishing(result="posted")
    job_id, _ = await layers.running(act)

    accepted = await layers.cancel(job_id)
    assert await layers.final(job_id) == "succeeded"

    assert accepted.body == {"jobId": job_id, "accepted": True}
    assert (await layers.get(job_id)).body["status"] == "completed"
    assert (await layers.cancel(job_id)).body == {"jobId": job_id, "accepted": False, "reason": "ALREADY_COMPLETED"}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("succeeded", "completed"),
        ("partially_succeeded", "completed"),
        ("failed", "failed"),
        ("canceled", "canceled"),
    ],
)
async def test_a_settled_job_has_the_vendors_status_word(bench: Bench, state: str, status: str) -> None:
    layers = await bench.serve(LAYERS)
    job_id = await layers.settled(state)
    assert (await layers.get(job_id)).body["status"] == status


async def test_a_failed_job_says_why_and_shows_nothing_of_the_code(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    answer = await layers.get(await layers.settled("failed"))
    assert answer.body["error"]["message"] == "no space left"
    assert b"Traceback" not in answer.content


async def test_a_poll_of_a_job_that_has_not_changed_costs_no_body(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    job_id, act = await layers.running()

    first = await layers.get(job_id)
    tag = first.header("etag") or ""
    again = await layers.get(job_id, {**LAYERS.key, "if-none-match": tag})
    act.release.set()
    await layers.scheduler.wait(job_id)
    changed = await layers.get(job_id, {**LAYERS.key, "if-none-match": tag})

    assert tag.startswith('"')
    assert tag.endswith('"')
    assert (again.status, again.content, again.header("etag")) == (304, b"", tag)
    assert (changed.status, changed.body["status"]) == (200, "completed")
    assert changed.header("etag") not in {tag, None}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ('"other", {}', 304),
        ('W/"other",W/{}', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
        ("other", 200),
    ],
)
async def test_if_none_match_takes_lists_weak_tags_and_a_star(bench: Bench, asked: str, status: int) -> None:
    layers = await bench.serve(LAYERS)
    job_id, _ = await layers.running()
    tag = (await layers.get(job_id)).header("etag") or ""

    answer = await layers.get(job_id, {**LAYERS.key, "if-none-match": asked.format(tag)})

    assert answer.status == status
    assert bool(answer.content) == (status == 200)


async def test_another_organizations_job_reads_as_unknown_whatever_the_tag(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    job_id, _ = await layers.running()
    for headers in (LAYERS.foreign, {**LAYERS.foreign, "if-none-match": "*"}):
        answer = await layers.get(job_id, headers)
        assert (answer.status, answer.body["error"]["code"], answer.header("etag")) == (404, "NOT_FOUND", None)
