"""One path of a contract as an ASGI application that answers every request itself.

It is no function for Starlette to wrap: what goes wrong in it never reaches the host's exception handlers, and a
method that it does not take never Starlette's own 405.
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

from jobcancel.abc import JobService
from jobcancel.contracts import Case, Context, Contract, Reply, Route, refuse, reply
from jobcancel.errors import JobNotFoundError, SchedulerClosedError, StoreError

from .answers import Answer, answered, tagged
from .callers import Authenticate, Caller, RateLimited, Unauthenticated
from .exchange import Exchange, Turned
from .ids import minting
from .jobs import Jobs
from .operations import OPERATIONS, Operation

_LOGGER: Final = logging.getLogger("jobcancel")
_OK: Final = 200
UNKEPT: Final = "The service cannot keep what was asked for now, so nothing was done. Try again later."
"""Said where the journal cannot be written: in the document of a service that is closed, which has the same status."""


@frozen
class Site:
    """What all endpoints of a contract share.

    Attributes:
        service: Where the jobs are.
        contract: Whose words are spoken.
        authenticate: Who sends a request.
        new_request_id: Gives a new id at each call.
        jobs: For telling another's job from none, where the contract does.
    """

    service: JobService
    contract: Contract
    authenticate: Authenticate
    new_request_id: Callable[[], str]
    jobs: Jobs

    @classmethod
    def of(cls, service: JobService, contract: Contract, authenticate: Authenticate) -> Site:
        """Return a service's site for a contract."""
        return cls(service, contract, authenticate, minting(contract.ids.request), Jobs(service, contract))


class Endpoint:
    """Answers all requests for one path.

    Args:
        site: What it shares with the others.
        routes: The contract's routes of this path, which differ in their methods.
    """

    def __init__(self, site: Site, routes: Iterable[Route]) -> None:
        self._site = site
        self._taken: dict[str, tuple[Route, Operation]] = {}
        for route in routes:
            operation = OPERATIONS[route.op](site.service, site.contract)
            # A cancel that goes by GET is not asked for by HEAD, which nobody expects to do anything.
            implied = ("HEAD",) if operation.safe and "GET" in route.methods else ()
            for method in (*route.methods, *implied):
                self._taken.setdefault(method, (route, operation))
        self._allow = ", ".join(self._taken)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Its body is not read."""
        request_id = self._site.new_request_id()
        try:
            answer = await self._answer(Request(scope, receive), request_id)
        except Exception as error:  # noqa: BLE001 - nothing leaves but a cancellation
            answer = self._internal_error(error, scope, request_id)
        await answer.send(send, head=scope["method"] == "HEAD")

    async def _answer(self, request: Request, request_id: str) -> Answer:
        taken = self._taken.get(request.method)
        if taken is None:
            refused = Context(request_id=request_id, parameters=request.path_params, allow=self._allow)
            return answered(refuse(self._site.contract, "method_not_allowed", refused), request_id)
        route, operation = taken
        answer = answered(await self._reply(Exchange(request, route, request_id), operation), request_id)
        if route.etag and answer.status == _OK:
            return tagged(answer, request.headers.getlist("if-none-match"))
        return answer

    async def _reply(self, exchange: Exchange, operation: Operation) -> Reply:
        """Return what the operation answers, or the contract's words for why it does not."""
        contract = self._site.contract
        try:
            if exchange.route.authenticated:
                caller = await _caller(self._site.authenticate, exchange.request)
                exchange = exchange.by(caller)
            return await operation(exchange)
        except Turned as turned:
            return _turned(contract, turned, exchange)
        except Unauthenticated:
            return reply(contract, Case.UNAUTHENTICATED, exchange.context())
        except RateLimited as limited:
            return reply(contract, Case.RATE_LIMITED, exchange.context(rate=limited.rate))
        except JobNotFoundError:
            case = await self._case_of_unknown(exchange)
            return reply(contract, case, exchange.context(), op=exchange.route.op)
        except (SchedulerClosedError, StoreError) as error:
            # What is wrong with a journal it says in the log itself.
            message = UNKEPT if isinstance(error, StoreError) else None
            return refuse(contract, "closed", exchange.context(message=message))

    async def _case_of_unknown(self, exchange: Exchange) -> Case:
        """Return what a job that the caller has not is called; only a contract that tells looks a second time."""
        if self._site.contract.tenancy.foreign == "forbidden" and await self._site.jobs.belongs_to_another(exchange):
            return Case.FORBIDDEN
        return Case.NOT_FOUND

    def _internal_error(self, error: Exception, scope: Scope, request_id: str) -> Answer:
        with suppress(Exception):  # a filter of the host's may raise
            facts = {"request_id": request_id}
            what = "request %s (%s %r) failed unexpectedly"
            _LOGGER.error(what, request_id, scope["method"], scope["path"], exc_info=error, extra=facts)
        return answered(reply(self._site.contract, Case.INTERNAL_ERROR, Context(request_id=request_id)), request_id)


def _turned(contract: Contract, turned: Turned, exchange: Exchange) -> Reply:
    """Return the contract's words for why a request was turned down."""
    context = exchange.context(message=turned.message, location=turned.location)
    if isinstance(turned.answer, Case):
        return reply(contract, turned.answer, context, op=exchange.route.op)
    return refuse(contract, turned.answer, context)


async def _caller(authenticate: Authenticate, request: Request) -> Caller:
    """Return who sends the request.

    Raises:
        Unauthenticated: Nobody we know.
        RateLimited: Somebody who asks too often.
        TypeError: The host's function gave something else.
    """
    answer = authenticate(request)
    found = cast(object, await answer if isawaitable(answer) else answer)
    if found is None:
        raise Unauthenticated
    if not isinstance(found, Caller):
        # What merely looks like one might own nothing, and see everybody's jobs.
        raise TypeError(f"authenticate must return a Caller or None, not {type(found).__qualname__}")
    return found
