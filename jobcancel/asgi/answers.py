"""Answers on their way out: a contract's reply as ASGI messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen
from starlette.types import Send

from jobcancel.contracts import Reply

from .etags import matches, strong

_JSON: Final = (b"content-type", b"application/json")
_OF_THE_BODY: Final = (b"content-type", b"content-length")
NOT_MODIFIED: Final = 304


@frozen
class Answer:
    """What goes to the server.

    Attributes:
        status: The HTTP status.
        headers: Names in lower case and values, as bytes.
        content: The body.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes

    async def send(self, send: Send, *, head: bool) -> None:
        """Send it; for a HEAD request all but the body.

        A client that has gone is no fault of anybody's: the server's ``OSError`` ends here.
        """
        try:
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            await send({"type": "http.response.body", "body": b"" if head else self.content})
        except OSError:
            pass


def answered(reply: Reply, request_id: str) -> Answer:
    """Return the answer for a reply, whose headers hold nothing that could end their line."""
    content = reply.content
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    headers.append((b"x-request-id", request_id.encode()))
    if content:
        headers.append(_JSON)
    headers.append((b"content-length", b"%d" % len(content)))
    return Answer(reply.status, headers, content)


def tagged(answer: Answer, if_none_match: Iterable[str]) -> Answer:
    """Return the answer with its entity tag, or the empty one that says that the client has it already."""
    tag = strong(answer.content)
    header = (b"etag", tag.encode())
    if not matches(tag, if_none_match):
        return Answer(answer.status, [*answer.headers, header], answer.content)
    kept = [pair for pair in answer.headers if pair[0] not in _OF_THE_BODY]
    return Answer(NOT_MODIFIED, [*kept, header], b"")
