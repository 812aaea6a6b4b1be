"""The little language of reply bodies: plain data with places in it, compiled once when a contract is loaded.

- ``"$a.b"`` is the value at that place, with its type; ``"$a.b|c.d"`` the first of several that is not null.
- ``"$a.b?"``, as a mapping's value, leaves the key out when that is null. ``"$null"`` is null.
- ``"... {a.b} ..."`` puts the value into the text, in keys too (``{{`` and ``}}`` are braces, a first ``$$`` a dollar).
- ``{"$each" = "$a.b", "as" = ...}`` maps a list, each element in turn being ``item``; with ``"join" = text``, text.
- ``{"$with" = "$a.b", "as" = ...}`` does so with one value; where that is null, so is the whole.
- Anything else stands for itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from string import Formatter
from sys import float_info
from typing import Any, Final, Protocol, TypeAlias, cast

from jobcancel.errors import ContractDataError

from .places import INSIDE, Tree, below, elements, spelled


class Scope(Protocol):
    """Where the values come from."""

    def look(self, place: tuple[str, ...]) -> Any:
        """Return the value at ``place``, None if there is none."""
        ...

    def shown(self, place: tuple[str, ...]) -> Any:
        """Return that value as plain data."""
        ...

    def bound(self, item: Any) -> Scope:
        """Return the same scope with ``item`` in it."""
        ...


Render: TypeAlias = Callable[[Scope], Any]
Place: TypeAlias = "tuple[str, ...]"

OMIT: Final = object()  # what a key is left out for
_NAME: Final = r"[a-z][a-z0-9_]*"
_PLACE: Final = rf"{_NAME}(?:\.[A-Za-z0-9_-]+)*"
_PLACES: Final = re.compile(rf"{_PLACE}(?:\|{_PLACE})*")
_LOOPS: Final = ("$each", "$with")
_PLAIN: Final = "text, a number, true, false, a list or a table"


def compiled(template: Any, path: str, tree: Tree) -> Render:
    """Return the function that renders ``template``.

    Args:
        template: Plain data.
        path: Where it stands, for errors.
        tree: The places that it may name.

    Raises:
        ContractDataError: It names an unknown place, or is no template.
    """
    return _Compiler(tree).any(template, path, droppable=False)


def _is_number(value: object) -> bool:
    """Return whether ``value`` is a number that JSON can hold, and whoever reads it."""
    return type(value) in (int, float) and abs(cast("float", value)) <= float_info.max


class _Compiler:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def any(self, template: object, path: str, *, droppable: bool) -> Render:
        if isinstance(template, str):
            return self.text(template, path, droppable=droppable)
        if isinstance(template, Mapping):
            table = cast("Mapping[object, object]", template)
            loop = next((key for key in _LOOPS if key in table), None)
            return self.table(table, path) if loop is None else self.loop(loop, table, path, droppable=droppable)
        if isinstance(template, list | tuple):
            items = cast("list[object]", template)
            renders = [self.any(item, f"{path}[{i}]", droppable=False) for i, item in enumerate(items)]
            return lambda scope: [render(scope) for render in renders]
        if template is None or isinstance(template, bool) or _is_number(template):
            return lambda _: template
        raise ContractDataError(path, template, _PLAIN)

    def table(self, table: Mapping[object, object], path: str) -> Render:
        rows: list[tuple[Render, Render]] = []
        for key, value in table.items():
            if not isinstance(key, str) or key.startswith("$"):
                raise ContractDataError(f"{path}.{key}", value, "a text as key; with $ only $each, $with and their as")
            rows.append((self.interpolated(key, f"{path}.{key}"), self.any(value, f"{path}.{key}", droppable=True)))

        def render(scope: Scope) -> dict[str, Any]:
            values = ((key, value(scope)) for key, value in rows)
            return {key(scope): value for key, value in values if value is not OMIT}

        return render

    def loop(self, name: str, table: Mapping[object, object], path: str, *, droppable: bool) -> Render:
        keys = {name, "as", "join"} if name == "$each" else {name, "as"}
        for key in table:
            if key not in keys:
                raise ContractDataError(f"{path}.{key}", table[key], "no such key; known: " + ", ".join(sorted(keys)))
        if "as" not in table:
            raise ContractDataError(f"{path}.as", None, "a template for each (it is missing)")
        join = table.get("join")
        if not isinstance(join, str | None):
            raise ContractDataError(f"{path}.join", join, "text")
        source, place_path = table[name], f"{path}.{name}"
        if not isinstance(source, str) or not source.startswith("$"):
            raise ContractDataError(place_path, source, "a place, as in $job.history")
        places, omits = self.places(source, place_path, droppable=droppable)
        inner = self.item_tree(name, places, source, place_path)
        make = _Compiler(inner).any(table["as"], f"{path}.as", droppable=False)
        return _each(places, make, join, omits=omits) if name == "$each" else _with(places, make, omits=omits)

    def item_tree(self, loop: str, places: list[Place], source: str, path: str) -> Tree:
        """Return the tree in which ``item`` is known too."""
        tree = below(self._tree, places[0])
        if loop == "$each":
            try:
                tree = elements(tree)
            except KeyError:
                raise ContractDataError(path, source, "a place that holds a list") from None
        return {**(self._tree or {}), "item": tree}

    def text(self, text: str, path: str, *, droppable: bool) -> Render:
        if not text.startswith("$"):
            return self.interpolated(text, path)
        if text.startswith("$$"):
            return self.interpolated(text[1:], path)
        places, omits = self.places(text, path, droppable=droppable)
        nothing = OMIT if omits else None

        def render(scope: Scope) -> Any:
            for place in places:
                value = scope.shown(place)
                if value is not None:
                    return value
            return nothing

        return render

    def places(self, text: str, path: str, *, droppable: bool) -> tuple[list[Place], bool]:
        omits = text.endswith("?")
        if omits and not droppable:
            raise ContractDataError(path, text, "a ? only where it can leave out a key: as a mapping's value")
        return self.known(text[1:-1] if omits else text[1:], text, path), omits

    def known(self, spec: str, text: str, path: str) -> list[Place]:
        if _PLACES.fullmatch(spec) is None:
            raise ContractDataError(path, text, "a place, as in $job.id, or several, as in $job.labels.a|job.id")
        places = [tuple(place.split(".")) for place in spec.split("|")]
        for place in places:
            try:
                found = below(self._tree, place)
            except KeyError:
                raise ContractDataError(path, text, "one of " + ", ".join(sorted(spelled(self._tree)))) from None
            if found is INSIDE:
                raise ContractDataError(path, text, "a part of the job, as in $job.id: this is its document")
        return places

    def interpolated(self, text: str, path: str) -> Render:
        try:
            parsed = list(Formatter().parse(text))
        except ValueError:
            raise ContractDataError(path, text, "braces in pairs; {{ and }} for a brace itself") from None
        parts: list[tuple[str, list[Place] | None]] = []
        for literal, name, spec, conversion in parsed:
            if spec or conversion:
                raise ContractDataError(path, text, "places alone in braces, no format and no conversion")
            parts.append((literal, None if name is None else self.known(name, text, path)))
        if all(places is None for _, places in parts):
            constant = "".join(literal for literal, _ in parts)
            return lambda _: constant
        return lambda scope: "".join(literal + _first_as_text(scope, places) for literal, places in parts)


def _first_as_text(scope: Scope, places: list[Place] | None) -> str:
    for place in places or ():
        value = scope.shown(place)
        if value is not None:
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return ""


def _first(scope: Scope, places: list[Place]) -> Any:
    return next((value for value in map(scope.look, places) if value is not None), None)


def _each(places: list[Place], make: Render, join: str | None, *, omits: bool) -> Render:
    def render(scope: Scope) -> Any:
        found = _first(scope, places)
        if not isinstance(found, list | tuple):
            if omits:
                return OMIT
            found = ()
        made = [make(scope.bound(item)) for item in cast("list[Any]", found)]
        return made if join is None else join.join(map(str, made))

    return render


def _with(places: list[Place], make: Render, *, omits: bool) -> Render:
    def render(scope: Scope) -> Any:
        found = _first(scope, places)
        if found is None:
            return OMIT if omits else None
        return make(scope.bound(found))

    return render
