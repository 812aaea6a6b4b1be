"""The ASGI applications behind a contract's paths: each answers every request for its path itself.

They are no functions that Starlette wraps, so an error never reaches the host's exception handlers, and a method that
a path does not support never gets Starlette's own 405.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from inspect import isawaitable
from typing import Final, cast

from attrs import frozen
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from jobcancel.abc import JobService
from jobcancel.contracts import Case, Context, Contract, Reply, Route, error_reply, outcome_reply
from jobcancel.errors import JobNotFoundError, SchedulerClosedError, StoreError

from .authentication import Authenticate, Caller, RateLimited, Unauthenticated
from .ids import id_maker
from .lookup import JobLookup
from .operations import OPERATIONS, Operation
from .requests import ContractRequest, RequestRefused
from .responses import Response, encode_reply, with_etag

_LOGGER: Final = logging.getLogger("jobcancel")
_OK: Final = 200
STORE_FAILED: Final = "The service cannot store the request at the moment. Nothing was changed. Try again later."
"""The client's message when the store fails. The reply is the contract's ``closed`` error: its status fits both."""


@frozen
class Served:
    """What all endpoints of a contract share.

    Attributes:
        service: The service that has the jobs.
        contract: The contract.
        authenticate: Returns a request's caller.
        new_request_id: Returns a new request id at each call.
        lookup: Tells another owner's job from a job that does not exist, if the contract does.
    """

    service: JobService
    contract: Contract
    authenticate: Authenticate
    new_request_id: Callable[[], str]
    lookup: JobLookup

    @classmethod
    def of(cls, service: JobService, contract: Contract, authenticate: Authenticate) -> Served:
        """Return what the endpoints of this contract over this service share."""
        return cls(service, contract, authenticate, id_maker(contract.ids.request), JobLookup(service, contract))


class Endpoint:
    """Answers all requests for one path of the contract.

    Args:
        served: What all endpoints share.
        routes: The contract's routes with this path; they differ in their methods.
    """

    def __init__(self, served: Served, routes: Iterable[Route]) -> None:
        self._served = served
        self._by_method: dict[str, tuple[Route, Operation]] = {}
        for route in routes:
            operation = OPERATIONS[route.op](served.service, served.contract)
            # HEAD must change nothing, so a cancel by GET does not answer HEAD.
            implied = ("HEAD",) if operation.safe and "GET" in route.methods else ()
            for method in (*route.methods, *implied):
                self._by_method.setdefault(method, (route, operation))
        self._allow = ", ".join(self._by_method)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Its body is not read."""
        request_id = self._served.new_request_id()
        try:
            response = await self._respond(Request(scope, receive), request_id)
        except Exception as error:  # noqa: BLE001 - only a cancellation may leave an endpoint
            response = self._internal_error(error, scope, request_id)
        await response.send(send, head=scope["method"] == "HEAD")

    async def _respond(self, request: Request, request_id: str) -> Response:
        found = self._by_method.get(request.method)
        if found is None:
            context = Context(request_id=request_id, parameters=request.path_params, allow=self._allow)
            return encode_reply(error_reply(self._served.contract, "method_not_allowed", context), request_id)
        route, operation = found
        reply = await self._reply(ContractRequest(request, route, request_id), operation)
        response = encode_reply(reply, request_id)
        if route.etag and response.status == _OK:
            return with_etag(response, request.headers.getlist("if-none-match"))
        return response

    async def _reply(self, request: ContractRequest, operation: Operation) -> Reply:
        """Return the operation's reply, or the contract's reply for why the operation did not succeed."""
        contract = self._served.contract
        try:
            if request.route.authenticated:
                request = request.with_caller(await _caller(self._served.authenticate, request.request))
            return await operation(request)
        except RequestRefused as refused:
            return _refusal_reply(contract, refused, request)
        except Unauthenticated:
            return outcome_reply(contract, Case.UNAUTHENTICATED, request.context())
        except RateLimited as limited:
            return outcome_reply(contract, Case.RATE_LIMITED, request.context(rate=limited.rate))
        except JobNotFoundError:
            case = await self._case_of_unknown_job(request)
            return outcome_reply(contract, case, request.context(), op=request.route.op)
        except (SchedulerClosedError, StoreError) as error:
            # The scheduler has logged the store's error already.
            message = STORE_FAILED if isinstance(error, StoreError) else None
            return error_reply(contract, "closed", request.context(message=message))

    async def _case_of_unknown_job(self, request: ContractRequest) -> Case:
        """Return the case of a job that was not found; a second look-up only if the contract tells owners apart."""
        if self._served.contract.tenancy.foreign == "forbidden" and await self._served.lookup.has_other_owner(request):
            return Case.FORBIDDEN
        return Case.NOT_FOUND

    def _internal_error(self, error: Exception, scope: Scope, request_id: str) -> Response:
        with suppress(Exception):  # a log filter of the host may raise
            facts = {"request_id": request_id}
            text = "request %s (%s %r) failed unexpectedly"
            _LOGGER.error(text, request_id, scope["method"], scope["path"], exc_info=error, extra=facts)
        context = Context(request_id=request_id)
        return encode_reply(outcome_reply(self._served.contract, Case.INTERNAL_ERROR, context), request_id)


class DocumentEndpoint:
    """Answers GET and HEAD with the same reply for every caller.

    Args:
        contract: Renders the answer to other methods.
        reply: The reply.
    """

    def __init__(self, contract: Contract, reply: Reply) -> None:
        self._contract, self._reply = contract, reply
        self._new_request_id = id_maker(contract.ids.request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - no body is read
        """Answer one request."""
        request_id, method = self._new_request_id(), scope["method"]
        reply = self._reply
        if method not in {"GET", "HEAD"}:
            context = Context(request_id=request_id, allow="GET, HEAD")
            reply = error_reply(self._contract, "method_not_allowed", context)
        await encode_reply(reply, request_id).send(send, head=method == "HEAD")


class UnknownPathEndpoint:
    """Answers requests for paths that the contract does not have.

    Args:
        contract: Renders the answer.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._new_request_id = id_maker(contract.ids.request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or close a WebSocket."""
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        request_id = self._new_request_id()
        reply = error_reply(self._contract, "unknown_route", Context(request_id=request_id))
        await encode_reply(reply, request_id).send(send, head=scope["method"] == "HEAD")


def _refusal_reply(contract: Contract, refused: RequestRefused, request: ContractRequest) -> Reply:
    """Return the contract's reply for a refused request."""
    context = request.context(message=refused.message, location=refused.location)
    if isinstance(refused.reason, Case):
        return outcome_reply(contract, refused.reason, context, op=request.route.op)
    return error_reply(contract, refused.reason, context)


async def _caller(authenticate: Authenticate, request: Request) -> Caller:
    """Return the request's caller.

    Raises:
        Unauthenticated: The host's function does not know the caller.
        RateLimited: The caller sends too many requests.
        TypeError: The host's function returned something else.
    """
    result = authenticate(request)
    caller = cast(object, await result if isawaitable(result) else result)
    if caller is None:
        raise Unauthenticated
    if not isinstance(caller, Caller):
        # An object that only resembles a Caller could have an empty owner, which may see all jobs.
        raise TypeError(f"authenticate must return a Caller or None, not {type(caller).__qualname__}")
    return caller
