"""Hostile requests and unsupported methods: none gives a 500 or changes a job."""

from __future__ import annotations

import re
from typing import Any

import anyio
import attrs
import httpx
import pytest

from jobcancel.asgi import TokenTable, app

from .bench import ANN, CALLERS, HEADERS, serving, vendor
from .fakes import FakeService, service
from .raw import exchange

ULID = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
UNTAKEN = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW"]


@pytest.mark.parametrize("method", UNTAKEN)
async def test_an_unsupported_method_is_405_with_allow_without_authentication(method: str) -> None:
    async with serving("layers") as bench:
        job_id = await bench.running()
        answer = await bench.client.request(method, f"/v1/jobs/{job_id}/cancel", headers={"Authorization": ""})

        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        if method != "HEAD":
            assert answer.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
        assert (await bench.scheduler.get(job_id)).cancel is None


async def test_allow_names_the_supported_methods() -> None:
    async with serving("layers") as bench:
        answer = await bench.client.post(f"/v1/jobs/{ULID}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_head_answers_as_get_does_without_a_body() -> None:
    async with serving("layers") as bench:
        path = f"/v1/jobs/{await bench.running()}"
        got, head = await bench.client.get(path), await bench.client.head(path)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag"):
        assert head.headers[name] == got.headers[name]


async def test_head_cancels_nothing_where_the_vendor_cancels_by_get() -> None:
    async with serving("sutro", "sdk") as bench:
        job_id = await bench.running()
        head = await bench.client.head(f"/v1/job-cancel/{job_id}")
        assert (head.status_code, head.headers["allow"], head.content) == (405, "GET, POST", b"")
        assert (await bench.scheduler.get(job_id)).cancel is None
        assert (await bench.client.get(f"/v1/job-cancel/{job_id}")).json()["cancelled"] is True


async def test_two_operations_of_one_path_differ_by_their_methods() -> None:
    contract = vendor("layers")
    cancel, get = contract.routes
    contract = attrs.evolve(contract, routes=(get, attrs.evolve(cancel, methods=("DELETE",), path=get.path)))
    async with serving(contract) as bench:
        path = f"/v1/jobs/{await bench.running()}"
        assert (await bench.client.put(path)).headers["allow"] == "GET, HEAD, DELETE"
        assert (await bench.client.get(path)).json()["status"] == "running"
        assert (await bench.client.delete(path)).status_code == 202


async def test_a_fixed_path_comes_before_a_path_with_a_parameter() -> None:
    contract = vendor("layers")
    health = attrs.evolve(contract.routes[1], op="health", path="/v1/jobs/health", body={"ok": True})
    async with serving(attrs.evolve(contract, routes=(*contract.routes, health))) as bench:
        assert (await bench.client.get("/v1/jobs/health")).json() == {"ok": True}


HOSTILE = [
    "x" * 257,
    "a" * 1_000_000,
    "..",
    "../..",
    "%2e%2e",
    "%2F",
    "a%2Fb",
    "%00",
    f"{ULID}%00",
    f"{ULID}%0A",
    f"{ULID}%0D%0ASet-Cookie:%20a=b",
    "%FF%FE",
    "%ED%A0%80",
    "%",
    "%zz",
    "{job.id}",
    "$job",
    "💥",
    "%E2%80%AE",
    "'%20OR%201=1--",
    "%3Cscript%3E",
    " ",
    "null",
    ";",
    "?",
    "#",
]


@pytest.mark.parametrize("name", ["layers", "tensorpool", "dafty", "dex", "sutro"])
async def test_no_id_gives_a_500_a_long_answer_or_a_header_of_its_own(name: str) -> None:
    contract = vendor(name)
    cancel = next(route for route in contract.routes if route.op == "cancel")
    get = next(route for route in contract.routes if route.op == "get")
    async with serving(contract) as bench:
        running = await bench.running(project_id="p")
        for job_id in HOSTILE:
            for method, route in (("POST", cancel), ("GET", get)):
                path = route.path.replace("{project_id}", "p").replace("{job_id}", job_id)
                try:
                    answer = await bench.client.request(method, path)
                except httpx.InvalidURL:  # no such client; a raw request follows
                    decoded = await exchange(_served(bench), method, path, HEADERS[name](ANN))
                    assert decoded.status in {200, 400, 404}
                    continue
                assert answer.status_code in {200, 400, 404, 405}
                assert len(answer.content) < 2_000
                assert "set-cookie" not in answer.headers
                assert isinstance(answer.json(), dict)
        assert (await bench.scheduler.get(running)).cancel is None


def _served(bench: Any) -> Any:
    return app(bench.scheduler, bench.contract, authenticate=TokenTable(bench.contract, CALLERS))


@pytest.mark.parametrize("job_id", ["a" * 1_000_000, "\x00", "\ud800", "\udcff\udcfe", "a\nb", "\u2028"])
async def test_no_decoded_path_gives_a_500(job_id: str) -> None:
    for name, path in (("tensorpool", "/job/cancel/"), ("sutro", "/job-cancel/")):
        contract = vendor(name)
        served = app(service(FakeService()), contract, authenticate=TokenTable(contract, CALLERS))
        seen = await exchange(served, "POST", path + job_id, HEADERS[name](ANN))
        assert seen.status in {200, 400}
        assert len(seen.body) < 2_000
        assert isinstance(seen.document, dict)


async def test_an_id_longer_than_256_characters_is_malformed_whatever_the_pattern() -> None:
    contract = vendor("tensorpool")
    contract = attrs.evolve(contract, ids=attrs.evolve(contract.ids, pattern=re.compile(".+")))
    async with serving(contract) as bench:
        assert (await bench.client.post(f"/job/cancel/{'a' * 256}")).status_code == 404
        assert (await bench.client.post(f"/job/cancel/{'a' * 257}")).status_code == 400


@pytest.mark.parametrize("after", ["x", "%0A", "%00", "-0"])
async def test_an_id_with_a_valid_beginning_only_is_malformed(after: str) -> None:
    async with serving("dafty") as bench:
        job_id = await bench.running()
        answer = await bench.client.post(f"/api/v1/jobs/{job_id}{after}/cancel")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")


async def test_the_body_is_never_asked_for() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running()
        headers = {**HEADERS["layers"](ANN), "Content-Length": "1000000000", "Expect": "100-continue"}
        with anyio.fail_after(5):
            seen = await exchange(_served(bench), "POST", f"/v1/jobs/{job_id}/cancel", headers)

    assert (seen.status, seen.received) == (202, 0)


@pytest.mark.parametrize(
    "query", [b"\xff\xfe", b"wait=" + b"a" * 1_000_000, b"&" * 100_000, b"wait=true&wait=x", b"%zz=%"]
)
async def test_no_query_gives_a_500(query: bytes) -> None:
    async with serving("dafty") as bench:
        job_id = await bench.ended()
        for path in (f"/api/v1/jobs/{job_id}", "/api/v1/jobs"):
            seen = await exchange(_served(bench), "GET", path, HEADERS["dafty"](ANN), query=query)
            assert seen.status == 200


async def test_unknown_ids_are_looked_up_and_not_found_each_time() -> None:
    contract, fake = vendor("sutro"), FakeService()
    served = app(service(fake), contract, authenticate=TokenTable(contract, CALLERS))
    for number in range(500):
        seen = await exchange(served, "POST", f"/job-cancel/j{number}", HEADERS["sutro"](ANN))
        assert seen.document == {"cancelled": False, "message": f"Job j{number} not found"}
    assert len(fake.asked) == 500
