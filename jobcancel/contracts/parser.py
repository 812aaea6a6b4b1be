"""Parsing plain data into a contract: an unknown, missing or wrong field is refused with its path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from jobcancel._core.policies import FailureCode
from jobcancel._core.registry import specs_from
from jobcancel._core.states import JobState
from jobcancel.errors import ContractDataError, KindDataError

from .cases import Case
from .contract import (
    UNKNOWN_JOB,
    Auth,
    Contract,
    Digits,
    Failures,
    Foreign,
    Ids,
    Keys,
    OnShieldedStage,
    Op,
    Policies,
    Route,
    Row,
    Source,
    Tenancy,
    Timestamps,
    Zone,
)
from .fields import Fields, matching, paths_below, table_at, text_at

# The error replies that every contract has in addition to the thirteen outcomes.
ERRORS: Final = ("unknown_route", "method_not_allowed", "invalid_request", "idempotency_conflict", "closed")
_CREDENTIAL_HEADER: Final = (r"[!#$%&'*+.^_`|~0-9a-z-]+", "lower-case header names as keys")
_MINT: Final = (r"[A-Za-z0-9._~-]*\{(ulid|uuid)\}[A-Za-z0-9._~-]*", "a text with {ulid} or {uuid} in it, once")

_HEADER: Final = (r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "header names as keys")
_METHOD: Final = (r"[A-Z]+", "an HTTP method in capitals")
_PATH: Final = (
    r"(/([A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]*\}))+",
    "an absolute path of plain segments and {parameters}, as in /v1/jobs/{job_id}",
)


def parse_contract(data: Any, applied: tuple[str, ...] = ()) -> Contract:
    """Return the contract that ``data`` describes.

    Args:
        data: The whole contract, with its variants merged in.
        applied: The names of these variants.

    Raises:
        ContractDataError: A field is unknown, missing or wrong.
    """
    whole = table_at(data, "")
    parts: dict[str, Any] = {
        "name": whole.text("name"),
        "title": whole.text("title"),
        "source": whole.text("source"),
        "auth": _auth(whole.table("auth")),
        "tenancy": _tenancy(whole.table("tenancy")),
        "ids": _ids(whole.table("ids")),
        "timestamps": _timestamps(whole.table("timestamps")),
        "statuses": _statuses(whole.table("statuses")),
        "failure_statuses": _failure_statuses(whole.table("failure_statuses", optional=True)),
        "failures": _failures(whole.table("failures", optional=True)),
        "policies": _policies(whole.table("policies")),
        "keys": _keys(whole.table("keys")) if whole.has("keys") else None,
        "routes": tuple(
            _route(item, path) for path, item in whole.items("routes", "a list of tables, one for each route")
        ),
        "outcomes": {Case(name): row for name, row in _rows(whole.table("outcomes"), tuple(Case)).items()},
        "errors": _rows(whole.table("errors"), ERRORS, UNKNOWN_JOB),
        "document": _document(whole.table("document")),
        "kinds": _kinds(whole.plain_table("kinds", optional=True)),
        "kind_words": whole.table("kind_words", optional=True).texts(),
        "variants": _variants(whole.table("variants", optional=True)),
    }
    whole.done()
    return Contract(**parts, applied=applied)


def _auth(fields: Fields) -> Auth:
    allowed = "a list of tables that map header names to prefixes"
    ways = tuple(_way(table_at(item, path)) for path, item in fields.items("ways", allowed))
    auth = Auth(
        ways=ways,
        token_pattern=fields.pattern("token_pattern") if fields.has("token_pattern") else None,
        cancel_scope=fields.text_or_none("cancel_scope"),
    )
    fields.done()
    return auth


def _way(fields: Fields) -> dict[str, str]:
    for name in fields.names():
        matching(name, fields.at(name), *_CREDENTIAL_HEADER)
    way = fields.texts(empty=True)
    if not way:
        raise ContractDataError(fields.path, {}, "at least one header")
    return way


def _tenancy(fields: Fields) -> Tenancy:
    foreign = fields.word("foreign", Foreign)
    labels = fields.table("labels", optional=True).texts()
    fields.done()
    return Tenancy(foreign=foreign, labels=labels)


def _ids(fields: Fields) -> Ids:
    ids = Ids(
        pattern=fields.pattern("pattern"),
        mint=matching(fields.text("mint"), fields.at("mint"), *_MINT),
        request=matching(fields.text("request"), fields.at("request"), *_MINT),
        ignore_case=fields.flag("ignore_case", default=False),
        called=fields.text_or_none("called") or "job_id",
    )
    fields.done()
    return ids


def _timestamps(fields: Fields) -> Timestamps:
    form = Timestamps(digits=fields.word("digits", Digits), zone=fields.word("zone", Zone))
    fields.done()
    return form


def _statuses(fields: Fields) -> dict[JobState, str]:
    words = {state: fields.text(state.value) for state in JobState}
    fields.done()
    return words


def _failure_statuses(fields: Fields) -> dict[FailureCode, str]:
    words = {code: fields.text(code.value) for code in FailureCode if fields.has(code.value)}
    fields.done()
    return words


def _failures(fields: Fields) -> Failures:
    codes = fields.table("codes", optional=True)
    words = codes.texts()
    if words:
        codes.text("default")
    canceled = fields.text_or_none("canceled")
    fields.done()
    return Failures(codes=words, canceled=canceled)


def _policies(fields: Fields) -> Policies:
    policies = Policies(
        on_shielded_stage=fields.word("on_shielded_stage", OnShieldedStage),
        via_canceling=fields.flag("via_canceling", default=False),
        canceled_at_once=fields.flag("canceled_at_once", default=False),
        settle_s=fields.seconds("settle_s"),
    )
    fields.done()
    return policies


def _keys(fields: Fields) -> Keys:
    keys = Keys(header=fields.text("header"), max_length=fields.whole("max_length", 1))
    fields.done()
    return keys


def _row(fields: Fields) -> Row:
    headers = fields.table("headers", optional=True)
    for name in headers.names():
        matching(name, headers.at(name), *_HEADER)
    parts: dict[str, Any] = {
        "status": fields.whole("status", 200, 599),
        "headers": headers.texts(),
        "body": fields.any_or("body", None),
        "message": fields.text_or_none("message") or "",
        "source": fields.member("source", Source),
        "unlisted": fields.flag("unlisted", default=False),
        "note": fields.text_or_none("note") or "",
    }
    fields.done()
    with paths_below(fields.path):
        return Row(**parts)


def _route(value: object, path: str) -> Route:
    fields = table_at(value, path)
    methods = fields.items("methods", "a list of HTTP methods")
    parts: dict[str, Any] = {
        "op": fields.word("op", Op),
        "methods": tuple(matching(text_at(item, at), at, *_METHOD) for at, item in methods),
        "path": matching(fields.text("path"), fields.at("path"), *_PATH),
        "body": fields.any_or("body", None),
        "etag": fields.flag("etag", default=False),
        "wait_parameter": fields.text_or_none("wait_parameter"),
        "wait_s": fields.seconds("wait_s"),
        "authenticated": fields.flag("authenticated", default=True),
    }
    fields.done()
    _require_parameters(parts["op"], parts["path"], fields)
    with paths_below(path):
        return Route(**parts)


def _require_parameters(op: str, path: str, fields: Fields) -> None:
    parameters: list[str] = re.findall(r"\{(\w+)\}", path)
    if op in ("cancel", "get") and "job_id" not in parameters:
        raise ContractDataError(fields.at("path"), path, f"a path with {{job_id}} in it, for op {op}")
    if len(set(parameters)) < len(parameters):
        raise ContractDataError(fields.at("path"), path, "each parameter once")


def _rows(fields: Fields, names: tuple[str, ...], *optional: str) -> dict[str, Row]:
    rows = {str(name): _row(fields.table(name)) for name in names}
    rows |= {name: _row(fields.table(name)) for name in optional if fields.has(name)}
    fields.done()
    return rows


def _document(fields: Fields) -> dict[str, Any]:
    template = fields.whole_table()
    for name in template:
        if name.startswith("$"):
            raise ContractDataError(
                fields.at(name), template[name], "a field of the document; $ is allowed only inside a field"
            )
    return template


def _kinds(kinds: dict[str, Any]) -> dict[str, Any]:
    try:
        specs_from({"kinds": kinds})
    except KindDataError as error:
        raise ContractDataError(error.path, error.value, error.allowed) from None
    return kinds


def _variants(fields: Fields) -> dict[str, str]:
    return {name: _variant(fields.table(name)) for name in fields.names()}


def _variant(fields: Fields) -> str:
    changes = fields.text("changes")
    lays: Mapping[str, Any] = fields.plain_table("lays")
    for name in ("name", "variants"):
        if name in lays:
            raise ContractDataError(
                f"{fields.at('lays')}.{name}", lays[name], "nothing: a variant cannot change " + name
            )
    fields.done()
    return changes
