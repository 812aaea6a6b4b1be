"""An order that is none is answered in the vendor's form for a request that is not valid, which names the field."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from jobcancel import Scheduler
from jobcancel._cli.demonstration import demonstration
from jobcancel._cli.orders import Orders
from jobcancel.asgi import Caller, TokenTable, id_factory
from jobcancel.contracts import load

WRONG: list[tuple[str, list[str]]] = [
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


async def ordered(vendor: str, kind: str, body: str, headers: dict[str, str]) -> httpx.Response:
    contract = load(vendor)
    shown = demonstration(contract, vendor)
    callers = TokenTable(contract, {"ours": Caller("ann")})
    async with Scheduler(shown.registry, new_id=id_factory(contract)) as scheduler:
        transport = httpx.ASGITransport(Starlette(routes=Orders(scheduler, shown, callers).routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://demo", headers=headers) as client:
            return await client.post("/demo/jobs", content=body.replace("%s", kind))


@pytest.mark.parametrize(("body", "location"), WRONG)
@pytest.mark.parametrize(
    ("vendor", "kind", "headers"),
    [
        ("tensorpool", "training", {"authorization": "Bearer ours"}),
        ("dex", "parse", {"x-api-key": "ours", "x-selected-account-id": "a"}),
    ],
)
async def test_a_422_says_where_the_order_is_wrong(
    vendor: str, kind: str, headers: dict[str, str], body: str, location: list[str]
) -> None:
    answer = await ordered(vendor, kind, body, headers)

    (problem,) = answer.json()["detail"]
    assert (answer.status_code, problem["loc"], problem["type"]) == (422, location, "value_error")
    assert problem["msg"]


@pytest.mark.parametrize(("body", "location"), WRONG)
async def test_a_validation_error_names_the_field_of_the_order_and_why(body: str, location: list[str]) -> None:
    answer = await ordered("dafty", "image.generate", body, {"x-api-key": "ours"})

    error: dict[str, Any] = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert error["details"] == {"field": ".".join(location[1:]) or "body", "reason": error["message"]}


async def test_a_validation_error_names_the_header_that_is_no_key() -> None:
    headers = {"x-api-key": "ours", "idempotency-key": "k" * 256}
    answer = await ordered("dafty", "image.generate", '{"kind": "%s"}', headers)

    error: dict[str, Any] = answer.json()["error"]
    assert (answer.status_code, error["details"]["field"]) == (400, "Idempotency-Key")
