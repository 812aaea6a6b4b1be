"""From plain data to the answers of a contract: its routes, and the rows of its outcomes and errors."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from jobcancel.errors import ContractDataError

from .contract import Op, Route, Row, Source
from .fields import Fields, joined, matching, table_at, text_at

_NAME: Final = (r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "header names as keys")
_METHOD: Final = (r"[A-Z]+", "an HTTP method in capitals")
_PATH: Final = (
    r"(/([A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]*\}))+",
    "an absolute path of plain segments and {parameters}, as in /v1/jobs/{job_id}",
)


@contextmanager
def under(path: str) -> Generator[None]:
    """Let an error that names a place below ``path`` name the whole path."""
    try:
        yield
    except ContractDataError as error:
        raise ContractDataError(joined(path, error.path), error.value, error.allowed) from None


def row_at(fields: Fields) -> Row:
    """Return one answer.

    Raises:
        ContractDataError: Something in it is unknown, missing or wrong.
    """
    headers = fields.table("headers", optional=True)
    for name in headers.names():
        matching(name, headers.at(name), *_NAME)
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
    with under(fields.path):
        return Row(**parts)


def route_at(value: object, path: str) -> Route:
    """Return one route.

    Raises:
        ContractDataError: Something in it is unknown, missing or wrong.
    """
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
    _names_its_job(parts["op"], parts["path"], fields)
    with under(path):
        return Route(**parts)


def _names_its_job(op: str, path: str, fields: Fields) -> None:
    parameters: list[str] = re.findall(r"\{(\w+)\}", path)
    if op in ("cancel", "get") and "job_id" not in parameters:
        raise ContractDataError(fields.at("path"), path, f"a path with {{job_id}} in it, for op {op}")
    if len(set(parameters)) < len(parameters):
        raise ContractDataError(fields.at("path"), path, "each parameter once")
