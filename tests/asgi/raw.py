"""Requests below what an HTTP client would send: straight into an ASGI application."""

from __future__ import annotations

import json
from typing import Any

import anyio
from attrs import define, field
from starlette.types import ASGIApp, Message


@define
class Exchanged:
    """What an application sent, and whether it asked for the body."""

    messages: list[Message] = field(factory=list[Message])
    received: int = 0

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return bytes(self.messages[1]["body"])

    @property
    def document(self) -> Any:
        return json.loads(self.body)


async def exchange(
    served: ASGIApp,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    *,
    query: bytes = b"",
    error: Exception | None = None,
    **scope: Any,
) -> Exchanged:
    """Send a request whose body never arrives; the server's ``send`` raises ``error`` if it is given."""
    seen = Exchanged()

    async def receive() -> Message:
        seen.received += 1
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        if error is not None:
            raise error
        seen.messages.append(message)

    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
    whole: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": b"",
        "root_path": "",
        "query_string": query,
        "headers": raw,
        **scope,
    }
    await served(whole, receive, send)
    return seen
