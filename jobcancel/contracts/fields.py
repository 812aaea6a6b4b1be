"""Reading tables of plain data field by field: every error names the path, the value and what is allowed there."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Final, TypeVar, cast, get_args

from jobcancel._core.arguments import DELAY, LARGEST, N, Range
from jobcancel.errors import ContractDataError

E = TypeVar("E", bound=StrEnum)

TEXT: Final = "a text that is not empty"
TABLE: Final = "a table"
FLAG: Final = "true or false"


def joined(path: str, name: str) -> str:
    """Return the path of ``name`` below ``path``, which is empty for the whole document."""
    return f"{path}.{name}" if path else name


@contextmanager
def paths_below(path: str) -> Generator[None]:
    """Put ``path`` before the path of a ``ContractDataError`` that is raised inside."""
    try:
        yield
    except ContractDataError as error:
        raise ContractDataError(joined(path, error.path), error.value, error.allowed) from None


def table_at(value: object, path: str) -> Fields:
    """Return a table for reading.

    Raises:
        ContractDataError: The value is no table, or one of its keys is no text.
    """
    if not isinstance(value, Mapping):
        raise ContractDataError(path or "the document", value, TABLE)
    for key in cast("Mapping[object, Any]", value):
        if not isinstance(key, str):
            raise ContractDataError(path or "the document", key, "a text as key")
    return Fields(cast("Mapping[str, Any]", value), path)


def text_at(value: object, path: str) -> str:
    """Return a text that is not empty.

    Raises:
        ContractDataError: The value is something else.
    """
    if not isinstance(value, str) or not value:
        raise ContractDataError(path, value, TEXT)
    return value


def matching(text: str, path: str, pattern: str, allowed: str) -> str:
    """Return a text that matches ``pattern`` as a whole.

    Raises:
        ContractDataError: It does not match.
    """
    if re.fullmatch(pattern, text) is None:
        raise ContractDataError(path, text, allowed)
    return text


class Fields:
    """A table whose fields are read one by one; ``done`` refuses fields that were not read.

    Args:
        table: The data.
        path: The path of the table; empty for the whole document.
    """

    def __init__(self, table: Mapping[str, Any], path: str) -> None:
        self.path: str = path
        self._table = table
        self._known: list[str] = []

    def at(self, name: str) -> str:
        """Return the path of a field."""
        return joined(self.path, name)

    def has(self, name: str) -> bool:
        """Return whether the table has the field, and count the field as known."""
        self._known.append(name)
        return name in self._table

    def any(self, name: str, allowed: str) -> Any:
        """Return a field's value.

        Raises:
            ContractDataError: It is missing.
        """
        if self.has(name):
            return self._table[name]
        raise ContractDataError(self.at(name), None, f"{allowed} (it is missing)")

    def any_or(self, name: str, default: object) -> Any:
        """Return a field's value, or ``default`` if it is missing."""
        return self._table[name] if self.has(name) else default

    def text(self, name: str) -> str:
        """Return a text that is not empty."""
        return text_at(self.any(name, TEXT), self.at(name))

    def text_or_none(self, name: str) -> str | None:
        """Return a text that is not empty, or None if it is missing."""
        return self.text(name) if self.has(name) else None

    def pattern(self, name: str) -> re.Pattern[str]:
        """Return a compiled regular expression."""
        text = self.text(name)
        try:
            return re.compile(text)
        except re.error as error:
            raise ContractDataError(self.at(name), text, f"a regular expression ({error})") from None

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.any_or(name, default)
        if not isinstance(value, bool):
            raise ContractDataError(self.at(name), value, FLAG)
        return value

    def whole(self, name: str, least: int, most: int | None = None) -> int:
        """Return a whole number from ``least`` to ``most``."""
        allowed = f"a whole number from {least}" + ("" if most is None else f" to {most}")
        return self._number(Range(int, least, most or LARGEST, allowed), self.any(name, allowed), name)

    def seconds(self, name: str) -> float:
        """Return seconds; 0 if they are missing."""
        return float(self._number(DELAY, self.any_or(name, 0), name))

    def _number(self, numbers: Range[N], value: object, name: str) -> N:
        try:
            return numbers.check(value, name)
        except (TypeError, ValueError):
            raise ContractDataError(self.at(name), value, numbers.allowed) from None

    def word(self, name: str, words: Any) -> Any:
        """Return one of the values of a ``Literal``."""
        known: tuple[Any, ...] = get_args(words)
        allowed = ", ".join(f'"{word}"' if isinstance(word, str) else str(word) for word in known)
        value = self.any(name, allowed)
        # In Python 0 equals False and 3 equals 3.0; in data these are different values.
        if not any(value == word and type(value) is type(word) for word in known):
            raise ContractDataError(self.at(name), value, allowed)
        return value

    def member(self, name: str, members: type[E]) -> E:
        """Return a member of an enum."""
        allowed = ", ".join(f'"{member}"' for member in members)
        value = self.any(name, allowed)
        try:
            return members(value)
        except ValueError:
            raise ContractDataError(self.at(name), value, allowed) from None

    def table(self, name: str, *, optional: bool = False) -> Fields:
        """Return a table; an empty table if it is optional and missing."""
        return table_at(self.any_or(name, {}) if optional else self.any(name, TABLE), self.at(name))

    def items(self, name: str, allowed: str) -> Iterator[tuple[str, Any]]:
        """Return the path and the value of each element of a list that is not empty."""
        value = self.any(name, allowed)
        if not isinstance(value, list | tuple) or not value:
            raise ContractDataError(self.at(name), cast(object, value), allowed)
        yield from ((f"{self.at(name)}[{i}]", item) for i, item in enumerate(cast("list[Any]", value)))

    def plain_table(self, name: str, *, optional: bool = False) -> dict[str, Any]:
        """Return a table as a dictionary."""
        return self.table(name, optional=optional).whole_table()

    def whole_table(self) -> dict[str, Any]:
        """Return this table as a dictionary, and count all its fields as known."""
        self._known.extend(self._table)
        return dict(self._table)

    def texts(self, *, empty: bool = False) -> dict[str, str]:
        """Return this table as a dictionary of texts, which may be empty only if ``empty`` is true."""
        return {name: "" if empty and self._table[name] == "" else self.text(name) for name in self._table}

    def names(self) -> tuple[str, ...]:
        """Return the names of the table's fields."""
        return tuple(self._table)

    def done(self) -> None:
        """Refuse unknown fields.

        Raises:
            ContractDataError: The table has a field that was not read.
        """
        for key, value in self._table.items():
            if key not in self._known:
                raise ContractDataError(self.at(key), value, "no such key; known: " + ", ".join(self._known))
