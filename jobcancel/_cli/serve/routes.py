"""The routes beside the contract's own: submit a job whose stages last as long as the client asks for; show credits.

This is what a host writes around a contract: the caller's identity, the idempotency key from the vendor's header,
credits that are reserved once and reversed exactly when the job ends canceled, and the vendor's error documents.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, Final, TypeAlias, cast

from attrs import Factory, frozen
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jobcancel._core.arguments import Range
from jobcancel.abc import JobService
from jobcancel.asgi import TokenTable, idempotency_key
from jobcancel.asgi.ids import id_maker
from jobcancel.contracts import Case, Context, Contract, error_reply, outcome_reply
from jobcancel.errors import IdempotencyConflictError, SchedulerClosedError, StoreError

from .demonstration import OWNER, REVERSAL, Demonstration

MAX_BODY_BYTES: Final = 65536
NOT_STORED: Final = "The request cannot be stored at the moment, so nothing was done. Try again later."
_STAGE_SECONDS: Final = Range(float, 0, 86400, "a number of seconds from 0 to 86400")

Handler: TypeAlias = Callable[[Request, str], Awaitable[Response]]


@frozen
class SubmitRequest:
    """The body of a submit request.

    Attributes:
        kind: The kind's name.
        seconds: The duration of each stage in seconds.
        fails_in: The stage that fails, or None.
        owner: The job's owner; None for the caller.
        labels: The job's labels.
    """

    kind: str
    seconds: Mapping[str, float]
    fails_in: str | None = None
    owner: str | None = None
    labels: Mapping[str, str] = Factory(dict[str, str])


class SubmitRequestError(ValueError):
    """A submit request is invalid.

    Args:
        message: What is wrong, and what is allowed.
        *field: The path of names to the wrong value.
        part: The part of the request: ``body`` or ``header``.

    Attributes:
        location: The part and the path.
    """

    def __init__(self, message: str, *field: str, part: str = "body") -> None:
        super().__init__(message)
        self.location: tuple[str, ...] = (part, *field)


class DemoRoutes:
    """The routes to submit jobs and to show their credits.

    Args:
        service: Runs the jobs.
        served: The contract and its kinds.
        callers: Identifies the caller of a request.
    """

    def __init__(self, service: JobService, served: Demonstration, callers: TokenTable) -> None:
        self._service, self._served, self._callers = service, served, callers
        self._new_request_id = id_maker(served.contract.ids.request)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self._route("/demo/jobs", "POST", self._submit),
            self._route("/demo/credits", "GET", self._show_credits),
        ]

    def _route(self, path: str, method: str, handle: Handler) -> Route:
        """Return a route that refuses unknown callers and other methods with the contract's documents."""

        async def endpoint(request: Request) -> Response:
            if request.method != method:
                return self._refused("method_not_allowed", allow=method)
            caller = await self._callers(request)
            return self._refused(Case.UNAUTHENTICATED) if caller is None else await handle(request, caller.owner)

        return Route(path, endpoint, methods=["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])

    async def _submit(self, request: Request, owner: str) -> Response:
        try:
            wanted = parse_submit_request(await read_body(request), self._served)
            key = read_key(request, self._served.contract)
            return await self._submit_job(wanted, wanted.owner or owner, key)
        except ValueError as error:
            location = error.location if isinstance(error, SubmitRequestError) else ()
            return self._refused("invalid_request", message=str(error), location=location)
        except IdempotencyConflictError as error:
            return self._refused("idempotency_conflict", message=str(error), job_id=error.job_id)
        except SchedulerClosedError:
            return self._refused("closed")
        except StoreError:
            return self._refused("closed", message=NOT_STORED)

    async def _submit_job(self, wanted: SubmitRequest, owner: str, key: str | None) -> Response:
        handle = await self._service.submit(
            wanted.kind,
            wanted.seconds,
            wanted.fails_in,
            key=key,
            owner=owner,
            labels={**dict.fromkeys(self._served.contract.tenancy.labels.values(), OWNER), **wanted.labels},
            compensations=[self._served.registry.compensations[REVERSAL]()],
        )
        if handle.created:  # a repeated submit reserves nothing
            self._served.credits.reserved[handle.id] = owner
        answer = {"id": handle.id, "created": handle.created, "credits": self._served.credits.of(owner)}
        return JSONResponse(answer, HTTPStatus.ACCEPTED if handle.created else HTTPStatus.OK)

    async def _show_credits(self, _: Request, owner: str) -> Response:
        return JSONResponse(self._served.credits.of(owner))

    def _refused(self, case: Case | str, **facts: Any) -> Response:
        """Return the contract's document for an outcome, or for another refusal."""
        context = Context(request_id=self._new_request_id(), **facts)
        contract = self._served.contract
        document = (
            outcome_reply(contract, case, context) if isinstance(case, Case) else error_reply(contract, case, context)
        )
        return Response(document.content, document.status, dict(document.headers), media_type="application/json")


def read_key(request: Request, contract: Contract) -> str | None:
    """Return the idempotency key, or None.

    Raises:
        SubmitRequestError: The header's value is not a key.
    """
    try:
        return idempotency_key(request, contract)
    except ValueError as error:
        name = "" if contract.keys is None else contract.keys.header
        raise SubmitRequestError(str(error), name, part="header") from None


def parse_submit_request(body: bytes, served: Demonstration) -> SubmitRequest:
    """Return the submit request in a request's body.

    Raises:
        SubmitRequestError: The body is invalid; the message says what is wrong, and what is allowed.
    """
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):  # not JSON, or nested too deeply
        raise SubmitRequestError('the body must be JSON, as {"kind": "...", "stages": {"...": 10}}') from None
    fields = _mapping(document)
    allowed = {"kind", "stages", "fails_in", "owner", "labels"}
    if unknown := sorted(fields.keys() - allowed):
        raise SubmitRequestError(
            f"the field {unknown[0]!r} is unknown; allowed: {', '.join(sorted(allowed))}", unknown[0]
        )
    kind = served.kind_of(str(fields.get("kind")))
    if kind is None:
        names = sorted(served.contract.kind_words.get(name, name) for name in served.acts)
        raise SubmitRequestError(f"kind must be one of {', '.join(names)}, not {fields.get('kind')!r}", "kind")
    stages = served.acts[kind].stages
    seconds = {name: _seconds(value, name) for name, value in _mapping(fields.get("stages", {}), "stages").items()}
    fails_in = _text(fields.get("fails_in"), "fails_in")
    if unknown_stages := [name for name in (*seconds, fails_in) if name is not None and name not in stages]:
        field = ("stages", unknown_stages[0]) if unknown_stages[0] in seconds else ("fails_in",)
        raise SubmitRequestError(f"{kind} has no stage {unknown_stages[0]!r}; its stages: {', '.join(stages)}", *field)
    labels = {
        name: _text(value, "labels", name) or "" for name, value in _mapping(fields.get("labels", {}), "labels").items()
    }
    return SubmitRequest(kind, seconds, fails_in, _text(fields.get("owner"), "owner"), labels)


def _mapping(value: object, *field: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise SubmitRequestError(f"{'.'.join(field) or 'the body'} must be an object", *field)
    return cast(dict[str, object], value)


def _seconds(value: object, stage: str) -> float:
    try:
        return _STAGE_SECONDS.check(value, f"stages.{stage}")
    except (TypeError, ValueError) as error:
        raise SubmitRequestError(str(error), "stages", stage) from None


def _text(value: object, *field: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise SubmitRequestError(f"{'.'.join(field)} must be a string", *field)
    return value


async def read_body(request: Request) -> bytes:
    """Return a request's body.

    Raises:
        SubmitRequestError: The body is too large; the rest of it was not read.
    """
    body = b""
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise SubmitRequestError(f"the body must have at most {MAX_BODY_BYTES} bytes")
    return body
