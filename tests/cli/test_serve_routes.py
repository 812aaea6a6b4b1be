"""The routes that submit jobs and show credits: invalid requests are refused with the vendor's documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from jobcancel import Scheduler
from jobcancel._cli.serve.demonstration import Demonstration, demonstration
from jobcancel._cli.serve.routes import NOT_STORED, DemoRoutes, read_body
from jobcancel.asgi import Caller, TokenTable, id_factory
from jobcancel.contracts import load
from jobcancel.errors import StoreError

INVALID: list[tuple[str, list[str]]] = [
    ("{", ["body"]),
    ("[]", ["body"]),
    ('{"stage": 1}', ["body", "stage"]),
    ("{}", ["body", "kind"]),
    ('{"kind": "%s", "stages": []}', ["body", "stages"]),
    ('{"kind": "%s", "stages": {"x": 1}}', ["body", "stages", "x"]),
    ('{"kind": "%s", "stages": {"x": -1}}', ["body", "stages", "x"]),
    ('{"kind": "%s", "fails_in": "x"}', ["body", "fails_in"]),
    ('{"kind": "%s", "owner": 1}', ["body", "owner"]),
    ('{"kind": "%s", "labels": {"team": 1}}', ["body", "labels", "team"]),
]


async def post(vendor: str, kind: str, body: str, headers: dict[str, str]) -> httpx.Response:
    contract = load(vendor)
    served = demonstration(contract, vendor)
    callers = TokenTable(contract, {"ours": Caller("ann")})
    async with Scheduler(served.registry, new_id=id_factory(contract)) as scheduler:
        transport = httpx.ASGITransport(Starlette(routes=DemoRoutes(scheduler, served, callers).routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://demo", headers=headers) as client:
            return await client.post("/demo/jobs", content=body.replace("%s", kind))


@pytest.mark.parametrize(("body", "location"), INVALID)
@pytest.mark.parametrize(
    ("vendor", "kind", "headers"),
    [
        ("tensorpool", "training", {"authorization": "Bearer ours"}),
        ("dex", "parse", {"x-api-key": "ours", "x-selected-account-id": "a"}),
    ],
)
async def test_a_422_names_the_invalid_field(
    vendor: str, kind: str, headers: dict[str, str], body: str, location: list[str]
) -> None:
    answer = await post(vendor, kind, body, headers)

    (problem,) = answer.json()["detail"]
    assert (answer.status_code, problem["loc"], problem["type"]) == (422, location, "value_error")
    assert problem["msg"]


@pytest.mark.parametrize(("body", "location"), INVALID)
async def test_a_validation_error_names_the_invalid_field_and_the_reason(body: str, location: list[str]) -> None:
    answer = await post("dafty", "image.generate", body, {"x-api-key": "ours"})

    error: dict[str, Any] = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert error["details"] == {"field": ".".join(location[1:]) or "body", "reason": error["message"]}


async def test_a_validation_error_names_the_header_of_an_invalid_key() -> None:
    headers = {"x-api-key": "ours", "idempotency-key": "k" * 256}
    answer = await post("dafty", "image.generate", '{"kind": "%s"}', headers)

    error: dict[str, Any] = answer.json()["error"]
    assert (answer.status_code, error["details"]["field"]) == (400, "Idempotency-Key")


@pytest.fixture
def served() -> Demonstration:
    return demonstration(load("dafty"), "dafty")


@pytest.fixture
async def client(anyio_backend: Any, served: Demonstration) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the routes, in this process."""
    callers = TokenTable(served.contract, {"ours": Caller("ann")})
    async with Scheduler(served.registry, new_id=id_factory(served.contract)) as scheduler:
        app = Starlette(routes=DemoRoutes(scheduler, served, callers).routes())
        transport, headers = httpx.ASGITransport(app), {"x-api-key": "ours"}
        async with httpx.AsyncClient(transport=transport, base_url="http://demo", headers=headers) as opened:
            yield opened


STAGES = "queueing, generating, publishing"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "the body must be JSON"),
        ("\xff", "the body must be JSON"),
        ("[]", "the body must be an object"),
        (
            '{"kind": "image.generate", "stage": 1}',
            "the field 'stage' is unknown; allowed: fails_in, kind, labels, owner",
        ),
        ("{}", "kind must be one of image.edit, image.generate"),
        ('{"kind": 1}', "kind must be one of"),
        ('{"kind": "image.generate", "stages": []}', "stages must be an object"),
        ('{"kind": "image.generate", "stages": {"x": 1}}', f"has no stage 'x'; its stages: {STAGES}"),
        ('{"kind": "image.generate", "fails_in": "x"}', f"has no stage 'x'; its stages: {STAGES}"),
        ('{"kind": "image.generate", "stages": {"generating": -1}}', "stages.generating must be a number of seconds"),
        ('{"kind": "image.generate", "stages": {"generating": NaN}}', "stages.generating must be a number of seconds"),
        ('{"kind": "image.generate", "stages": {"generating": "1"}}', "stages.generating must be a number of seconds"),
        ('{"kind": "image.generate", "stages": {"generating": true}}', "stages.generating must be a number of seconds"),
        ('{"kind": "image.generate", "stages": {"generating": 86401}}', "stages.generating must be a number"),
        ('{"kind": "image.generate", "stages": {"generating": 1e400}}', "stages.generating must be a number"),
        (
            f'{{"kind": "image.generate", "stages": {{"generating": {"9" * 400}}}}}',
            "stages.generating must be a number",
        ),
        (f'{{"kind": "image.generate", "stages": {{"generating": {"9" * 5000}}}}}', "the body must be JSON"),
        ("[" * 60000, "the body must be JSON"),
        ('{"kind": "image.generate", "owner": 1}', "owner must be a string"),
        ('{"kind": "image.generate", "labels": {"a": 1}}', "labels.a must be a string"),
    ],
)
async def test_an_invalid_request_is_refused_with_what_is_allowed(
    client: httpx.AsyncClient, body: str, message: str
) -> None:
    answer = await client.post("/demo/jobs", content=body.encode("latin-1"))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
    assert message in answer.json()["error"]["message"]


async def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    chunks = 0

    async def receive() -> dict[str, Any]:
        nonlocal chunks
        chunks += 1
        return {"type": "http.request", "body": b" " * 4096, "more_body": True}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(ValueError, match="the body must have at most 65536 bytes"):
        await read_body(request)
    assert chunks == 17


async def test_a_key_that_is_too_long_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k" * 256}
    answer = await client.post("/demo/jobs", json={"kind": "image.generate"}, headers=headers)
    assert answer.status_code == 400
    assert "255" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/demo/jobs"), ("GET", "/demo/credits")])
async def test_an_unknown_token_is_refused_with_the_vendor_s_document(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path, headers={"x-api-key": "theirs"}, json={"kind": "image.generate"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


async def test_another_method_is_refused_with_the_allowed_one(client: httpx.AsyncClient) -> None:
    for method, path, allowed in (("GET", "/demo/jobs", "POST"), ("DELETE", "/demo/credits", "GET")):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_a_kind_has_its_own_name_and_the_vendor_s(client: httpx.AsyncClient) -> None:
    for kind in ("image_generate", "image.generate"):
        assert (await client.post("/demo/jobs", json={"kind": kind})).status_code == 202
    assert (await client.get("/demo/credits")).json() == {"reserved": 20, "reversed": 0}


def test_every_contract_has_kinds_with_stages_and_a_valid_token() -> None:
    expected = {
        "layers": 10,
        "tensorpool": 1,
        "dafty": 6,
        "dex": 9,
        "sutro": 1,
    }
    for name, count in expected.items():
        contract = load(name)
        served = demonstration(contract, name)
        assert len(served.acts) == count
        assert all(act.stages for act in served.acts.values())
        pattern = contract.auth.token_pattern
        assert pattern is None or pattern.fullmatch(served.token)


async def test_a_request_that_cannot_be_stored_is_refused_as_unavailable() -> None:
    async def submit(*_: Any, **options: Any) -> None:
        raise StoreError("jobs.db", "the disk is full")

    contract = load("dafty")
    served = demonstration(contract, "dafty")
    service: Any = SimpleNamespace(submit=submit)
    app = Starlette(routes=DemoRoutes(service, served, TokenTable(contract, {"ours": Caller("ann")})).routes())
    headers = {"x-api-key": "ours"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://demo", headers=headers) as client:
        answer = await client.post("/demo/jobs", json={"kind": "image.generate"})
    assert answer.status_code == 503
    assert answer.json()["error"]["message"] == NOT_STORED
