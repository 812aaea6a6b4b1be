"""A contract's reply as an HTTP response: headers, body and entity tag, sent as ASGI messages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from attrs import frozen
from starlette.types import Send

from jobcancel.contracts import Reply

NOT_MODIFIED: Final = 304

_JSON: Final = (b"content-type", b"application/json")
_BODY_HEADERS: Final = (b"content-type", b"content-length")
_TAG: Final = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')  # RFC 9110, section 8.8.3


@frozen
class Response:
    """A response, as the server takes it.

    Attributes:
        status: The HTTP status.
        headers: Names in lower case and values, as bytes.
        content: The body.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes

    async def send(self, send: Send, *, head: bool) -> None:
        """Send the response; without its body if ``head`` is true.

        A client that has closed the connection is no error: the server's ``OSError`` is ignored.
        """
        try:
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            await send({"type": "http.response.body", "body": b"" if head else self.content})
        except OSError:
            pass


def encode_reply(reply: Reply, request_id: str) -> Response:
    """Return the response for a reply. Its header values cannot contain line breaks: rendering replaces them."""
    content = reply.content
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    headers.append((b"x-request-id", request_id.encode()))
    if content:
        headers.append(_JSON)
    headers.append((b"content-length", b"%d" % len(content)))
    return Response(reply.status, headers, content)


def with_etag(response: Response, if_none_match: Iterable[str]) -> Response:
    """Return the response with its entity tag; 304 without a body if the client already has that body.

    Args:
        response: A response with status 200.
        if_none_match: The values of all ``If-None-Match`` headers of the request.
    """
    tag = strong_etag(response.content)
    header = (b"etag", tag.encode())
    if not etag_matches(tag, if_none_match):
        return Response(response.status, [*response.headers, header], response.content)
    headers = [pair for pair in response.headers if pair[0] not in _BODY_HEADERS]
    return Response(NOT_MODIFIED, [*headers, header], b"")


def strong_etag(content: bytes) -> str:
    """Return the strong entity tag of a body."""
    return f'"{sha256(content).hexdigest()[:32]}"'


def etag_matches(tag: str, if_none_match: Iterable[str]) -> bool:
    """Return whether the client has the body that ``tag`` stands for (RFC 9110, section 13.1.2).

    Args:
        tag: The body's tag.
        if_none_match: The values of all ``If-None-Match`` headers: tags, weak ones too, in lists, or ``*``. Text that
            is no tag is ignored: the client then gets the body.
    """
    return any(value.strip() == "*" or tag in _TAG.findall(value) for value in if_none_match)
