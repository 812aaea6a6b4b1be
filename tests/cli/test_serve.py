"""The application of `jobcancel serve`: its printed commands, its jobs, their credits and the vendors' answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import jobcancel.contracts
from jobcancel.contracts import names

from .served_in_process import ADDRESS, LONG_S, ServedInProcess, served_in_process


@pytest.fixture
async def layers(anyio_backend: Any) -> AsyncIterator[ServedInProcess]:
    async with served_in_process("layers") as served:
        yield served


async def status(served: ServedInProcess, job_id: str) -> str:
    text: str = (await served.client.get(f"/v1/jobs/{job_id}")).json()["status"]
    return text


@pytest.mark.parametrize("name", names())
async def test_the_printed_commands_submit_poll_and_cancel_a_job(name: str) -> None:
    async with served_in_process(name) as served:
        submitted = await served.run(served.command("submit"))
        assert submitted.status_code == 202, submitted.text
        job_id = submitted.json()["id"]
        polled = await served.run(served.command("poll", job_id))
        assert polled.status_code == 200, polled.text
        assert job_id in polled.text
        canceled = await served.cancel(job_id)
        assert canceled.status_code in {200, 202}, canceled.text
        assert (await served.client.get("/openapi.json")).json()["openapi"].startswith("3.1")


async def test_the_printed_command_submits_a_job_whose_cancel_is_refused(layers: ServedInProcess) -> None:
    job_id = (await layers.run(layers.command("submit a job whose cancel is refused"))).json()["id"]
    await layers.reached(job_id, "finalizing")
    assert (await layers.cancel(job_id)).status_code == 409


async def test_the_printed_command_submits_a_job_whose_cancel_is_deferred() -> None:
    async with served_in_process("tensorpool") as served:
        job_id = (await served.run(served.command("submit a job whose cancel is deferred"))).json()["id"]
        await served.reached(job_id, "saving_outputs")
        assert (await served.cancel(job_id)).status_code == 202
        polled = await served.run(served.command("poll", job_id))
        assert polled.json()["job_info"]["status"] == "canceling"


async def test_a_base_url_may_end_with_a_slash(layers: ServedInProcess) -> None:
    job_id = await layers.submit("content_generate")
    for path in (f"//v1/jobs/{job_id}", "//demo/credits"):
        url = httpx.URL(ADDRESS).copy_with(raw_path=path.encode())
        assert (await layers.client.get(url)).status_code == 200


async def test_a_cancel_is_answered_with_the_vendor_s_document_and_reverses_the_credits(
    layers: ServedInProcess,
) -> None:
    job_id = await layers.submit_in_stage("content_generate", "generating")
    assert await layers.credits() == {"reserved": 10, "reversed": 0}
    assert (await layers.cancel(job_id)).json() == {"jobId": job_id, "accepted": True}
    await layers.settled(job_id)
    assert await status(layers, job_id) == "canceled"
    assert await layers.credits() == {"reserved": 10, "reversed": 10}


async def test_a_refusal_is_answered_with_the_vendor_s_document(layers: ServedInProcess) -> None:
    job_id = await layers.submit_in_stage("project_ingest_github", "opening_pr")
    refused = await layers.cancel(job_id)
    assert refused.status_code == 409
    details = refused.json()["error"]["details"]
    assert details == {"subcode": "JOB_CANCEL_UNAVAILABLE", "jobId": job_id, "stage": "opening_pr"}
    assert await status(layers, job_id) == "running"


async def test_jobs_that_complete_or_fail_use_their_credits(layers: ServedInProcess) -> None:
    done = await layers.submit("content_generate")
    failed = await layers.submit("content_generate", fails_in="planning")
    await layers.settled(done, failed)
    assert [await status(layers, job_id) for job_id in (done, failed)] == ["completed", "failed"]
    shown = (await layers.client.get(f"/v1/jobs/{done}")).json()
    assert shown["result"] == {"contentId": f"content_of_{done}"}
    assert (await layers.cancel(done)).json() == {"jobId": done, "accepted": False, "reason": "ALREADY_COMPLETED"}
    assert (await layers.cancel(failed)).json() == {"jobId": failed, "accepted": False, "reason": "ALREADY_FAILED"}
    assert await layers.credits() == {"reserved": 20, "reversed": 0}


async def test_a_repeated_key_returns_the_same_job_and_reserves_once(layers: ServedInProcess) -> None:
    body = {"kind": "content_generate", "stages": {"generating": LONG_S}}
    headers = {"Idempotency-Key": "once"}
    first = await layers.client.post("/demo/jobs", json=body, headers=headers)
    repeated = await layers.client.post("/demo/jobs", json=body, headers=headers)
    assert (first.status_code, repeated.status_code) == (202, 200)
    assert repeated.json()["id"] == first.json()["id"]
    assert (first.json()["created"], repeated.json()["created"]) == (True, False)
    assert (await layers.credits())["reserved"] == 10
    conflict = await layers.client.post("/demo/jobs", json={**body, "stages": {}}, headers=headers)
    assert conflict.status_code == 409
    assert conflict.json()["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    assert (await layers.credits())["reserved"] == 10


async def test_another_owner_s_job_is_not_found(layers: ServedInProcess) -> None:
    foreign = await layers.submit("content_generate", {"generating": LONG_S}, owner="another")
    answer = await layers.cancel(foreign)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"


async def test_a_batch_is_counted_in_its_parent_s_progress() -> None:
    async with served_in_process("dex") as served:
        job_id = await served.submit("batch_parse", fails_in="parsing")
        await served.settled(job_id)
        shown = (await served.client.get(f"/v1/projects/demo/jobs/{job_id}")).json()
        assert shown["status"] == "partially_succeeded"
        progress = shown["progress"]
        assert (progress["total"], progress["succeeded"], progress["failed"]) == (3, 2, 1)


async def test_labels_place_a_job_under_the_contract_s_path() -> None:
    async with served_in_process("dex") as served:
        job_id = await served.submit("parse", labels={"project_id": "other"})
        assert (await served.client.get(f"/v1/projects/demo/jobs/{job_id}")).status_code == 404
        assert (await served.client.get(f"/v1/projects/other/jobs/{job_id}")).status_code == 200


async def test_a_result_has_the_vendor_s_form() -> None:
    async with served_in_process("dafty") as served:
        job_id = await served.submit("video.generate")
        await served.settled(job_id)
        shown = (await served.client.get(f"/api/v1/jobs/{job_id}")).json()["data"]
        assert shown["status"] == "completed"
        assert shown["result"]["video"]["id"] == job_id


async def test_a_user_s_own_contract_has_a_kind_to_try(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes((Path(jobcancel.contracts.__file__).parent / "tensorpool.toml").read_bytes())
    async with served_in_process(str(path)) as served:
        job_id = await served.submit("work", {"working": LONG_S})
        assert (await served.cancel(job_id)).status_code == 202
        assert "kind work: preparing, working, committing (defers), finishing" in served.lines


async def test_a_pending_job_is_canceled() -> None:
    async with served_in_process("tensorpool", max_running=1) as served:
        running = await served.submit_in_stage("training", "training")
        pending = await served.submit("training", {"training": LONG_S})

        async def state(job_id: str) -> str:
            text: str = (await served.client.get(f"/job/info/{job_id}")).json()["job_info"]["status"]
            return text

        assert [await state(job_id) for job_id in (running, pending)] == ["running", "pending"]
        assert (await served.cancel(pending)).status_code == 202
        await served.settled(pending)
        assert [await state(job_id) for job_id in (running, pending)] == ["running", "canceled"]
