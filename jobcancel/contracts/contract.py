"""What a contract is: records, as frozen as the data that they come from. Nothing here knows any vendor."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import Factory, field, frozen

from jobcancel._core.policies import FailureCode
from jobcancel._core.states import JobState

from .cases import Case
from .places import DOCUMENT, MESSAGE, REPLY
from .settings import Auth, Failures, Ids, Keys, Policies, Tenancy, Timestamps, fixed
from .templates import Render, compiled

Op = Literal["cancel", "get", "list", "health"]
UNKNOWN_JOB: Final = "unknown_job"
"""The error that answers for a job that cannot be shown, in a contract whose ``not_found`` speaks of cancels alone."""

_NOT_SHOWN: Final = frozenset({Case.NOT_FOUND, Case.FORBIDDEN, Case.MALFORMED_ID})


class Source(StrEnum):
    """What the vendor's document says of a row.

    ``status_only``: it gives the status and not the body. ``silent``: the row is our reading.
    """

    EXPLICIT = "explicit"
    IMPLIED = "implied"
    SILENT = "silent"
    STATUS_ONLY = "status_only"


def _body(row: Row) -> Render:
    return compiled(row.body, "body", REPLY)


def _message(row: Row) -> Render:
    return compiled(row.message, "message", MESSAGE)


def _headers(row: Row) -> Render:
    return compiled(row.headers, "headers", REPLY)


@frozen(kw_only=True)
class Row:
    """One answer.

    Attributes:
        status: The HTTP status.
        headers: Headers as templates, beside those that every answer has.
        body: The body as a template; None for no body.
        message: What ``$message`` says, as a template, unless the context has a message of its own.
        source: What the vendor's document says of it.
        unlisted: Whether it has a status that the vendor's document does not list.
        note: What else there is to say of it.
        render_body: The body's template, compiled.
        render_message: The message's.
        render_headers: The headers'.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict[str, str], converter=fixed)
    body: Any = None
    message: str = ""
    source: Source = field(converter=Source)
    unlisted: bool = False
    note: str = ""
    render_body: Render = field(init=False, eq=False, repr=False, default=Factory(_body, takes_self=True))
    render_message: Render = field(init=False, eq=False, repr=False, default=Factory(_message, takes_self=True))
    render_headers: Render = field(init=False, eq=False, repr=False, default=Factory(_headers, takes_self=True))


DEFAULT_BODIES: Mapping[Op, Any] = MappingProxyType(
    {
        "cancel": None,  # its answers are the outcomes
        "get": "$job",
        "list": {"jobs": "$jobs", "cursor": "$cursor"},
        "health": {"status": "ok"},
    }
)


def _route_body(route: Route) -> Render:
    return compiled(DEFAULT_BODIES[route.op] if route.body is None else route.body, "body", REPLY)


@frozen(kw_only=True)
class Route:
    """One path that is served.

    Attributes:
        op: What it does.
        methods: The HTTP methods it takes.
        path: Absolute, parameters in braces; a job's id is ``{job_id}``.
        body: What a success answers, as a template; None for the job document, or a page of them.
        etag: Whether the answer has an ETag, and If-None-Match is heeded.
        wait_parameter: The query parameter that asks to wait for the job's end, or None.
        wait_s: Seconds that such a wait may take.
        authenticated: Whether a caller has to show who it is.
        render_body: The body's template, compiled.
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


def _job_document(contract: Contract) -> Render:
    return compiled(contract.document, "document", DOCUMENT)


@frozen(kw_only=True)
class Contract:
    """A vendor's cancel API.

    Attributes:
        name: What it is loaded by.
        title: What a person calls it.
        source: Which document it follows, and where that is silent.
        auth: How a caller shows who it is.
        tenancy: What a caller learns of the jobs of others.
        ids: The forms of ids.
        timestamps: How an instant is written.
        statuses: The word for each state.
        failure_statuses: The word for a failed job by its failure's code, where it differs from that for ``failed``.
        failures: What a job document says of a job that did not succeed.
        policies: What serving through this contract asks of the jobs.
        keys: Idempotency keys, or None if the vendor has none.
        routes: What is served.
        outcomes: The answer to a cancel request, for each of the thirteen cases.
        errors: The answers beside those, by name; ``unknown_job`` only where reads have one of their own.
        document: The vendor's job document, as a template.
        kinds: The kinds of job that the vendor's document declares: what ``Registry.from_mapping`` takes as ``kinds``.
        kind_words: By kind's name, what the vendor calls it, where that is no name of ours.
        variants: By name, what a variant changes, in a line.
        applied: The variants that this one was loaded with.
        render_document: The job document's template, compiled.
    """

    name: str
    title: str
    source: str
    auth: Auth
    tenancy: Tenancy
    ids: Ids
    timestamps: Timestamps
    statuses: Mapping[JobState, str] = field(converter=fixed)
    failure_statuses: Mapping[FailureCode, str] = field(factory=dict[FailureCode, str], converter=fixed)
    failures: Failures = field(factory=Failures)
    policies: Policies
    keys: Keys | None = None
    routes: tuple[Route, ...]
    outcomes: Mapping[Case, Row] = field(converter=fixed)
    errors: Mapping[str, Row] = field(converter=fixed)
    document: Mapping[str, Any] = field(converter=fixed)
    kinds: Mapping[str, Any] = field(factory=dict[str, Any], converter=fixed)
    kind_words: Mapping[str, str] = field(factory=dict[str, str], converter=fixed)
    variants: Mapping[str, str] = field(factory=dict[str, str], converter=fixed)
    applied: tuple[str, ...] = ()
    render_document: Render = field(init=False, eq=False, repr=False, default=Factory(_job_document, takes_self=True))

    def row(self, case: Case, op: Op = "cancel") -> Row:
        """Return the answer to a case, by what was asked for."""
        row = self.outcomes[case]
        return self.errors.get(UNKNOWN_JOB, row) if op == "get" and case in _NOT_SHOWN else row
