"""What an application of ours says where no job is asked for: a document that never changes, and "no such path"."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from jobcancel.contracts import Context, Contract, Reply, refuse

from .answers import answered
from .ids import minting


class Fixed:
    """Answers GET and HEAD with the same reply, always and to everybody."""

    def __init__(self, contract: Contract, reply: Reply) -> None:
        self._contract, self._reply = contract, reply
        self._new_request_id = minting(contract.ids.request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - no body is read
        """Answer one request."""
        request_id, method = self._new_request_id(), scope["method"]
        reply = self._reply
        if method not in {"GET", "HEAD"}:
            context = Context(request_id=request_id, allow="GET, HEAD")
            reply = refuse(self._contract, "method_not_allowed", context)
        await answered(reply, request_id).send(send, head=method == "HEAD")


class Unknown:
    """Answers whatever comes by a path that nobody serves."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._new_request_id = minting(contract.ids.request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or close a WebSocket."""
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        request_id = self._new_request_id()
        reply = refuse(self._contract, "unknown_route", Context(request_id=request_id))
        await answered(reply, request_id).send(send, head=scope["method"] == "HEAD")
