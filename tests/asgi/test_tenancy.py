"""What a caller learns of the jobs of others: nothing, or that they are others', as the vendor has it."""

from __future__ import annotations

from typing import Literal

import attrs
import pytest

from .bench import BOB, over, serving, vendor
from .fakes import UUID, FakeService, a_job, service

ULID = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
OTHER = "job_01ARZ3NDEKTSV4RRFFQ69G5FAW"


@pytest.mark.parametrize(
    ("name", "method", "path", "mine", "unknown"),
    [
        ("layers", "POST", "/v1/jobs/{}/cancel", ULID, OTHER),
        ("layers", "GET", "/v1/jobs/{}", ULID, OTHER),
        ("dafty", "POST", "/api/v1/jobs/{}/cancel", UUID, UUID.replace("0001", "0002")),
        ("dafty", "GET", "/api/v1/jobs/{}", UUID, UUID.replace("0001", "0002")),
        ("dafty", "GET", "/api/v1/jobs/{}?wait=true", UUID, UUID.replace("0001", "0002")),
        ("dex", "POST", "/v1/projects/p/jobs/{}/cancel", "job-1", "job-2"),
        ("dex", "GET", "/v1/projects/p/jobs/{}", "job-1", "job-2"),
        ("sutro", "POST", "/job-cancel/{}", "job-1", "job-2"),
        ("sutro", "GET", "/jobs/{}", "job-1", "job-2"),
    ],
)
async def test_a_foreign_job_is_answered_like_an_unknown_one_with_as_many_look_ups(
    name: str, method: str, path: str, mine: str, unknown: str
) -> None:
    contract = vendor(name)
    fake = FakeService(attrs.evolve(a_job(mine), labels={"project_id": "p"}))
    async with over(service(fake), contract, BOB) as client:
        answers: list[tuple[int, str, list[str]]] = []
        for job_id in (mine, unknown):
            answer = await client.request(method, path.format(job_id))
            text = answer.text.replace(job_id, "ID").replace(answer.headers["x-request-id"], "REQUEST")
            answers.append((answer.status_code, text, fake.asked.copy()))
            fake.asked.clear()

    assert answers[0] == answers[1]
    assert len(answers[0][2]) == 1


async def test_a_forbidding_contract_tells_a_foreign_job_from_an_unknown_one() -> None:
    async with serving("tensorpool") as bench:
        job_id = await bench.running(owner="bob")
        for method, path in (("POST", "/job/cancel/{}"), ("GET", "/job/info/{}")):
            foreign = await bench.client.request(method, path.format(job_id))
            unknown = await bench.client.request(method, path.format(ULID))
            assert (foreign.status_code, set(foreign.json())) == (403, {"message"})
            assert (unknown.status_code, set(unknown.json())) == (404, {"message"})
        assert (await bench.scheduler.get(job_id)).cancel is None


@pytest.mark.parametrize("foreign", ["not_found", "forbidden"])
async def test_a_job_with_other_labels_than_the_path_is_not_found_and_not_canceled(
    foreign: Literal["not_found", "forbidden"],
) -> None:
    contract = vendor("dex")
    contract = attrs.evolve(contract, tenancy=attrs.evolve(contract.tenancy, foreign=foreign))
    async with serving(contract) as bench:
        job_id = await bench.running(project_id="p")
        bare = await bench.running()
        for path in (
            f"/v1/projects/q/jobs/{job_id}",
            f"/v1/projects/p%00/jobs/{job_id}",
            f"/v1/projects/p/jobs/{bare}",
        ):
            assert (await bench.client.get(path)).status_code == 404
            assert (await bench.client.post(f"{path}/cancel")).status_code == 404
        assert (await bench.scheduler.get(job_id)).cancel is None
        assert (await bench.scheduler.get(bare)).cancel is None
        assert (await bench.client.post(f"/v1/projects/p/jobs/{job_id}/cancel")).status_code == 202


async def test_a_list_has_only_jobs_with_the_labels_of_the_path() -> None:
    contract = vendor("dex")
    listing = attrs.evolve(contract.routes[1], op="list", path="/v1/projects/{project_id}/jobs", body={"jobs": "$jobs"})
    contract = attrs.evolve(contract, routes=(*contract.routes, listing))
    async with serving(contract) as bench:
        here = await bench.ended(project_id="p")
        await bench.ended(project_id="q")
        jobs = (await bench.client.get("/v1/projects/p/jobs")).json()["jobs"]

    assert [job["id"] for job in jobs] == [here]


async def test_a_caller_cannot_cancel_another_owners_job() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running(owner="bob")
        assert (await bench.client.post(f"/v1/jobs/{job_id}/cancel")).status_code == 404
        assert (await bench.scheduler.get(job_id)).cancel is None
        assert (await bench.client.post(f"/v1/jobs/{job_id}/cancel", headers=bench.as_(BOB))).status_code == 202
