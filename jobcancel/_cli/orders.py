"""The routes beside the contract's own: submit a job whose stages last as long as somebody wants, and see the credits.

This is what a host writes around a contract: who asks, the idempotency key from the vendor's header, credits that are
reserved once and reversed exactly when the job ends canceled, and the vendor's documents for what cannot be done.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, TypeAlias, cast

from attrs import Factory, frozen
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jobcancel._core.arguments import Range
from jobcancel.abc import JobService
from jobcancel.asgi import TokenTable, idempotency_key
from jobcancel.asgi.endpoints import STORE_FAILED
from jobcancel.asgi.ids import id_maker
from jobcancel.contracts import Case, Context, Contract, error_reply, outcome_reply
from jobcancel.errors import IdempotencyConflictError, SchedulerClosedError, StoreError

from .demonstration import OWNER, REVERSAL, Demonstration

MOST_BYTES = 65536
_LASTS = Range(float, 0, 86400, "a number of seconds from 0 to 86400")

Answer: TypeAlias = Callable[[Request, str], Awaitable[Response]]


@frozen
class Order:
    """What somebody wants to be submitted.

    Attributes:
        kind: The kind's name.
        seconds: How long each stage lasts.
        fails_in: The stage that is to fail.
        owner: Whose job it is; None for the caller's.
        labels: The job's labels.
    """

    kind: str
    seconds: Mapping[str, float]
    fails_in: str | None = None
    owner: str | None = None
    labels: Mapping[str, str] = Factory(dict[str, str])


class OrderError(ValueError):
    """A request is no order.

    Args:
        message: What is wrong, and what is allowed.
        *field: The names that lead to what is wrong.
        part: The part of the request in which it stands.

    Attributes:
        location: The part and the names.
    """

    def __init__(self, message: str, *field: str, part: str = "body") -> None:
        super().__init__(message)
        self.location: tuple[str, ...] = (part, *field)


class Orders:
    """Takes orders for a contract's jobs.

    Args:
        service: Runs them.
        shown: The contract and its kinds.
        callers: Says who asks.
    """

    def __init__(self, service: JobService, shown: Demonstration, callers: TokenTable) -> None:
        self._service, self._shown, self._callers = service, shown, callers
        self._new_request_id = id_maker(shown.contract.ids.request)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [self._route("/demo/jobs", "POST", self._submit), self._route("/demo/credits", "GET", self._account)]

    def _route(self, path: str, method: str, answer: Answer) -> Route:
        """Return a route that answers strangers and other methods in the contract's words."""

        async def endpoint(request: Request) -> Response:
            if request.method != method:
                return self._refused("method_not_allowed", allow=method)
            caller = await self._callers(request)
            return self._refused(Case.UNAUTHENTICATED) if caller is None else await answer(request, caller.owner)

        return Route(path, endpoint, methods=["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])

    async def _submit(self, request: Request, owner: str) -> Response:
        try:
            order = order_from(await body_of(request), self._shown)
            key = key_of(request, self._shown.contract)
            return await self._ordered(order, order.owner or owner, key)
        except ValueError as error:
            location = error.location if isinstance(error, OrderError) else ()
            return self._refused("invalid_request", message=str(error), location=location)
        except IdempotencyConflictError as error:
            return self._refused("idempotency_conflict", message=str(error), job_id=error.job_id)
        except SchedulerClosedError:
            return self._refused("closed")
        except StoreError:
            return self._refused("closed", message=STORE_FAILED)

    async def _ordered(self, order: Order, owner: str, key: str | None) -> Response:
        handle = await self._service.submit(
            order.kind,
            order.seconds,
            order.fails_in,
            key=key,
            owner=owner,
            labels={**dict.fromkeys(self._shown.contract.tenancy.labels.values(), OWNER), **order.labels},
            compensations=[self._shown.registry.compensations[REVERSAL]()],
        )
        if handle.created:  # a replay pays nothing
            self._shown.credits.reserved[handle.id] = owner
        answer = {"id": handle.id, "created": handle.created, "credits": self._shown.credits.of(owner)}
        return JSONResponse(answer, HTTPStatus.ACCEPTED if handle.created else HTTPStatus.OK)

    async def _account(self, _: Request, owner: str) -> Response:
        return JSONResponse(self._shown.credits.of(owner))

    def _refused(self, case: Case | str, **facts: Any) -> Response:
        """Return an outcome's document, or another of the contract's."""
        context = Context(request_id=self._new_request_id(), **facts)
        contract = self._shown.contract
        said = (
            outcome_reply(contract, case, context) if isinstance(case, Case) else error_reply(contract, case, context)
        )
        return Response(said.content, said.status, dict(said.headers), media_type="application/json")


def key_of(request: Request, contract: Contract) -> str | None:
    """Return the idempotency key, or None.

    Raises:
        OrderError: The header is no key.
    """
    try:
        return idempotency_key(request, contract)
    except ValueError as error:
        name = "" if contract.keys is None else contract.keys.header
        raise OrderError(str(error), name, part="header") from None


def order_from(body: bytes, shown: Demonstration) -> Order:
    """Return the order that a request's body is.

    Raises:
        OrderError: It is none; the message says what is wrong, and what is allowed.
    """
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):  # no JSON, or too deep to be read
        raise OrderError('the body must be JSON, as {"kind": "...", "stages": {"...": 10}}') from None
    fields = _mapping(document)
    allowed = {"kind", "stages", "fails_in", "owner", "labels"}
    if unknown := sorted(fields.keys() - allowed):
        raise OrderError(f"{unknown[0]!r} is not known here; known: {', '.join(sorted(allowed))}", unknown[0])
    kind = shown.kind_of(str(fields.get("kind")))
    if kind is None:
        known = sorted(shown.contract.kind_words.get(name, name) for name in shown.acts)
        raise OrderError(f"kind must be one of {', '.join(known)}, not {fields.get('kind')!r}", "kind")
    stages = shown.acts[kind].stages
    seconds = {name: _seconds(value, name) for name, value in _mapping(fields.get("stages", {}), "stages").items()}
    fails_in = _text(fields.get("fails_in"), "fails_in")
    if strange := [name for name in (*seconds, fails_in) if name is not None and name not in stages]:
        field = ("stages", strange[0]) if strange[0] in seconds else ("fails_in",)
        raise OrderError(f"{kind} has no stage {strange[0]!r}; its stages: {', '.join(stages)}", *field)
    labels = {
        name: _text(value, "labels", name) or "" for name, value in _mapping(fields.get("labels", {}), "labels").items()
    }
    return Order(kind, seconds, fails_in, _text(fields.get("owner"), "owner"), labels)


def _mapping(value: object, *field: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise OrderError(f"{'.'.join(field) or 'the body'} must be an object", *field)
    return cast(dict[str, object], value)


def _seconds(value: object, stage: str) -> float:
    try:
        return _LASTS.check(value, f"stages.{stage}")
    except (TypeError, ValueError) as error:
        raise OrderError(str(error), "stages", stage) from None


def _text(value: object, *field: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise OrderError(f"{'.'.join(field)} must be a text", *field)
    return value


async def body_of(request: Request) -> bytes:
    """Return a request's body.

    Raises:
        OrderError: It is larger than an order can be; the rest of it was not read.
    """
    body = b""
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > MOST_BYTES:
                raise OrderError(f"the body must have {MOST_BYTES} bytes at most")
    return body
