"""Reading plain data field by field: every error names the path, the value and what is allowed there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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


def table_at(value: object, path: str) -> Fields:
    """Return a table for reading.

    Raises:
        ContractDataError: It is none, or a key of it is no text.
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
        ContractDataError: It is none.
    """
    if not isinstance(value, str) or not value:
        raise ContractDataError(path, value, TEXT)
    return value


def matching(text: str, path: str, pattern: str, allowed: str) -> str:
    """Return a text of the form that ``pattern`` says.

    Raises:
        ContractDataError: It has another.
    """
    if re.fullmatch(pattern, text) is None:
        raise ContractDataError(path, text, allowed)
    return text


class Fields:
    """A table whose fields are taken one by one; ``done`` refuses what nobody took.

    Args:
        table: The data.
        path: Where they stand; empty for the whole document.
    """

    def __init__(self, table: Mapping[str, Any], path: str) -> None:
        self.path: str = path
        self._table = table
        self._known: list[str] = []

    def at(self, name: str) -> str:
        """Return the path of a field."""
        return joined(self.path, name)

    def has(self, name: str) -> bool:
        """Return whether the field is there; from now on it is known."""
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
        """Return a field's value, or ``default`` if it is not there."""
        return self._table[name] if self.has(name) else default

    def text(self, name: str) -> str:
        """Return a text that is not empty."""
        return text_at(self.any(name, TEXT), self.at(name))

    def text_or_none(self, name: str) -> str | None:
        """Return a text that is not empty, or None if it is not there."""
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
        """Return a whole number of a range."""
        allowed = f"a whole number from {least}" + ("" if most is None else f" to {most}")
        return self._number(Range(int, least, most or LARGEST, allowed), self.any(name, allowed), name)

    def seconds(self, name: str) -> float:
        """Return seconds, 0 if they are not there."""
        return float(self._number(DELAY, self.any_or(name, 0), name))

    def _number(self, numbers: Range[N], value: object, name: str) -> N:
        try:
            return numbers.check(value, name)
        except (TypeError, ValueError):
            raise ContractDataError(self.at(name), value, numbers.allowed) from None

    def word(self, name: str, words: Any) -> Any:
        """Return one of the words of a ``Literal``."""
        known: tuple[Any, ...] = get_args(words)
        allowed = ", ".join(f'"{word}"' if isinstance(word, str) else str(word) for word in known)
        value = self.any(name, allowed)
        # Python holds 0 and False, 3 and 3.0 to be equal; in data they are not the same word.
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
        """Return a table; an empty one if it is optional and not there."""
        return table_at(self.any_or(name, {}) if optional else self.any(name, TABLE), self.at(name))

    def items(self, name: str, allowed: str) -> Iterator[tuple[str, Any]]:
        """Return path and value of each element of a list that is not empty."""
        value = self.any(name, allowed)
        if not isinstance(value, list | tuple) or not value:
            raise ContractDataError(self.at(name), cast(object, value), allowed)
        yield from ((f"{self.at(name)}[{i}]", item) for i, item in enumerate(cast("list[Any]", value)))

    def plain_table(self, name: str, *, optional: bool = False) -> dict[str, Any]:
        """Return a table as it stands."""
        return self.table(name, optional=optional).whole_table()

    def whole_table(self) -> dict[str, Any]:
        """Return this table as it stands, every field of it known."""
        self._known.extend(self._table)
        return dict(self._table)

    def texts(self, *, empty: bool = False) -> dict[str, str]:
        """Return this table, of texts alone; they may be empty only if ``empty`` says so."""
        return {name: "" if empty and self._table[name] == "" else self.text(name) for name in self._table}

    def names(self) -> tuple[str, ...]:
        """Return the names of the fields that are there."""
        return tuple(self._table)

    def done(self) -> None:
        """Refuse what nobody took.

        Raises:
            ContractDataError: There is a field of another name.
        """
        for key, value in self._table.items():
            if key not in self._known:
                raise ContractDataError(self.at(key), value, "no such key; known: " + ", ".join(self._known))
