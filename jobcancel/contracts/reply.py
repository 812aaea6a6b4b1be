"""Replies: a contract's row, route or job document, rendered. Pure: the same input gives the same bytes."""

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
from .words import JobWords, shown

_encoded: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _seconds(_: object, attribute: Attribute[Any], value: object) -> None:
    DELAY.check(value, attribute.name)


def _count(_: object, attribute: Attribute[Any], value: object) -> None:
    NATURAL.check(value, attribute.name)


@frozen
class RateLimit:
    """How a caller stands with its rate limit.

    Attributes:
        limit: Requests in a window.
        remaining: Of these, what is left.
        reset_s: Seconds until the window resets.
        retry_after_s: Seconds until another request makes sense.
    """

    limit: int = field(validator=_count)
    remaining: int = field(validator=_count)
    reset_s: float = field(validator=_seconds)
    retry_after_s: float = field(validator=_seconds)


@frozen
class Reply:
    """An HTTP answer.

    Attributes:
        status: The status.
        headers: The contract's own headers; the transport's are not among them.
        body: Plain data, or None for no body.
    """

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def content(self) -> bytes:
        """The body as compact UTF-8 JSON; what UTF-8 cannot say (lone surrogates) is ``?``."""
        if self.body is None:
            return b""
        return _encoded(self.body).encode(errors="replace")


@frozen(kw_only=True)
class Context:
    """What a reply is rendered from.

    Attributes:
        job: The job, where one is known.
        jobs: The page of a list; with one job, those of its children that were looked up.
        cursor: The next page's.
        job_id: The id that was asked for.
        stage: The stage that refused.
        request_id: The request's own id.
        rate: How the caller stands with its rate limit.
        parameters: The route's parameters.
        message: What to say in place of the row's own message.
        details: More of it, as plain data; None for ``location``'s field and the message.
        location: Where in the request something is wrong: ``("query", "limit")``, ``("body", "stages", "cloning")``.
            Empty for the body as a whole, and for the job's id where that is malformed.
        allow: The methods that are allowed, for the header Allow.
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


_NOTHING: Final = Context()
LONGEST_SAID: Final = 1024  # of an id that was asked for, a body repeats no more


def reply(contract: Contract, case: Case | str, context: Context = _NOTHING, *, op: Op = "cancel") -> Reply:
    """Return the answer to a request that came to one of the thirteen cases.

    Args:
        contract: Whose words.
        case: What the request came to.
        context: What the reply is rendered from.
        op: What was asked for, where that is no cancel.

    Raises:
        ValueError: There is no such case.
    """
    if case == Case.MALFORMED_ID and not context.location:
        context = evolve(context, location=("path", contract.ids.called))
    return _rendered(contract, contract.row(Case(case), op), context)


def refuse(contract: Contract, error: str, context: Context = _NOTHING) -> Reply:
    """Return an answer beside the thirteen, by its name in ``contract.errors``.

    Raises:
        ValueError: The contract has no such error.
    """
    row = contract.errors.get(error)
    if row is None:
        raise ValueError(f"contract {contract.name!r} has no error {error!r}; it has: {', '.join(contract.errors)}")
    return _rendered(contract, row, context)


def answer(contract: Contract, route: Route, context: Context = _NOTHING) -> Reply:
    """Return the success of a route that reads: 200 and its body."""
    return Reply(200, {}, route.render_body(_Scope(contract, context)))


def document(contract: Contract, snapshot: Snapshot[Any], children: Sequence[Snapshot[Any]] = ()) -> dict[str, Any]:
    """Return the vendor's job document.

    Args:
        contract: Whose words.
        snapshot: The job.
        children: Its children, where the document is to list them.
    """
    return _document(JobWords(contract, snapshot, children))


def _document(job: JobWords) -> dict[str, Any]:
    scope = _Scope(job.contract, _NOTHING)
    scope.job = job
    return cast("dict[str, Any]", job.contract.render_document(scope))


def _rendered(contract: Contract, row: Row, context: Context) -> Reply:
    scope = _Scope(contract, context, row)
    headers = {name: _header(value) for name, value in row.render_headers(scope).items()}
    return Reply(row.status, headers, row.render_body(scope))


def _header(value: object) -> str:
    """Return a header's value in printable ASCII: nothing that came with a request may end its line."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in str(value))


class _Scope:
    """Where the values of one reply come from."""

    __slots__ = ("context", "contract", "item", "job", "row")

    def __init__(self, contract: Contract, context: Context, row: Row | None = None, item: Any = None) -> None:
        self.contract, self.context, self.row, self.item = contract, context, row, item
        self.job: JobWords | None = None
        if context.job is not None:
            self.job = JobWords(contract, context.job, context.jobs)

    def look(self, place: tuple[str, ...]) -> Any:
        """Return the value at ``place``; what is missing on the way, or is no table, has None below it."""
        value: Any = _ROOTS[place[0]](self)
        for name in place[1:]:
            if isinstance(value, JobWords):
                value = value.word(name)
            elif isinstance(value, Mapping):
                value = cast("Mapping[str, Any]", value).get(name)
            else:
                return None
        return value

    def shown(self, place: tuple[str, ...]) -> Any:
        """Return that value as plain data; a job is its document."""
        value: object = self.look(place)
        if isinstance(value, JobWords):
            return _document(value)
        if isinstance(value, list):
            items = cast("list[object]", value)
            return [_document(item) if isinstance(item, JobWords) else item for item in items]
        return value

    def bound(self, item: Any) -> _Scope:
        """Return the same scope with ``item`` in it."""
        scope = _Scope(self.contract, self.context, self.row, item)
        scope.job = self.job
        return scope


def _message(scope: _Scope) -> str:
    said = scope.context.message
    return said if said is not None else "" if scope.row is None else scope.row.render_message(scope)


def _location(scope: _Scope) -> list[str]:
    return list(scope.context.location) or ["body"]  # no route of a contract reads one: a host's does


def _field(scope: _Scope) -> str:
    """Return the name of what is wrong in the request, without the part of the request."""
    part, *names = _location(scope)
    return ".".join(names) or part


def _details(scope: _Scope) -> Any:
    details = scope.context.details
    return {"field": _field(scope), "reason": _message(scope)} if details is None else shown(details)


def _rate(scope: _Scope) -> dict[str, int] | None:
    """Return whole seconds, rounded up: who comes back earlier is refused again."""
    rate = scope.context.rate
    if rate is None:
        return None
    seconds = {"reset_s": ceil(rate.reset_s), "retry_after_s": ceil(rate.retry_after_s)}
    return {"limit": rate.limit, "remaining": rate.remaining, **seconds}


_ROOTS: Final[Mapping[str, Callable[[_Scope], Any]]] = MappingProxyType(
    {
        "job": lambda scope: scope.job,
        "jobs": lambda scope: [JobWords(scope.contract, job) for job in scope.context.jobs],
        "cursor": lambda scope: scope.context.cursor,
        "job_id": lambda scope: scope.context.job_id[:LONGEST_SAID],
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
