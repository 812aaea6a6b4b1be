"""JSON schemas of rendered templates, inferred from the templates, so that no schema is written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, cast

from jobcancel.contracts import Contract

Schema = dict[str, Any]

JOB_REF: Final[Mapping[str, Any]] = MappingProxyType({"$ref": "#/components/schemas/Job"})
_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NUMBER_OR_NULL: Final[Schema] = {"type": ["number", "null"]}

# The schemas of the placeholders of templates; any other placeholder may have any value.
_PLACEHOLDERS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        **dict.fromkeys(("job.id", "job.kind", "job.created_at", "job_id"), _TEXT),
        **dict.fromkeys(("request_id", "message", "allow", "field"), _TEXT),
        **dict.fromkeys(("job.stage", "job.started_at", "job.settled_at", "job.key", "job.owner"), _TEXT_OR_NULL),
        **dict.fromkeys(("job.parent_id", "job.error_code", "job.reason", "cursor", "stage"), _TEXT_OR_NULL),
        **dict.fromkeys(("job.progress.done", "job.progress.total"), _NUMBER_OR_NULL),
        "job.progress.message": _TEXT_OR_NULL,
        "job.result_object": {"type": ["object", "null"]},
        "location": {"type": "array", "items": _TEXT, "minItems": 1},
        "job.progress.fraction": {"type": "number", "minimum": 0, "maximum": 1},
        "job.attempt": {"type": "integer", "minimum": 1},
        "job.failure": {
            "type": ["object", "null"],
            "properties": {"code": _TEXT_OR_NULL, "message": _TEXT},
            "required": ["code", "message"],
        },
        "job": dict(JOB_REF),
        "jobs": {"type": "array", "items": dict(JOB_REF)},
        **{f"rate.{name}": _COUNT for name in ("limit", "remaining", "reset_s", "retry_after_s")},
        "null": {"type": "null"},
    }
)


class SchemaInference:
    """Infers schemas for the templates of one contract, whose words for a job's status it knows."""

    def __init__(self, contract: Contract) -> None:
        words = {*contract.statuses.values(), *contract.failure_statuses.values()}
        self._placeholders: Mapping[str, Schema] = {
            **_PLACEHOLDERS,
            "job.status": {"type": "string", "enum": sorted(words)},
        }

    def of(self, template: Any) -> Schema:
        """Return the schema of a template's rendered value."""
        if isinstance(template, str):
            return self._of_text(template)
        if isinstance(template, Mapping):
            table = cast("Mapping[str, Any]", template)
            if "$each" in table:
                return dict(_TEXT) if "join" in table else {"type": "array", "items": self.of(table["as"])}
            if "$with" in table:
                return {"anyOf": [self.of(table["as"]), {"type": "null"}]}
            return self._of_table(table)
        if isinstance(template, list | tuple):
            items = [self.of(item) for item in cast("list[Any]", template)]
            return {"type": "array", "items": any_of(items), "minItems": len(items), "maxItems": len(items)}
        return {"const": template}

    def _of_text(self, text: str) -> Schema:
        if text.startswith("$") and not text.startswith("$$"):
            names = text[1:].removesuffix("?").split("|")
            return dict(self._placeholders.get(names[0], {})) if len(names) == 1 else {}
        return dict(_TEXT) if "{" in text or "}" in text or text.startswith("$") else {"const": text}

    def _of_table(self, table: Mapping[str, Any]) -> Schema:
        named = {key: value for key, value in table.items() if "{" not in key}
        others = [self.of(value) for key, value in table.items() if "{" in key]
        return {
            "type": "object",
            "properties": {key: self.of(value) for key, value in named.items()},
            "required": [key for key, value in named.items() if not _is_optional(value)],
            "additionalProperties": any_of(others) if others else False,
        }


def any_of(schemas: list[Schema]) -> Schema:
    """Return the schema of a value that fits one of ``schemas``; equal schemas are listed once."""
    different: list[Schema] = []
    for schema in schemas:
        if schema not in different:
            different.append(schema)
    return {"anyOf": different} if len(different) > 1 else different[0] if different else {}


def _is_optional(template: Any) -> bool:
    if isinstance(template, Mapping):
        table = cast("Mapping[str, Any]", template)
        template = table.get("$each", table.get("$with"))
    return isinstance(template, str) and template.startswith("$") and template.endswith("?")
