"""The OpenAPI 3.1 document of a contract, made from its routes, rows and templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from jobcancel.contracts import Auth, Case, Contract, Route, Row

from .operations import LARGEST_PAGE
from .requests import LONGEST_ID
from .responses import NOT_MODIFIED
from .schemas import Schema, SchemaInference, any_of

_SUMMARIES: Final[Mapping[str, str]] = {
    "cancel": "Request the cancel of a job",
    "get": "Show a job",
    "list": "List the caller's jobs, newest first; `cursor` is the cursor of an earlier page",
    "health": "Show that the service is up",
}
_REQUEST_ID: Final = {"X-Request-Id": {"description": "The request's id", "schema": {"type": "string"}}}
_ETAG: Final = {"ETag": {"description": "A strong tag of the body", "schema": {"type": "string"}}}
_NO_BODY: Final = (None, "$null")
_FIRST_REFUSAL: Final = 400


def openapi(contract: Contract) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of what is served for a contract."""
    schemas = SchemaInference(contract)
    ids: set[str] = set()
    paths: dict[str, dict[str, Any]] = {}
    for route in contract.routes:
        item = paths.setdefault(route.path, {"parameters": _path_parameters(contract, route.path)})
        for method in route.methods:
            operation = {"operationId": _operation_id(route, method, ids), **_operation(contract, route, schemas)}
            item.setdefault(method.lower(), operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": contract.title, "version": "1", "description": _description(contract)},
        "paths": paths,
        "components": {
            "schemas": {"Job": schemas.of(contract.document)},
            "securitySchemes": _security_schemes(contract.auth),
        },
    }


def _description(contract: Contract) -> str:
    applied = "".join(f"\n\nVariant `{name}`: {contract.variants[name]}" for name in contract.applied)
    return f"After {contract.source}{applied}"


def _operation_id(route: Route, method: str, taken: set[str]) -> str:
    """Return the operation's name; if it is taken, with the fixed parts of its path."""
    fixed = "_".join(re.findall(r"[A-Za-z0-9]+", re.sub(r"\{.*?\}", "", route.path)))
    wanted: list[str] = [route.op, f"{route.op}_{fixed}", f"{route.op}_{fixed}_{method.lower()}"]
    name = next((name for name in wanted if name not in taken), wanted[-1])
    taken.add(name)
    return name


def _operation(contract: Contract, route: Route, schemas: SchemaInference) -> dict[str, Any]:
    return {
        "summary": _SUMMARIES[route.op],
        "parameters": _parameters(route),
        "security": _requirements(contract.auth, route) if route.authenticated else [],
        "responses": _responses(contract, route, schemas),
    }


def _path_parameters(contract: Contract, path: str) -> list[dict[str, Any]]:
    schema: Schema = {"type": "string", "minLength": 1}
    # If the vendor does not refuse malformed ids, every id is valid for a client.
    if contract.outcomes[Case.MALFORMED_ID].status >= _FIRST_REFUSAL:
        job_id = {**schema, "maxLength": LONGEST_ID, "pattern": f"^(?:{contract.ids.pattern.pattern})$"}
    else:
        job_id = schema
    return [
        {"name": name, "in": "path", "required": True, "schema": job_id if name == "job_id" else schema}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if route.wait_parameter is not None:
        words = f"With `true` the response waits until the job has ended, at most {route.wait_s:g} s"
        parameters.append(_optional(route.wait_parameter, "query", words, {"type": "string"}))
    if route.op == "list":
        limit = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": LARGEST_PAGE}
        parameters.append(_optional("limit", "query", "The largest number of jobs in a page", limit))
    if route.etag:
        words = "The ETag of the body that the client has"
        parameters.append(_optional("If-None-Match", "header", words, {"type": "string"}))
    return parameters


def _optional(name: str, place: str, description: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": place, "required": False, "description": description, "schema": schema}


def _scheme_name(header: str, prefix: str) -> str:
    return "bearer" if _is_bearer(header, prefix) else header


def _is_bearer(header: str, prefix: str) -> bool:
    return (header, prefix.lower()) == ("authorization", "bearer ")


def _security_schemes(auth: Auth) -> dict[str, Any]:
    schemes: dict[str, Any] = {}
    for header, prefix in (pair for way in auth.ways for pair in way.items()):
        scheme = {"type": "apiKey", "in": "header", "name": header}
        if _is_bearer(header, prefix):
            scheme = {"type": "http", "scheme": "bearer"}
        elif prefix:
            scheme["description"] = f"The value begins with `{prefix}`."
        schemes[_scheme_name(header, prefix)] = scheme
    return schemes


def _requirements(auth: Auth, route: Route) -> list[dict[str, list[str]]]:
    """Return the ways to authenticate, each with all the headers that it needs."""
    scopes = [auth.cancel_scope] if route.op == "cancel" and auth.cancel_scope is not None else []
    return [{_scheme_name(header, prefix): scopes for header, prefix in way.items()} for way in auth.ways]


def _responses(contract: Contract, route: Route, schemas: SchemaInference) -> dict[str, Any]:
    """Return the responses by status; if several rows have one status, its description names each row."""
    rows: dict[int, list[tuple[str, Row]]] = {}
    for name, row in _rows(contract, route):
        rows.setdefault(row.status, []).append((name, row))
    responses = {str(status): _response(of_status, schemas) for status, of_status in sorted(rows.items())}
    if route.etag:
        responses["200"]["headers"] |= _ETAG
        same = {"description": "not modified: the client has this body", "headers": _REQUEST_ID | _ETAG}
        responses[str(NOT_MODIFIED)] = same
    return responses


def _rows(contract: Contract, route: Route) -> Iterable[tuple[str, Row]]:
    cases = {"cancel": tuple(Case), "get": (Case.NOT_FOUND, Case.FORBIDDEN, Case.MALFORMED_ID)}.get(route.op, ())
    if route.op != "cancel":
        yield "success", Row(status=HTTPStatus.OK, body=route.template, source="implied")
    if route.authenticated:
        cases = (*cases, Case.UNAUTHENTICATED, Case.RATE_LIMITED)
    for case in dict.fromkeys((*cases, Case.INTERNAL_ERROR)):
        yield case, contract.row(case, route.op)
    refused = ("invalid_request",) if route.op == "list" else ()
    for name in ("unknown_route", "method_not_allowed", *refused, "closed"):
        yield name, contract.errors[name]


def _response(rows: list[tuple[str, Row]], schemas: SchemaInference) -> dict[str, Any]:
    headers: dict[str, Any] = dict(_REQUEST_ID)
    for _, row in rows:
        headers |= {name: {"schema": schemas.of(template)} for name, template in row.headers.items()}
    response: dict[str, Any] = {"description": "\n".join(_describe(*row) for row in rows), "headers": headers}
    bodies = [schemas.of(row.body) for _, row in rows if row.body not in _NO_BODY]
    if bodies:
        response["content"] = {"application/json": {"schema": any_of(bodies)}}
    return response


def _describe(name: str, row: Row) -> str:
    """Return one line about a row: its name, and how the vendor's document supports it."""
    remarks = [row.source.replace("_", " ")]
    if row.unlisted:
        remarks.append("not a status that the vendor lists")
    if row.note:
        remarks.append(row.note)
    return f"{name} ({'; '.join(remarks)})"
