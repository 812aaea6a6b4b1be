"""A contract that is wrong is refused with the path in the data, the value and what is allowed."""

from __future__ import annotations

from datetime import date
from math import inf, nan
from typing import Any

import pytest

from jobcancel.contracts import load
from jobcancel.errors import ContractDataError, JobCancelError

from .bare import bare, changed

TEXT = "a text that is not empty"
MISSING = " (it is missing)"
FLAG = "true or false"
SECONDS = "a number of seconds from 0, up to 3155760000 (a hundred years)"
STATUS = "a whole number from 200 to 599"
SOURCE = '"explicit", "implied", "silent", "status_only"'
MINT = "a text with {ulid} or {uuid} in it, once"
PATH = "an absolute path of plain segments and {parameters}, as in /v1/jobs/{job_id}"
ROW_KEYS = "no such key; known: headers, status, body, message, source, unlisted, note"
TOP_KEYS = (
    "no such key; known: name, title, source, auth, tenancy, ids, timestamps, statuses, failure_statuses, failures, "
    "policies, keys, routes, outcomes, errors, document, kinds, kind_words, variants"
)
PLAIN = "text, a number, true, false, a list or a table"
BARE_PLACES = "placeholders alone in braces, no format and no conversion"
ROUTE = "routes.0"
ROW = "outcomes.refused"

# Where something is put, what, and, where the error names another place or value, that.
WRONG: list[tuple[str, Any, str, Any, str]] = [
    ("name", ..., "name", None, TEXT + MISSING),
    ("name", 5, "name", 5, TEXT),
    ("title", "", "title", "", TEXT),
    ("source", ..., "source", None, TEXT + MISSING),
    ("vendor", "x", "vendor", "x", TOP_KEYS),
    ("auth", ..., "auth", None, "a table" + MISSING),
    ("auth", [], "auth", [], "a table"),
    ("auth.ways", ..., "auth.ways", None, "a list of tables that map header names to prefixes" + MISSING),
    ("auth.ways", [], "auth.ways", [], "a list of tables that map header names to prefixes"),
    ("auth.ways", "x", "auth.ways", "x", "a list of tables that map header names to prefixes"),
    ("auth.ways", ["x"], "auth.ways[0]", "x", "a table"),
    ("auth.ways", [{}], "auth.ways[0]", {}, "at least one header"),
    ("auth.ways", [{"X-Key": ""}], "auth.ways[0].X-Key", "X-Key", "lower-case header names as keys"),
    ("auth.ways", [{"x-key": 1}], "auth.ways[0].x-key", 1, TEXT),
    ("auth.ways", [{1: ""}], "auth.ways[0]", 1, "a text as key"),
    (
        "auth.token_pattern",
        "(",
        "auth.token_pattern",
        "(",
        "a regular expression (missing ), unterminated subpattern at position 0)",
    ),
    ("auth.cancel_scope", "", "auth.cancel_scope", "", TEXT),
    ("auth.scope", "x", "auth.scope", "x", "no such key; known: ways, token_pattern, cancel_scope"),
    ("tenancy.foreign", "hide", "tenancy.foreign", "hide", '"not_found", "forbidden"'),
    ("tenancy.labels", {"project": 1}, "tenancy.labels.project", 1, TEXT),
    ("tenancy.own", 1, "tenancy.own", 1, "no such key; known: foreign, labels"),
    ("ids.pattern", "[", "ids.pattern", "[", "a regular expression (unterminated character set at position 0)"),
    ("ids.pattern", None, "ids.pattern", None, TEXT),
    ("ids.mint", "job", "ids.mint", "job", MINT),
    ("ids.mint", "{ulid}{uuid}", "ids.mint", "{ulid}{uuid}", MINT),
    ("ids.request", "req {ulid}", "ids.request", "req {ulid}", MINT),
    ("ids.form", 1, "ids.form", 1, "no such key; known: pattern, mint, request, ignore_case, called"),
    ("ids.ignore_case", "yes", "ids.ignore_case", "yes", FLAG),
    ("ids.called", "", "ids.called", "", TEXT),
    ("timestamps.digits", 2, "timestamps.digits", 2, "0, 3, 6"),
    ("timestamps.digits", False, "timestamps.digits", False, "0, 3, 6"),
    ("timestamps.digits", [], "timestamps.digits", [], "0, 3, 6"),
    ("timestamps.zone", "UTC", "timestamps.zone", "UTC", '"Z", "+00:00"'),
    ("timestamps.zone", ..., "timestamps.zone", None, '"Z", "+00:00"' + MISSING),
    ("timestamps.a", 1, "timestamps.a", 1, "no such key; known: digits, zone"),
    ("statuses.canceling", ..., "statuses.canceling", None, TEXT + MISSING),
    (
        "statuses.cancelled",
        "x",
        "statuses.cancelled",
        "x",
        "no such key; known: pending, running, canceling, succeeded, partially_succeeded, failed, canceled",
    ),
    (
        "failure_statuses.OOPS",
        "x",
        "failure_statuses.OOPS",
        "x",
        "no such key; known: HANDLER_ERROR, TIMED_OUT, FOREIGN_CANCEL, WORKER_LOST, EXPIRED, CLEANUP_FAILED",
    ),
    ("failure_statuses.EXPIRED", 1, "failure_statuses.EXPIRED", 1, TEXT),
    ("failures.codes", {"parse": "X"}, "failures.codes.default", None, TEXT + MISSING),
    ("failures.canceled", 1, "failures.canceled", 1, TEXT),
    ("failures.code", 1, "failures.code", 1, "no such key; known: codes, canceled"),
    ("policies.on_shielded_stage", "force", "policies.on_shielded_stage", "force", '"refuse", "defer"'),
    ("policies.via_canceling", 1, "policies.via_canceling", 1, FLAG),
    ("policies.canceled_at_once", 1, "policies.canceled_at_once", 1, FLAG),
    ("policies.settle_s", -1, "policies.settle_s", -1, SECONDS),
    ("policies.settle_s", inf, "policies.settle_s", inf, SECONDS),
    ("policies.settle_s", True, "policies.settle_s", True, SECONDS),
    ("policies.settle_s", "1", "policies.settle_s", "1", SECONDS),
    (
        "policies.a",
        1,
        "policies.a",
        1,
        "no such key; known: on_shielded_stage, via_canceling, canceled_at_once, settle_s",
    ),
    ("keys", {"header": "K"}, "keys.max_length", None, "a whole number from 1" + MISSING),
    ("keys", {"header": "K", "max_length": 0}, "keys.max_length", 0, "a whole number from 1"),
    ("keys", {"header": "K", "max_length": 1, "a": 1}, "keys.a", 1, "no such key; known: header, max_length"),
    ("routes", ..., "routes", None, "a list of tables, one for each route" + MISSING),
    ("routes", [], "routes", [], "a list of tables, one for each route"),
    ("routes", [1], "routes[0]", 1, "a table"),
    (f"{ROUTE}.op", "poll", "routes[0].op", "poll", '"cancel", "get", "list", "health"'),
    (f"{ROUTE}.methods", "POST", "routes[0].methods", "POST", "a list of HTTP methods"),
    (f"{ROUTE}.methods", ["post"], "routes[0].methods[0]", "post", "an HTTP method in capitals"),
    (f"{ROUTE}.methods", [1], "routes[0].methods[0]", 1, TEXT),
    (f"{ROUTE}.path", "jobs/{job_id}", "routes[0].path", "jobs/{job_id}", PATH),
    (f"{ROUTE}.path", "/jobs/{job_id}/", "routes[0].path", "/jobs/{job_id}/", PATH),
    (f"{ROUTE}.path", "/jobs/{id}", "routes[0].path", "/jobs/{id}", "a path with {job_id} in it, for op cancel"),
    ("routes.1.path", "/jobs/{id}", "routes[1].path", "/jobs/{id}", "a path with {job_id} in it, for op get"),
    (f"{ROUTE}.path", "/{job_id}/{job_id}", "routes[0].path", "/{job_id}/{job_id}", "each parameter once"),
    (f"{ROUTE}.etag", "yes", "routes[0].etag", "yes", FLAG),
    (f"{ROUTE}.wait_parameter", "", "routes[0].wait_parameter", "", TEXT),
    (f"{ROUTE}.wait_s", nan, "routes[0].wait_s", nan, SECONDS),
    (f"{ROUTE}.authenticated", None, "routes[0].authenticated", None, FLAG),
    (
        f"{ROUTE}.a",
        1,
        "routes[0].a",
        1,
        "no such key; known: op, methods, path, body, etag, wait_parameter, wait_s, authenticated",
    ),
    (ROW, ..., ROW, None, "a table" + MISSING),
    ("outcomes.gone", {}, "outcomes.gone", {}, "no such key; known: " + ", ".join(bare()["outcomes"])),
    (f"{ROW}.status", ..., f"{ROW}.status", None, STATUS + MISSING),
    (f"{ROW}.status", 199, f"{ROW}.status", 199, STATUS),
    (f"{ROW}.status", 600, f"{ROW}.status", 600, STATUS),
    (f"{ROW}.status", "200", f"{ROW}.status", "200", STATUS),
    (f"{ROW}.status", True, f"{ROW}.status", True, STATUS),
    (f"{ROW}.source", "guess", f"{ROW}.source", "guess", SOURCE),
    (f"{ROW}.source", ..., f"{ROW}.source", None, SOURCE + MISSING),
    (f"{ROW}.unlisted", "!", f"{ROW}.unlisted", "!", FLAG),
    (f"{ROW}.note", 1, f"{ROW}.note", 1, TEXT),
    (f"{ROW}.message", 1, f"{ROW}.message", 1, TEXT),
    (f"{ROW}.code", 1, f"{ROW}.code", 1, ROW_KEYS),
    (f"{ROW}.headers", {"a b": "x"}, f"{ROW}.headers.a b", "a b", "header names as keys"),
    (f"{ROW}.headers", {"Age": 5}, f"{ROW}.headers.Age", 5, TEXT),
    ("errors.closed", ..., "errors.closed", None, "a table" + MISSING),
    ("errors.teapot", {}, "errors.teapot", {}, f"no such key; known: {', '.join(bare()['errors'])}, unknown_job"),
    ("errors.unknown_job", {"status": 999}, "errors.unknown_job.status", 999, STATUS),
    ("document", ..., "document", None, "a table" + MISSING),
    (
        "document",
        {"$with": "$job.result", "as": 1},
        "document.$with",
        "$job.result",
        "a field of the document; $ is allowed only inside a field",
    ),
    (
        "kinds.parse",
        {"grace_s": 0},
        "kinds.parse.grace_s",
        0,
        "a number of seconds above 0, up to 3155760000 (a hundred years), inf for no limit",
    ),
    ("kinds", [], "kinds", [], "a table"),
    ("kind_words.parse", 1, "kind_words.parse", 1, TEXT),
    ("variants.v", {"lays": {}}, "variants.v.changes", None, TEXT + MISSING),
    ("variants.v", {"changes": "x"}, "variants.v.lays", None, "a table" + MISSING),
    ("variants.v", {"changes": "x", "lays": 1}, "variants.v.lays", 1, "a table"),
    (
        "variants.v",
        {"changes": "x", "lays": {"name": "y"}},
        "variants.v.lays.name",
        "y",
        "nothing: a variant cannot change name",
    ),
    (
        "variants.v",
        {"changes": "x", "lays": {"variants": {}}},
        "variants.v.lays.variants",
        {},
        "nothing: a variant cannot change variants",
    ),
    ("variants.v", {"changes": "x", "lays": {}, "a": 1}, "variants.v.a", 1, "no such key; known: changes, lays"),
    (
        "variants.v",
        {"changes": "x", "lays": {"outcomes": {"refused": {"status": 1}}}},
        "variants.v.lays.outcomes.refused.status",
        1,
        STATUS,
    ),
    # templates: each error names the place in the whole of the data
    (f"{ROW}.body", date(2024, 5, 1), f"{ROW}.body", date(2024, 5, 1), PLAIN),
    (f"{ROW}.body", {"a": [inf]}, f"{ROW}.body.a[0]", inf, PLAIN),
    (f"{ROW}.headers", {"Age": "{job_id!r}"}, f"{ROW}.headers.Age", "{job_id!r}", BARE_PLACES),
    (f"{ROW}.message", "{", f"{ROW}.message", "{", "braces in pairs; {{ and }} for a brace itself"),
    (f"{ROUTE}.body", {"$x": 1}, "routes[0].body.$x", 1, "a text as key; of keys with $ only $each and $with"),
    (
        "document.self",
        "$job",
        "document.self",
        "$job",
        "a part of the job, as in $job.id: this is its document",
    ),
]


@pytest.mark.parametrize(
    ("at", "put", "path", "value", "allowed"), WRONG, ids=[f"{row[2]}-{number}" for number, row in enumerate(WRONG)]
)
def test_wrong_data_is_refused_with_path_value_and_allowed_values(
    at: str, put: Any, path: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ContractDataError) as caught:
        load(changed(at, put))
    assert (caught.value.path, caught.value.allowed) == (path, allowed)
    assert caught.value.value is value or caught.value.value == value


def test_the_bare_contract_itself_is_right() -> None:
    assert load(bare()).name == "bare"


NUMBERED: list[dict[Any, Any]] = [{1: 2}, dict(bare()) | {1: 2}]


@pytest.mark.parametrize("data", NUMBERED)
def test_a_document_whose_keys_are_no_texts_is_refused(data: Any) -> None:
    with pytest.raises(ContractDataError) as caught:
        load(data)
    assert (caught.value.path, caught.value.value, caught.value.allowed) == ("the document", 1, "a text as key")


def test_an_error_of_data_is_a_value_error_of_this_library() -> None:
    with pytest.raises(
        ValueError, match=r'tenancy\.foreign: 5 is not allowed here; allowed: "not_found", "forbidden"'
    ) as caught:
        load(changed("tenancy.foreign", 5))
    assert isinstance(caught.value, JobCancelError)
