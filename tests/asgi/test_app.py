"""The application of our own: unknown paths, the OpenAPI document, a life span, WebSockets."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Message

from jobcancel.asgi import TokenTable, app

from .bench import CALLERS, serving, vendor
from .fakes import FakeService, service
from .raw import exchange


def served(name: str = "layers", **options: Any) -> Any:
    contract = vendor(name)
    return app(service(FakeService()), contract, authenticate=TokenTable(contract, CALLERS), **options)


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/v1/jobs", "/v1/jobs/", "/v1/jobs/a/b/cancel", "//", "/../etc/passwd"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
async def test_an_unknown_path_is_the_vendors_404(method: str, path: str) -> None:
    seen = await exchange(served(), method, path)

    assert (seen.status, seen.headers["content-type"]) == (404, "application/json")
    if method == "HEAD":
        assert seen.body == b""
    else:
        assert seen.document["error"]["code"] == "NOT_FOUND"
        assert seen.document["error"]["requestId"] == seen.headers["x-request-id"]


async def test_a_slash_at_the_end_is_another_path_and_no_redirect() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running()
        assert (await bench.client.post(f"/v1/jobs/{job_id}/cancel/")).status_code == 404
        assert (await bench.scheduler.get(job_id)).cancel is None


async def test_the_openapi_document_is_served_to_everybody() -> None:
    got, head = await exchange(served(), "GET", "/openapi.json"), await exchange(served(), "HEAD", "/openapi.json")

    assert (got.status, got.headers["content-type"]) == (200, "application/json")
    assert (got.document["openapi"], got.document["info"]["title"]) == ("3.1.0", "Layers")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(got.body)))
    refused = await exchange(served(), "POST", "/openapi.json")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_the_host_may_set_the_title() -> None:
    seen = await exchange(served(title="Acme jobs"), "GET", "/openapi.json")
    assert seen.document["info"]["title"] == "Acme jobs"
    untitled = await exchange(served(), "GET", "/openapi.json")
    assert untitled.document["info"]["title"] == "Layers"


async def test_a_websocket_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await served()({"type": "websocket", "path": "/v1/jobs", "headers": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_the_application_supports_the_lifespan_protocol() -> None:
    sent: list[Message] = []
    incoming: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return incoming.pop(0)

    await served()({"type": "lifespan", "state": {}}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
