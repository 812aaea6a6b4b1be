"""Rendering a contract's replies and job documents. Pure: the same input gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from types import MappingProxyType
from typing import Any, Final, cast

from attrs import Attribute, Factory, evolve, field, frozen

from jobcancel._core.arguments import DELAY, NATURAL
from jobcancel._core.snapshot import Snapshot

from .cases import Case
from .contract import Contract, Op, Route, Row
from .vendor_job import VendorJob, json_value

_encode_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _seconds(_: object, attribute: Attribute[Any], value: object) -> None:
    DELAY.check(value, attribute.name)


def _count(_: object, attribute: Attribute[Any], value: object) -> None:
    NATURAL.check(value, attribute.name)


@frozen
class RateLimit:
    """A caller's rate limit.

    Attributes:
        limit: Requests allowed in a window.
        remaining: Requests left in this window.
        reset_s: Seconds until the window resets.
        retry_after_s: Seconds until the client should try again.
    """

    limit: int = field(validator=_count)
    remaining: int = field(validator=_count)
    reset_s: float = field(validator=_seconds)
    retry_after_s: float = field(validator=_seconds)


@frozen
class Reply:
    """A rendered reply.

    Attributes:
        status: The HTTP status.
        headers: The contract's own headers, without those of the transport.
        body: Plain data, or None for no body.
    """

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def content(self) -> bytes:
        """The body as compact UTF-8 JSON. Lone surrogates, which UTF-8 cannot encode, become ``?``."""
        if self.body is None:
            return b""
        return _encode_json(self.body).encode(errors="replace")


@frozen(kw_only=True)
class Context:
    """The facts from which a reply is rendered.

    Attributes:
        job: The job, or None.
        jobs: The jobs of a page; with one job, its children that were found.
        cursor: The cursor of the next page, or None.
        job_id: The job id in the request.
        stage: The stage that refused the cancel, or None.
        request_id: The request's id.
        rate: The caller's rate limit, or None.
        parameters: The values of the route's parameters.
        message: The message; None for the row's own.
        details: Details of the error as plain data; None for the field in ``location`` and the message.
        location: The part of the request that is wrong, as in ``("query", "limit")`` or
            ``("body", "stages", "cloning")``. Empty for the body as a whole, or for a malformed job id.
        allow: The allowed methods, for the header Allow.
    """

    job: Snapshot[Any] | None = None
    jobs: Sequence[Snapshot[Any]] = ()
    cursor: str | None = None
    job_id: str = ""
    stage: str | None = None
    request_id: str = ""
    rate: RateLimit | None = None
    parameters: Mapping[str, str] = Factory(dict[str, str])
    message: str | None = None
    details: Any = None
    location: Sequence[str] = ()
    allow: str = ""


_EMPTY: Final = Context()
LONGEST_ECHO: Final = 1024  # characters of a request's job id that a body repeats


def outcome_reply(contract: Contract, case: Case | str, context: Context = _EMPTY, *, op: Op = "cancel") -> Reply:
    """Return the reply for one of the thirteen cases.

    Args:
        contract: The contract.
        case: The case.
        context: The facts of the request.
        op: The operation that the request called.

    Raises:
        ValueError: There is no such case.
    """
    if case == Case.MALFORMED_ID and not context.location:
        context = evolve(context, location=("path", contract.ids.called))
    return _render_row(contract, contract.row(Case(case), op), context)


def error_reply(contract: Contract, error: str, context: Context = _EMPTY) -> Reply:
    """Return the reply for one of ``contract.errors``, by its name.

    Raises:
        ValueError: The contract has no such error.
    """
    row = contract.errors.get(error)
    if row is None:
        raise ValueError(f"contract {contract.name!r} has no error {error!r}; it has: {', '.join(contract.errors)}")
    return _render_row(contract, row, context)


def success_reply(contract: Contract, route: Route, context: Context = _EMPTY) -> Reply:
    """Return the reply of a route that reads successfully: 200 and the route's body."""
    return Reply(200, {}, route.render_body(_Scope(contract, context)))


def job_document(contract: Contract, snapshot: Snapshot[Any], children: Sequence[Snapshot[Any]] = ()) -> dict[str, Any]:
    """Return the vendor's job document.

    Args:
        contract: The contract.
        snapshot: The job.
        children: The job's children, for documents that list them.
    """
    return _document(VendorJob(contract, snapshot, children))


def _document(job: VendorJob) -> dict[str, Any]:
    scope = _Scope(job.contract, _EMPTY)
    scope.job = job
    return cast("dict[str, Any]", job.contract.render_document(scope))


def _render_row(contract: Contract, row: Row, context: Context) -> Reply:
    scope = _Scope(contract, context, row)
    headers = {name: _header(value) for name, value in row.render_headers(scope).items()}
    return Reply(row.status, headers, row.render_body(scope))


def _header(value: object) -> str:
    """Return a header's value in printable ASCII, so that no text of a request can break the line."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in str(value))


class _Scope:
    """The values of placeholders for one reply."""

    __slots__ = ("context", "contract", "item", "job", "row")

    def __init__(self, contract: Contract, context: Context, row: Row | None = None, item: Any = None) -> None:
        self.contract, self.context, self.row, self.item = contract, context, row, item
        self.job: VendorJob | None = None
        if context.job is not None:
            self.job = VendorJob(contract, context.job, context.jobs)

    def value(self, placeholder: tuple[str, ...]) -> Any:
        """Return the value of ``placeholder``; None if a part of it is missing, or is no table."""
        value: Any = _ROOTS[placeholder[0]](self)
        for name in placeholder[1:]:
            if isinstance(value, VendorJob):
                value = value.value(name)
            elif isinstance(value, Mapping):
                value = cast("Mapping[str, Any]", value).get(name)
            else:
                return None
        return value

    def plain_value(self, placeholder: tuple[str, ...]) -> Any:
        """Return the value of ``placeholder`` as plain data; for a job, its document."""
        value: object = self.value(placeholder)
        if isinstance(value, VendorJob):
            return _document(value)
        if isinstance(value, list):
            items = cast("list[object]", value)
            return [_document(item) if isinstance(item, VendorJob) else item for item in items]
        return value

    def with_item(self, item: Any) -> _Scope:
        """Return the same scope with ``item`` as a placeholder."""
        scope = _Scope(self.contract, self.context, self.row, item)
        scope.job = self.job
        return scope


def _message(scope: _Scope) -> str:
    message = scope.context.message
    if message is not None:
        return message
    return "" if scope.row is None else scope.row.render_message(scope)


def _location(scope: _Scope) -> list[str]:
    return list(scope.context.location) or ["body"]  # only a host's own routes read a body


def _field(scope: _Scope) -> str:
    """Return the name of the wrong field, without the part of the request that contains it."""
    part, *names = _location(scope)
    return ".".join(names) or part


def _details(scope: _Scope) -> Any:
    details = scope.context.details
    return {"field": _field(scope), "reason": _message(scope)} if details is None else json_value(details)


def _rate(scope: _Scope) -> dict[str, int] | None:
    """Return the rate limit in whole seconds, rounded up: an earlier retry would be refused again."""
    rate = scope.context.rate
    if rate is None:
        return None
    seconds = {"reset_s": ceil(rate.reset_s), "retry_after_s": ceil(rate.retry_after_s)}
    return {"limit": rate.limit, "remaining": rate.remaining, **seconds}


_ROOTS: Final[Mapping[str, Callable[[_Scope], Any]]] = MappingProxyType(
    {
        "job": lambda scope: scope.job,
        "jobs": lambda scope: [VendorJob(scope.contract, job) for job in scope.context.jobs],
        "cursor": lambda scope: scope.context.cursor,
        "job_id": lambda scope: scope.context.job_id[:LONGEST_ECHO],
        "stage": lambda scope: scope.context.stage,
        "request_id": lambda scope: scope.context.request_id,
        "rate": _rate,
        "parameters": lambda scope: dict(scope.context.parameters),
        "message": _message,
        "details": _details,
        "field": _field,
        "location": _location,
        "allow": lambda scope: scope.context.allow,
        "item": lambda scope: scope.item,
        "null": lambda _: None,
    }
)
