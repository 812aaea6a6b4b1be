"""The template language of contracts: plain data with placeholders, compiled once when a contract is loaded.

- ``"$a.b"`` is the value of the placeholder, with its type; ``"$a.b|c.d"`` is the first value that is not null.
- ``"$a.b?"``, as a mapping's value, leaves the key out if the value is null. ``"$null"`` is null.
- ``"... {a.b} ..."`` inserts the value into a text or a key. ``{{`` and ``}}`` are braces, a first ``$$`` is ``$``.
- ``{"$each" = "$a.b", "as" = ...}`` renders ``as`` for each element of a list, as ``item``; with ``"join" = text``, the
  results are joined into one text.
- ``{"$with" = "$a.b", "as" = ...}`` renders ``as`` for one value, as ``item``; null if the value is null.
- Any other value is rendered unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from string import Formatter
from sys import float_info
from typing import Any, Final, Protocol, TypeAlias, cast

from jobcancel.errors import ContractDataError

from .placeholders import INSIDE, Tree, all_names, below, elements


class Scope(Protocol):
    """The values of placeholders for one rendering."""

    def value(self, placeholder: tuple[str, ...]) -> Any:
        """Return the value of ``placeholder``, None if it is missing."""
        ...

    def plain_value(self, placeholder: tuple[str, ...]) -> Any:
        """Return the value of ``placeholder`` as plain data."""
        ...

    def with_item(self, item: Any) -> Scope:
        """Return the same scope with ``item`` as a placeholder."""
        ...


Render: TypeAlias = Callable[[Scope], Any]
Placeholder: TypeAlias = "tuple[str, ...]"

OMIT: Final = object()  # the value that leaves its key out
_NAME: Final = r"[a-z][a-z0-9_]*"
_PLACEHOLDER: Final = rf"{_NAME}(?:\.[A-Za-z0-9_-]+)*"
_ALTERNATIVES: Final = re.compile(rf"{_PLACEHOLDER}(?:\|{_PLACEHOLDER})*")
_LOOPS: Final = ("$each", "$with")
_PLAIN: Final = "text, a number, true, false, a list or a table"


def compile_template(template: Any, path: str, tree: Tree) -> Render:
    """Return the function that renders ``template``.

    Args:
        template: Plain data.
        path: Its path in the data, for errors.
        tree: The placeholders that it may contain.

    Raises:
        ContractDataError: It contains an unknown placeholder, or is no template.
    """
    return _Compiler(tree).compile(template, path, optional=False)


def _is_number(value: object) -> bool:
    """Return whether ``value`` is a number that JSON and its readers can hold."""
    return type(value) in (int, float) and abs(cast("float", value)) <= float_info.max


class _Compiler:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def compile(self, template: object, path: str, *, optional: bool) -> Render:
        if isinstance(template, str):
            return self.text(template, path, optional=optional)
        if isinstance(template, Mapping):
            table = cast("Mapping[object, object]", template)
            loop = next((key for key in _LOOPS if key in table), None)
            return self.table(table, path) if loop is None else self.loop(loop, table, path, optional=optional)
        if isinstance(template, list | tuple):
            items = cast("list[object]", template)
            renders = [self.compile(item, f"{path}[{i}]", optional=False) for i, item in enumerate(items)]
            return lambda scope: [render(scope) for render in renders]
        if template is None or isinstance(template, bool) or _is_number(template):
            return lambda _: template
        raise ContractDataError(path, template, _PLAIN)

    def table(self, table: Mapping[object, object], path: str) -> Render:
        rows: list[tuple[Render, Render]] = []
        for key, value in table.items():
            if not isinstance(key, str) or key.startswith("$"):
                raise ContractDataError(f"{path}.{key}", value, "a text as key; of keys with $ only $each and $with")
            rows.append((self.interpolation(key, f"{path}.{key}"), self.compile(value, f"{path}.{key}", optional=True)))

        def render(scope: Scope) -> dict[str, Any]:
            values = ((key, value(scope)) for key, value in rows)
            return {key(scope): value for key, value in values if value is not OMIT}

        return render

    def loop(self, name: str, table: Mapping[object, object], path: str, *, optional: bool) -> Render:
        keys = {name, "as", "join"} if name == "$each" else {name, "as"}
        for key in table:
            if key not in keys:
                raise ContractDataError(f"{path}.{key}", table[key], "no such key; known: " + ", ".join(sorted(keys)))
        if "as" not in table:
            raise ContractDataError(f"{path}.as", None, "a template for each (it is missing)")
        join = table.get("join")
        if not isinstance(join, str | None):
            raise ContractDataError(f"{path}.join", join, "text")
        source, source_path = table[name], f"{path}.{name}"
        if not isinstance(source, str) or not source.startswith("$"):
            raise ContractDataError(source_path, source, "a placeholder, as in $job.history")
        placeholders, omits = self.placeholders(source, source_path, optional=optional)
        inner = self.item_tree(name, placeholders, source, source_path)
        make = _Compiler(inner).compile(table["as"], f"{path}.as", optional=False)
        return (
            _each(placeholders, make, join, omits=omits) if name == "$each" else _with(placeholders, make, omits=omits)
        )

    def item_tree(self, loop: str, placeholders: list[Placeholder], source: str, path: str) -> Tree:
        """Return the tree with ``item`` as a placeholder."""
        tree = below(self._tree, placeholders[0])
        if loop == "$each":
            try:
                tree = elements(tree)
            except KeyError:
                raise ContractDataError(path, source, "a placeholder that holds a list") from None
        return {**(self._tree or {}), "item": tree}

    def text(self, text: str, path: str, *, optional: bool) -> Render:
        if not text.startswith("$"):
            return self.interpolation(text, path)
        if text.startswith("$$"):
            return self.interpolation(text[1:], path)
        placeholders, omits = self.placeholders(text, path, optional=optional)
        nothing = OMIT if omits else None

        def render(scope: Scope) -> Any:
            for placeholder in placeholders:
                value = scope.plain_value(placeholder)
                if value is not None:
                    return value
            return nothing

        return render

    def placeholders(self, text: str, path: str, *, optional: bool) -> tuple[list[Placeholder], bool]:
        omits = text.endswith("?")
        if omits and not optional:
            raise ContractDataError(path, text, "a ? only where it can leave out a key: as a mapping's value")
        return self.parse_placeholders(text[1:-1] if omits else text[1:], text, path), omits

    def parse_placeholders(self, spec: str, text: str, path: str) -> list[Placeholder]:
        if _ALTERNATIVES.fullmatch(spec) is None:
            raise ContractDataError(path, text, "a placeholder, as in $job.id, or several, as in $job.labels.a|job.id")
        placeholders = [tuple(placeholder.split(".")) for placeholder in spec.split("|")]
        for placeholder in placeholders:
            try:
                found = below(self._tree, placeholder)
            except KeyError:
                raise ContractDataError(path, text, "one of " + ", ".join(sorted(all_names(self._tree)))) from None
            if found is INSIDE:
                raise ContractDataError(path, text, "a part of the job, as in $job.id: this is its document")
        return placeholders

    def interpolation(self, text: str, path: str) -> Render:
        try:
            parsed = list(Formatter().parse(text))
        except ValueError:
            raise ContractDataError(path, text, "braces in pairs; {{ and }} for a brace itself") from None
        parts: list[tuple[str, list[Placeholder] | None]] = []
        for literal, name, spec, conversion in parsed:
            if spec or conversion:
                raise ContractDataError(path, text, "placeholders alone in braces, no format and no conversion")
            parts.append((literal, None if name is None else self.parse_placeholders(name, text, path)))
        if all(placeholders is None for _, placeholders in parts):
            constant = "".join(literal for literal, _ in parts)
            return lambda _: constant
        return lambda scope: "".join(literal + _first_as_text(scope, placeholders) for literal, placeholders in parts)


def _first_as_text(scope: Scope, placeholders: list[Placeholder] | None) -> str:
    for placeholder in placeholders or ():
        value = scope.plain_value(placeholder)
        if value is not None:
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return ""


def _first(scope: Scope, placeholders: list[Placeholder]) -> Any:
    return next((value for value in map(scope.value, placeholders) if value is not None), None)


def _each(placeholders: list[Placeholder], make: Render, join: str | None, *, omits: bool) -> Render:
    def render(scope: Scope) -> Any:
        found = _first(scope, placeholders)
        if not isinstance(found, list | tuple):
            if omits:
                return OMIT
            found = ()
        made = [make(scope.with_item(item)) for item in cast("list[Any]", found)]
        return made if join is None else join.join(map(str, made))

    return render


def _with(placeholders: list[Placeholder], make: Render, *, omits: bool) -> Render:
    def render(scope: Scope) -> Any:
        found = _first(scope, placeholders)
        if found is None:
            return OMIT if omits else None
        return make(scope.with_item(found))

    return render
