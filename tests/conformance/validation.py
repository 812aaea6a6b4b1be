"""Every response against the vendor's own schema: ``schemas/<vendor>.json``, written from its document alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker

from tests.conformance.client import Answer

SCHEMAS: Final = Path(__file__).parent / "schemas"
OURS: Final = "/openapi.json"
"""What no vendor has."""

FORMATS: Final = FormatChecker(["uuid"])


@FORMATS.checks("date-time", ValueError)
def is_date_time(value: object) -> bool:
    """Return whether a text is a date and a time with its zone, as RFC 3339 writes them."""
    if not isinstance(value, str):
        return True
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value):
        return False
    return datetime.fromisoformat(value).tzinfo is not None


class VendorSchema:
    """The responses in a vendor's document.

    Attributes:
        variants: The variants that the file knows.
    """

    def __init__(self, data: Mapping[str, Any], variants: Iterable[str] = ()) -> None:
        self._data = data
        self.variants: tuple[str, ...] = tuple(data["variants"])
        self._validators: dict[int, Any] = {}  # by the schema's identity; the stubs leave parts of the types unknown
        self._operations: dict[str, Any] = data["operations"]
        self._responses = {name: dict(operation["responses"]) for name, operation in self._operations.items()}
        for variant in variants:
            for name, responses in data["variants"][variant].items():
                self._responses[name] |= responses

    @property
    def operations(self) -> set[str]:
        """The operations that the document has."""
        return set(self._operations)

    def documented(self, operation: str) -> set[str]:
        """Return the statuses that the document has for an operation."""
        return set(self._responses[operation])

    def operation(self, method: str, target: str | bytes) -> str | None:
        """Return the operation that a request asks for, or None if the vendor has no such one."""
        path = urlsplit(target if isinstance(target, str) else target.decode("latin-1")).path
        for name, operation in self._operations.items():
            if re.fullmatch(operation["method"], method) and re.fullmatch(operation["path"], path):
                return name
        return None

    def problems(self, method: str, target: str | bytes, answer: Answer) -> list[str]:
        """Return the problems of an answer, as text; none if it is as the document says.

        What the server itself answers to a request that is no HTTP has no request id, and no vendor's form.
        """
        if target == OURS or method == "HEAD" or answer.header("x-request-id") is None:
            return []
        operation = self.operation(method, target)
        responses = {} if operation is None else self._responses[operation]
        if operation is not None and answer.status < 400 and str(answer.status) not in responses:
            return [f"{operation}: {answer.status} is no success of this vendor"]
        response = responses.get(str(answer.status), {"body": self._data["error"]})
        return [*self._headers(response, answer), *self._body(response, answer)]

    def _headers(self, response: Mapping[str, Any], answer: Answer) -> Iterable[str]:
        if "headers" in response:
            yield from self._against(response["headers"], dict(answer.headers), "header")

    def _body(self, response: Mapping[str, Any], answer: Answer) -> Iterable[str]:
        if "body" not in response:
            if answer.content:
                yield f"there is a body, and the vendor has none: {answer.body}"
        elif answer.header("content-type") != "application/json":
            yield f"its type is {answer.header('content-type')}"
        else:
            yield from self._against(response["body"], json.loads(answer.content), "body")

    def _against(self, schema: Mapping[str, Any], value: object, what: str) -> Iterable[str]:
        for error in self._validator(schema).iter_errors(value):
            yield f"{what}{error.json_path[1:]}: {error.message}"

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        """Return the compiled validator of a schema of this document; compiling takes longer than a check."""
        if id(schema) not in self._validators:
            whole = {"$defs": self._data["$defs"], **schema}
            self._validators[id(schema)] = Draft202012Validator(whole, format_checker=FORMATS)
        return self._validators[id(schema)]


@cache
def schema_of(vendor: str, variants: tuple[str, ...] = ()) -> VendorSchema:
    """Return a vendor's schema, its variants laid over."""
    return VendorSchema(json.loads((SCHEMAS / f"{vendor}.json").read_text(encoding="utf-8")), variants)


def require_valid(vendor: str, variants: tuple[str, ...], method: str, target: str | bytes, answer: Answer) -> None:
    """Fail unless the answer is what the vendor's document says."""
    problems = schema_of(vendor, variants).problems(method, target, answer)
    assert problems == [], f"{vendor} {method} {str(target)[:200]} {answer.status}: {answer.body}"
