"""A client that sends exactly the bytes it is told to, one request a connection, and shows exactly what came."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import h11
from attrs import frozen

PATIENCE_S = 20.0
"""After which a server that does not answer fails the test."""

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
        """The body as JSON; the bytes as text if it is none."""
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


async def exchange(port: int, raw: bytes, *, method: str = "POST") -> Answer:
    """Send ``raw`` over a new connection and return the answer to it; ``method`` says how to read that."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 22)
    parser.send(h11.Request(method=method, target="/", headers=[("host", "localhost")]))
    parser.send(h11.EndOfMessage())
    answers: list[Answer] = []
    with anyio.fail_after(PATIENCE_S):
        async with await anyio.connect_tcp("127.0.0.1", port) as stream, anyio.create_task_group() as tasks:
            tasks.start_soon(_send, stream, raw)  # a server may answer before it has heard all
            answers.append(await _answer(parser, stream))
            tasks.cancel_scope.cancel()
    return answers[0]


async def _send(stream: anyio.abc.ByteSendStream, raw: bytes) -> None:
    try:
        await stream.send(raw)
    except anyio.BrokenResourceError:
        pass  # it has heard enough


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
