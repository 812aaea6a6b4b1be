"""Matchers for values that a vendor's document leaves open: texts for people, new ids, times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

START_S = 1_800_000_000.25
"""What the clock of a served scheduler reads at first, in seconds since 1970: 2027-01-15 08:00:00.25 UTC."""

LEAKS = ("Traceback", "RuntimeError", "KeyError", "jobcancel", ".py", "secret", "<", "{", "}", "$", "None")
"""Texts that no message may contain."""


class Matching:
    """Equal to every string that fully matches ``pattern``."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.fullmatch(other) is not None

    def __hash__(self) -> int:
        return hash(self._pattern)

    def __repr__(self) -> str:
        return f"<matches {self._pattern.pattern}>"


class AnyText:
    """Equal to every line of text that leaks nothing and contains all of ``of``."""

    def __init__(self, *of: str) -> None:
        self.of = of

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str) or not other.strip() or "\n" in other:
            return False
        return not any(leak in other for leak in LEAKS) and all(part in other for part in self.of)

    def __hash__(self) -> int:
        return hash(self.of)

    def __repr__(self) -> str:
        return f"<words{''.join(f' with {part!r}' for part in self.of)}>"


class Timestamp:
    """Equal to every ISO 8601 time in UTC, with a ``Z``, of the instant ``after_s`` seconds after the start."""

    def __init__(self, after_s: float = 0) -> None:
        self._at = datetime.fromtimestamp(START_S + after_s, UTC)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", other):
            return False
        told = datetime.fromisoformat(other)
        return told in {self._at, self._at.replace(microsecond=0)}

    def __hash__(self) -> int:
        return hash(self._at)

    def __repr__(self) -> str:
        return f"<{self._at.isoformat()}>"


def with_id(job_id: str, document: Any) -> Any:
    """Return ``document`` with each ``{id}`` replaced by the job's id."""
    if isinstance(document, str):
        return document.replace("{id}", job_id)
    if isinstance(document, AnyText):
        return AnyText(*(with_id(job_id, part) for part in document.of))
    if isinstance(document, dict):
        return {with_id(job_id, name): with_id(job_id, part) for name, part in cast("dict[str, Any]", document).items()}
    return document


def without_nulls(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not null: a nullable field may be null or missing."""
    return {name: value for name, value in document.items() if value is not None}
