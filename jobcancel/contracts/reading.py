"""From plain data to a contract: what is unknown, missing or wrong is refused with its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jobcancel._core.policies import FailureCode
from jobcancel._core.registry import specs_from
from jobcancel._core.states import JobState
from jobcancel.errors import ContractDataError, KindDataError

from .answers import route_at, row_at
from .cases import Case
from .contract import UNKNOWN_JOB, Contract, Row
from .fields import Fields, matching, table_at
from .settings import (
    Auth,
    Digits,
    Failures,
    Foreign,
    Ids,
    Keys,
    OnShieldedStage,
    Policies,
    Tenancy,
    Timestamps,
    Zone,
)

# The answers beside the thirteen that every contract has.
ERRORS: Final = ("unknown_route", "method_not_allowed", "invalid_request", "idempotency_conflict", "closed")
_HEADER: Final = (r"[!#$%&'*+.^_`|~0-9a-z-]+", "lower-case header names as keys")
_MINT: Final = (r"[A-Za-z0-9._~-]*\{(ulid|uuid)\}[A-Za-z0-9._~-]*", "a text with {ulid} or {uuid} in it, once")


def contract_from(data: Any, applied: tuple[str, ...] = ()) -> Contract:
    """Return the contract that ``data`` describe.

    Args:
        data: The whole of it, variants laid over already.
        applied: Which these were.

    Raises:
        ContractDataError: Something is unknown, missing or wrong.
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
        "routes": tuple(route_at(item, path) for path, item in whole.items("routes", "a list of tables, one a route")),
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
    allowed = "a list of tables, one a way, header names to prefixes"
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
        matching(name, fields.at(name), *_HEADER)
    way = fields.texts(empty=True)
    if not way:
        raise ContractDataError(fields.path, {}, "one header at least")
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


def _rows(fields: Fields, names: tuple[str, ...], *optional: str) -> dict[str, Row]:
    rows = {str(name): row_at(fields.table(name)) for name in names}
    rows |= {name: row_at(fields.table(name)) for name in optional if fields.has(name)}
    fields.done()
    return rows


def _document(fields: Fields) -> dict[str, Any]:
    template = fields.whole_table()
    for name in template:
        if name.startswith("$"):
            raise ContractDataError(fields.at(name), template[name], "a field of the document; $ only further inside")
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
            raise ContractDataError(f"{fields.at('lays')}.{name}", lays[name], "nothing: a variant changes no " + name)
    fields.done()
    return changes
