"""Reading jobs over HTTP: one, a list, a long poll, an unchanged one."""

from __future__ import annotations

from typing import Any

import anyio
import attrs
import pytest

from .bench import BOB, over, serving, vendor
from .fakes import UUID, FakeService, a_job, service


async def test_a_job_reads_as_the_vendors_document() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running("pushing")
        answer = await bench.client.get(f"/v1/jobs/{job_id}")

    assert answer.status_code == 200
    assert answer.json() == {
        "jobId": job_id,
        "kind": "work",
        "status": "running",
        "stage": "pushing",
        "progress": 0.0,
        "startedAt": "2027-01-15T08:00:00.000Z",
        "finishedAt": None,
        "result": None,
        "error": None,
    }


async def test_a_failure_shows_neither_type_nor_traceback() -> None:
    async with serving("layers") as bench:
        answer = await bench.client.get(f"/v1/jobs/{await bench.ended('break')}")

    assert answer.json()["status"] == "failed"
    assert set(answer.json()["error"]) == {"code", "message"}
    assert "Traceback" not in answer.text
    assert "RuntimeError" not in answer.text


async def test_an_unchanged_job_is_304_without_a_body_and_a_changed_job_is_200() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running()
        path = f"/v1/jobs/{job_id}"
        first = await bench.client.get(path)
        tag = first.headers["etag"]
        for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            same = await bench.client.get(path, headers={"If-None-Match": held})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
            assert "content-length" not in same.headers
            assert "content-type" not in same.headers
        assert (await bench.client.get(path, headers={"If-None-Match": '"other"'})).status_code == 200

        bench.release.set()
        await bench.scheduler.wait(job_id)
        changed = await bench.client.get(path, headers={"If-None-Match": tag})
        assert (changed.status_code, changed.json()["status"]) == (200, "completed")
        assert changed.headers["etag"] != tag


async def test_only_a_success_has_a_tag() -> None:
    async with serving("layers") as bench:
        missing = await bench.client.get("/v1/jobs/job_01ARZ3NDEKTSV4RRFFQ69G5FAV", headers={"If-None-Match": "*"})

    assert missing.status_code == 404
    assert "etag" not in missing.headers


async def test_a_long_poll_is_answered_when_the_job_ends() -> None:
    async with serving("dafty") as bench:
        job_id = await bench.running()
        statuses: list[str] = []

        async def poll() -> None:
            answer = await bench.client.get(f"/api/v1/jobs/{job_id}?wait=true")
            statuses.append(answer.json()["data"]["status"])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(poll)
            await anyio.wait_all_tasks_blocked()
            assert statuses == []
            bench.release.set()

    assert statuses == ["completed"]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("?wait=true", ["get", "wait 55.0"]),
        ("?wait=True", ["get", "wait 55.0"]),
        ("?wait=1", ["get", "wait 55.0"]),
        ("?wait=false", ["get"]),
        ("?wait=", ["get"]),
        ("?wait=%FF", ["get"]),
        ("", ["get"]),
    ],
)
async def test_only_a_read_with_the_wait_parameter_waits_within_the_vendors_limit(query: str, asked: list[str]) -> None:
    contract, fake = vendor("dafty"), FakeService(a_job(UUID))
    async with over(service(fake), contract) as client:
        assert (await client.get(f"/api/v1/jobs/{UUID}{query}")).json()["data"]["status"] == "processing"

    assert fake.asked == asked


async def test_the_wait_parameter_is_ignored_if_the_vendor_has_none() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running()
        assert (await bench.client.get(f"/v1/jobs/{job_id}?wait=true")).json()["status"] == "running"


async def test_a_list_has_the_callers_own_jobs_newest_first_and_pages() -> None:
    async with serving("dafty") as bench:
        ids = [await bench.ended() for _ in range(3)]
        foreign = await bench.ended(owner="bob")
        first = (await bench.client.get("/api/v1/jobs?limit=2")).json()
        rest = (await bench.client.get(f"/api/v1/jobs?limit=2&cursor={first['cursor']}")).json()
        bobs = (await bench.client.get("/api/v1/jobs", headers=bench.as_(BOB))).json()

    assert [job["id"] for job in first["data"]] == [ids[2], ids[1]]
    assert ([job["id"] for job in rest["data"]], rest["cursor"]) == ([ids[0]], None)
    assert [job["id"] for job in bobs["data"]] == [foreign]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "limit=1e1", "limit=٣"])
async def test_an_invalid_limit_is_refused_in_the_vendors_words(query: str) -> None:
    async with serving("dafty") as bench:
        answer = await bench.client.get(f"/api/v1/jobs?{query}")

    assert answer.status_code == 400
    assert answer.json() == {
        "error": {
            "message": "limit: a number from 1 to 100",
            "code": "VALIDATION_ERROR",
            "details": {"field": "limit", "reason": "limit: a number from 1 to 100"},
        }
    }


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 5000, "%00", "%FF"])
async def test_an_unknown_cursor_is_refused_in_the_vendors_words(cursor: str) -> None:
    async with serving("dafty") as bench:
        answer = await bench.client.get(f"/api/v1/jobs?cursor={cursor}")

    reason = "cursor: pass the cursor of an earlier page"
    assert (answer.status_code, answer.json()["error"]["details"]) == (400, {"field": "cursor", "reason": reason})


async def test_an_error_of_the_services_find_is_not_the_clients() -> None:
    contract = vendor("dafty")
    async with over(service(FakeService(error=ValueError("x"))), contract) as client:
        assert (await client.get("/api/v1/jobs")).status_code == 500


async def test_health_needs_no_authentication_if_the_vendor_says_so() -> None:
    async with serving("tensorpool") as bench:
        nobody = {"Authorization": ""}
        assert (await bench.client.get("/healthz", headers=nobody)).json() == {"status": "ok"}
        assert (await bench.client.post("/health", headers=nobody)).status_code == 403
        assert (await bench.client.post("/health")).status_code == 200


async def test_the_children_of_a_batch_are_shown_and_have_its_labels() -> None:
    async with serving("dex") as bench:
        job_id = await bench.job("whole", project_id="p")
        async with bench.scheduler.watch(job_id) as snapshots:
            async for snapshot in snapshots:
                if snapshot.progress is not None and snapshot.progress.batch is not None:
                    break
        shown: dict[str, Any] = (await bench.client.get(f"/v1/projects/p/jobs/{job_id}")).json()
        children = [child["job_id"] for child in shown["progress"]["child_jobs"]]
        assert len(children) == 2
        child = await bench.client.get(f"/v1/projects/p/jobs/{children[0]}")
        assert (child.status_code, child.json()["project_id"]) == (200, "p")
        assert (await bench.client.get(f"/v1/projects/q/jobs/{children[0]}")).status_code == 404


async def test_a_retired_child_is_left_out() -> None:
    from jobcancel import BatchProgress, Progress

    contract = vendor("dex")
    batch = Progress(1, 2, None, BatchProgress(2, 1, 0, 0, 1, ("gone", "kept")))
    fake = FakeService(
        attrs.evolve(a_job("whole"), labels={"project_id": "p"}, progress=batch),
        attrs.evolve(a_job("kept"), labels={"project_id": "p"}),
    )
    async with over(service(fake), contract) as client:
        progress = (await client.get("/v1/projects/p/jobs/whole")).json()["progress"]

    assert [child["job_id"] for child in progress["child_jobs"]] == ["kept"]
    assert progress["total"] == 2
