"""Two clients: one sends given bytes over a new connection, the other calls an ASGI application in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import anyio
import h11
from anyio.lowlevel import checkpoint
from attrs import frozen
from starlette.types import ASGIApp, Message

PATIENCE_S = 20.0
"""Seconds after which a missing answer fails the test."""

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@frozen
class Answer:
    """What a server sent back.

    Attributes:
        status: The HTTP status.
        headers: Lower-case names and values, in the order in which they came.
        content: The body.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes

    @property
    def body(self) -> Any:
        """The body as JSON; as text if it is no JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            return self.content.decode("utf-8", "replace")

    def header(self, name: str) -> str | None:
        """Return the only header of that name, or None."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) < 2, f"{name} came more than once: {found}"
        return found[0] if found else None


def message(method: str, target: str | bytes, headers: Headers = (), body: bytes = b"") -> bytes:
    """Return a request as bytes; the headers as given, and those without which no server reads it."""
    pairs = list(headers) if isinstance(headers, Sequence) else list(headers.items())
    pairs += [("host", "localhost"), ("connection", "close")]
    if body:
        pairs.append(("content-length", str(len(body))))
    path = target if isinstance(target, bytes) else target.encode()
    head = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in pairs)
    return method.encode() + b" " + path + b" HTTP/1.1\r\n" + head + b"\r\n" + body


async def call(app: ASGIApp, method: str, target: str | bytes, headers: Headers = ()) -> Answer:
    """Send a request to an application in this process and return its answer. The application must not read a body."""
    raw_path, _, query = (target if isinstance(target, bytes) else target.encode()).partition(b"?")
    pairs = list(headers) if isinstance(headers, Sequence) else list(headers.items())
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "root_path": "",
        "query_string": query,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
    }
    messages: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the application read the body")

    async def send(message: Message) -> None:
        await checkpoint()  # as a server does: other requests run meanwhile
        messages.append(message)

    with anyio.fail_after(PATIENCE_S):
        await checkpoint()
        await app(scope, receive, send)
    start, body = messages
    received = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
    return Answer(start["status"], received, body["body"])


async def exchange(port: int, raw: bytes, *, method: str = "POST") -> Answer:
    """Send ``raw`` over a new connection and return the answer to it; ``method`` says how to read that."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 22)
    parser.send(h11.Request(method=method, target="/", headers=[("host", "localhost")]))
    parser.send(h11.EndOfMessage())
    answers: list[Answer] = []
    with anyio.fail_after(PATIENCE_S):
        async with await anyio.connect_tcp("127.0.0.1", port) as stream, anyio.create_task_group() as tasks:
            tasks.start_soon(_send, stream, raw)  # a server may answer before it has read the whole request
            answers.append(await _answer(parser, stream))
            tasks.cancel_scope.cancel()
    return answers[0]


async def _send(stream: anyio.abc.ByteSendStream, raw: bytes) -> None:
    try:
        await stream.send(raw)
    except anyio.BrokenResourceError:
        pass  # the server has read enough


async def _answer(parser: h11.Connection, stream: anyio.abc.ByteReceiveStream) -> Answer:
    head: h11.Response | None = None
    content = bytearray()
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            try:
                parser.receive_data(await stream.receive())
            except anyio.EndOfStream:
                parser.receive_data(b"")
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            content += event.data
        else:
            assert isinstance(event, h11.EndOfMessage), event
            break
    assert head is not None
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
    return Answer(head.status_code, headers, bytes(content))
