"""The record of a contract and its parts: frozen, from plain data, and without any vendor's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import Factory, field, frozen

from jobcancel._core.policies import FailureCode
from jobcancel._core.states import JobState

from .cases import Case
from .placeholders import DOCUMENT, MESSAGE, REPLY
from .templates import Render, compile_template

Op = Literal["cancel", "get", "list", "health"]
Foreign = Literal["not_found", "forbidden"]
OnShieldedStage = Literal["refuse", "defer"]
Digits = Literal[0, 3, 6]
Zone = Literal["Z", "+00:00"]
UNKNOWN_JOB: Final = "unknown_job"
"""The error for a read of an unknown job, in a contract whose ``not_found`` row is about cancels only."""

_UNREADABLE: Final = frozenset({Case.NOT_FOUND, Case.FORBIDDEN, Case.MALFORMED_ID})


def read_only(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return a read-only copy."""
    return MappingProxyType(dict(value))


def _read_only_each(ways: tuple[Mapping[str, str], ...]) -> tuple[Mapping[str, str], ...]:
    return tuple(read_only(way) for way in ways)


@frozen(kw_only=True)
class Auth:
    """How a caller authenticates.

    Attributes:
        ways: The alternatives. Each maps lower-case header names to the prefixes of their values; all headers of one
            alternative are required, and the first one carries the token.
        token_pattern: The pattern of a whole token, or None for any token.
        cancel_scope: The scope that a caller needs to cancel, or None.
    """

    ways: tuple[Mapping[str, str], ...] = field(converter=_read_only_each)
    token_pattern: re.Pattern[str] | None = None
    cancel_scope: str | None = None


@frozen(kw_only=True)
class Tenancy:
    """What a caller learns of other owners' jobs.

    Attributes:
        foreign: The case of a request for another owner's job.
        labels: The label that must equal each route parameter, by parameter; a job with another value is not found.
    """

    foreign: Foreign
    labels: Mapping[str, str] = field(factory=dict[str, str], converter=read_only)


@frozen(kw_only=True)
class Ids:
    """The forms of ids.

    Attributes:
        pattern: The pattern of a whole job id.
        ignore_case: Whether a client may write a job id in upper case; jobs' own ids are in lower case then.
        called: The vendor's name of the job id in paths.
        mint: The form of new job ids; ``{ulid}`` or ``{uuid}`` is replaced by a new one.
        request: The form of new request ids.
    """

    pattern: re.Pattern[str]
    mint: str
    request: str
    ignore_case: bool = False
    called: str = "job_id"

    def fits(self, job_id: str) -> bool:
        """Return whether a job's own id has the contract's form."""
        return self.pattern.fullmatch(job_id) is not None and not (self.ignore_case and job_id != job_id.lower())


@frozen(kw_only=True)
class Timestamps:
    """The format of timestamps.

    Attributes:
        digits: The number of digits of the fraction of a second.
        zone: The suffix for UTC.
    """

    digits: Digits
    zone: Zone


@frozen(kw_only=True)
class Failures:
    """How the job document shows the failure of a job.

    Attributes:
        codes: The vendor's error code by kind, ``default`` for all other kinds. Empty: the library's failure codes.
        canceled: The message of a canceled job, if the vendor shows it as failed; None if not.
    """

    codes: Mapping[str, str] = field(factory=dict[str, str], converter=read_only)
    canceled: str | None = None


@frozen(kw_only=True)
class Policies:
    """How jobs behave when they are served through this contract.

    Attributes:
        on_shielded_stage: ``defer`` if the vendor cannot report a refusal: then stages that refuse a cancel defer it.
        via_canceling: Whether the reply to the cancel of a pending job shows the job as canceling.
        canceled_at_once: Whether a pending job is shown as canceled from the request on, while compensations still run.
        settle_s: Seconds for which the reply to an accepted cancel waits for the job to settle; 0: it does not wait.
    """

    on_shielded_stage: OnShieldedStage
    via_canceling: bool = False
    canceled_at_once: bool = False
    settle_s: float = 0.0


@frozen(kw_only=True)
class Keys:
    """Idempotency keys.

    Attributes:
        header: The request header that carries one.
        max_length: The most characters of a key.
    """

    header: str
    max_length: int


class Source(StrEnum):
    """How the vendor's document supports a row.

    ``status_only``: it gives the status, not the body. ``silent``: it does not mention the case; the row is our choice.
    """

    EXPLICIT = "explicit"
    IMPLIED = "implied"
    SILENT = "silent"
    STATUS_ONLY = "status_only"


def _body(row: Row) -> Render:
    return compile_template(row.body, "body", REPLY)


def _message(row: Row) -> Render:
    return compile_template(row.message, "message", MESSAGE)


def _headers(row: Row) -> Render:
    return compile_template(row.headers, "headers", REPLY)


@frozen(kw_only=True)
class Row:
    """One reply.

    Attributes:
        status: The HTTP status.
        headers: Headers as templates, in addition to those of every response.
        body: The body as a template; None for no body.
        message: The template of ``$message``, used unless the context has a message.
        source: How the vendor's document supports the row.
        unlisted: Whether the status is missing from the vendor's document.
        note: A remark for people who read the contract.
        render_body: The compiled template of the body.
        render_message: The compiled template of the message.
        render_headers: The compiled templates of the headers.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict[str, str], converter=read_only)
    body: Any = None
    message: str = ""
    source: Source = field(converter=Source)
    unlisted: bool = False
    note: str = ""
    render_body: Render = field(init=False, eq=False, repr=False, default=Factory(_body, takes_self=True))
    render_message: Render = field(init=False, eq=False, repr=False, default=Factory(_message, takes_self=True))
    render_headers: Render = field(init=False, eq=False, repr=False, default=Factory(_headers, takes_self=True))


_DEFAULT_BODIES: Final[Mapping[Op, Any]] = MappingProxyType(
    {
        "cancel": None,  # a cancel is answered by the outcomes
        "get": "$job",
        "list": {"jobs": "$jobs", "cursor": "$cursor"},
        "health": {"status": "ok"},
    }
)


def _route_body(route: Route) -> Render:
    return compile_template(route.template, "body", REPLY)


@frozen(kw_only=True)
class Route:
    """One path of the contract, with its methods and its operation.

    Attributes:
        op: The operation.
        methods: The HTTP methods.
        path: An absolute path, parameters in braces; a job's id is ``{job_id}``.
        body: The template of a successful response's body; None for the job document, or a page of them.
        etag: Whether the response has an ETag and the route honors If-None-Match.
        wait_parameter: The query parameter with which a client waits for the job's end, or None.
        wait_s: The most seconds of such a wait.
        authenticated: Whether the route requires authentication.
        render_body: The compiled template of the body.
    """

    op: Op
    methods: tuple[str, ...]
    path: str
    body: Any = None
    etag: bool = False
    wait_parameter: str | None = None
    wait_s: float = 0.0
    authenticated: bool = True
    render_body: Render = field(init=False, eq=False, repr=False, default=Factory(_route_body, takes_self=True))

    @property
    def template(self) -> Any:
        """The template of a successful response's body: the route's own, or the operation's default."""
        return _DEFAULT_BODIES[self.op] if self.body is None else self.body


def _job_document(contract: Contract) -> Render:
    return compile_template(contract.document, "document", DOCUMENT)


@frozen(kw_only=True)
class Contract:
    """A vendor's cancel API.

    Attributes:
        name: The name for ``load``.
        title: The name for people.
        source: The document that the contract follows, and where that document is silent.
        auth: How a caller authenticates.
        tenancy: What a caller learns of other owners' jobs.
        ids: The forms of ids.
        timestamps: The format of timestamps.
        statuses: The vendor's status for each state.
        failure_statuses: The vendor's status for a failed job by failure code, if it differs from ``failed``.
        failures: How the job document shows the failure of a job.
        policies: How jobs behave when they are served through this contract.
        keys: Idempotency keys, or None if the vendor has none.
        routes: The paths.
        outcomes: The reply to a cancel request, for each of the thirteen cases.
        errors: All other error replies by name; ``unknown_job`` only if reads have a reply of their own.
        document: The template of the vendor's job document.
        kinds: The kinds that the vendor's document declares, as ``Registry.from_mapping`` takes them under ``kinds``.
        kind_words: The vendor's names of kinds, by our names, where the two differ.
        variants: One line about each variant's changes, by the variant's name.
        applied: The variants with which this contract was loaded.
        render_document: The compiled template of the job document.
    """

    name: str
    title: str
    source: str
    auth: Auth
    tenancy: Tenancy
    ids: Ids
    timestamps: Timestamps
    statuses: Mapping[JobState, str] = field(converter=read_only)
    failure_statuses: Mapping[FailureCode, str] = field(factory=dict[FailureCode, str], converter=read_only)
    failures: Failures = field(factory=Failures)
    policies: Policies
    keys: Keys | None = None
    routes: tuple[Route, ...]
    outcomes: Mapping[Case, Row] = field(converter=read_only)
    errors: Mapping[str, Row] = field(converter=read_only)
    document: Mapping[str, Any] = field(converter=read_only)
    kinds: Mapping[str, Any] = field(factory=dict[str, Any], converter=read_only)
    kind_words: Mapping[str, str] = field(factory=dict[str, str], converter=read_only)
    variants: Mapping[str, str] = field(factory=dict[str, str], converter=read_only)
    applied: tuple[str, ...] = ()
    render_document: Render = field(init=False, eq=False, repr=False, default=Factory(_job_document, takes_self=True))

    def row(self, case: Case, op: Op = "cancel") -> Row:
        """Return the row for a case of an operation."""
        row = self.outcomes[case]
        return self.errors.get(UNKNOWN_JOB, row) if op == "get" and case in _UNREADABLE else row
