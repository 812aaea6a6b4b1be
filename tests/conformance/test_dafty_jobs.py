"""Dafty's job document, field by field, and the ways to read it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from starlette.requests import Request

from jobcancel.asgi import idempotency_key
from jobcancel.contracts import load
from tests.conformance.acts import Act
from tests.conformance.bench import Bench
from tests.conformance.matchers import AnyText, Matching, Timestamp
from tests.conformance.vendors import DAFTY

UUID = Matching("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TYPES = {
    "image_generate": "image.generate",
    "image_edit": "image.edit",
    "image_resize": "image.resize",
    "image_upscale": "image.upscale",
    "video_generate": "video.generate",
    "style_extract": "style.extract",
}


@pytest.mark.parametrize(("kind", "word"), TYPES.items())
async def test_a_job_has_the_vendors_type_and_no_field_beside_the_documents(bench: Bench, kind: str, word: str) -> None:
    dafty = await bench.fresh(DAFTY)
    _, blocker = await dafty.running()
    act = Act()
    job_id = await dafty.submit(act, kind=kind)
    job = {"id": job_id, "type": word, "createdAt": Timestamp()}

    pending = await dafty.get(job_id)
    await dafty.clock.advance(5)
    blocker.release.set()
    await act.arrived()
    running = await dafty.get(job_id)
    assert await dafty.final(job_id) == "succeeded"
    done = await dafty.get(job_id)

    assert job_id == UUID
    assert (pending.status, pending.body) == (200, {"data": {**job, "status": "pending"}})
    assert running.body == {"data": {**job, "status": "processing"}}
    assert done.body == {"data": {**job, "status": "completed"}}


@pytest.mark.parametrize(("kind", "word"), TYPES.items())
@pytest.mark.parametrize("state", ["failed", "canceled"])
async def test_a_failed_and_a_canceled_job_carry_the_error_of_their_type(
    bench: Bench, kind: str, word: str, state: str
) -> None:
    dafty = await bench.fresh(DAFTY)
    job_id = await dafty.settled(state, kind=kind)
    code = "EXTRACTION_FAILED" if word == "style.extract" else "GENERATION_FAILED"

    answer = await dafty.get(job_id)

    assert answer.body == {
        "data": {
            "id": job_id,
            "type": word,
            "status": "failed",
            "createdAt": Timestamp(),
            "error": {"code": code, "message": AnyText()},
        }
    }


async def test_a_canceling_job_reads_as_processing(bench: Bench) -> None:
    dafty = await bench.serve(DAFTY)
    job_id, _ = await dafty.canceling()
    assert (await dafty.get(job_id)).body["data"]["status"] == "processing"


async def test_a_poll_that_waits_is_answered_when_the_job_ends(bench: Bench) -> None:
    dafty = await bench.fresh(DAFTY)
    job_id, act = await dafty.running()

    async with dafty.asking("GET", f"/api/v1/jobs/{job_id}?wait=true") as asked:
        await dafty.scheduler.waited_for()
        assert asked.answer is None
        act.release.set()

    assert (asked.got.status, asked.got.body["data"]["status"]) == (200, "completed")


async def test_a_poll_that_waits_is_answered_after_about_55_seconds_with_the_state_as_it_is(bench: Bench) -> None:
    dafty = await bench.fresh(DAFTY)
    job_id, _ = await dafty.running()

    async with dafty.asking("GET", f"/api/v1/jobs/{job_id}?wait=true") as asked:
        await dafty.scheduler.waited_for()
        await dafty.clock.advance(50)
        await dafty.get(job_id)  # a whole request later
        assert asked.answer is None
        await dafty.clock.advance(10)

    assert (asked.got.status, asked.got.body["data"]["status"]) == (200, "processing")


@pytest.mark.parametrize("query", ["", "?wait=false", "?other=true"])
async def test_a_poll_that_does_not_ask_to_wait_does_not(bench: Bench, query: str) -> None:
    dafty = await bench.serve(DAFTY)
    job_id, _ = await dafty.running()
    dafty.scheduler.calls.clear()
    assert (await dafty.get(job_id + query)).body["data"]["status"] == "processing"
    assert ("wait", "alice") not in dafty.scheduler.calls


async def test_a_settled_job_is_not_waited_for(bench: Bench) -> None:
    dafty = await bench.serve(DAFTY)
    job_id = await dafty.settled("succeeded")
    assert (await dafty.get(job_id + "?wait=true")).body["data"]["status"] == "completed"


async def test_a_client_that_disconnects_while_waiting_does_not_affect_the_job(bench: Bench) -> None:
    dafty = await bench.fresh(DAFTY)
    job_id, _ = await dafty.running()

    with anyio.CancelScope() as hung_up:
        async with dafty.asking("GET", f"/api/v1/jobs/{job_id}?wait=true"):
            await dafty.scheduler.waited_for()
            hung_up.cancel()

    assert (await dafty.get(job_id)).body["data"]["status"] == "processing"
    assert await dafty.final(job_id) == "succeeded"


async def test_the_list_shows_only_the_callers_jobs(bench: Bench) -> None:
    dafty = await bench.fresh(DAFTY)
    mine = [await dafty.settled("succeeded"), await dafty.settled("canceled")]
    await dafty.settled("succeeded", owner="bob")

    answer = await dafty.send("GET", "/api/v1/jobs")

    assert answer.status == 200
    assert {job["id"]: job["status"] for job in answer.body["data"]} == {mine[0]: "completed", mine[1]: "failed"}
    assert all(set(job) <= {"id", "type", "status", "createdAt", "result", "error"} for job in answer.body["data"])


def keyed(value: str) -> Any:
    return Request({"type": "http", "method": "POST", "headers": [(b"idempotency-key", value.encode())]})


def test_an_idempotency_key_has_up_to_255_characters() -> None:
    contract = load("dafty")
    assert idempotency_key(keyed("k" * 255), contract) == "k" * 255
    with pytest.raises(ValueError, match="255"):
        idempotency_key(keyed("k" * 256), contract)
    assert idempotency_key(Request({"type": "http", "method": "POST", "headers": []}), contract) is None


async def test_a_key_gives_the_same_job_back_for_about_24_hours(bench: Bench) -> None:
    dafty = await bench.fresh(DAFTY)
    act = Act()
    first = await dafty.submit(act, key="k-1")
    assert await dafty.final(first) == "succeeded"

    await dafty.clock.advance(23 * 3600)
    assert await dafty.submit(act, key="k-1") == first
    await dafty.clock.advance(2 * 3600)
    assert await dafty.submit(act, key="k-1") != first
