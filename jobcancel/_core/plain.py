"""Plain data: the values allowed in labels, notes, arguments and results, so that each has one JSON form.

A host may pass anything: a list that contains itself, an object whose methods raise, a class that lies about itself.
Values are therefore judged by their type alone, and no method of theirs is called but a mapping's ``items``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from math import isfinite
from typing import Any, Final, NoReturn, TypeAlias, TypeVar, cast

from .arguments import MAX_DIGITS, is_too_long, safe_repr, type_name

DEEPEST: Final = 100
"""Levels of lists and mappings. ``json``, ``marshal`` and ``repr`` recurse, and give up between 300 and 2000 levels."""

MOST_VALUES: Final = 1_000_000
"""Values in one. More would hold up the loop for seconds."""

MOST_REPEATS: Final = 100_000
"""Repeated occurrences of the same list or mapping. Copying sixty lists that each contain the one before it twice would
never end."""

_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_PLAIN: Final = "plain data (None, bool, int, float, str, and lists and mappings of them)"

_SHORTER: Final = f"must be plain data: an int of at most {MAX_DIGITS} digits, not a longer one"

T = TypeVar("T")
# The path to a value: that of its container, and its key or index there; None for the outermost value.
Where: TypeAlias = "tuple[Where, str | int] | None"


def all_scalar(values: Iterable[object]) -> bool:
    """Return whether all values are scalars that ``plain`` would return unchanged."""
    for value in values:
        kind = type(value)
        if kind is str:
            if not cast("str", value).isascii():
                return False
        elif kind is int:
            if is_too_long(cast("int", value)):
                return False
        elif value is not None and kind is not bool and kind is not float:
            return False
    return True


def plain(value: object, path: str) -> Any:
    """Return a copy of ``value`` made of None, bool, int, float, str, list and dict alone.

    NaN, infinities and half a surrogate pair are allowed: a journal gives them back.

    Raises:
        TypeError: It contains something else, or an int too long to be written as text; the message has the path.
        ValueError: It contains itself, is deeper than ``DEEPEST``, has more than ``MOST_VALUES`` values, or a text in
            it has a whole surrogate pair, which a journal would give back as one character.
    """
    return Copy(path).copy(value, None)


def string(value: object, name: str, beside: str = "") -> str:
    """Return ``value`` as a plain string.

    Args:
        value: What was given.
        name: The parameter's name.
        beside: What the caller takes in place of a string.

    Raises:
        TypeError: It is no string.
        ValueError: It has a surrogate pair.
    """
    if issubclass(type(value), str):
        return _whole(str.__str__(cast("str", value)), name)
    raise TypeError(f"{name} must be a string{beside and f' or {beside}'}, not {type_name(value)}")


def text(value: object, name: str) -> str | None:
    """Return ``value`` as a plain string, or None for None; see ``string``."""
    return None if value is None else string(value, name, "None")


def labels(value: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return a copy of a mapping of strings to strings, or None for none.

    Raises:
        TypeError: It is no mapping, or a key or a value is no string.
        ValueError: A string in it has a surrogate pair.
    """
    if value is None:
        return None
    copy = plain(value, "labels")
    if type(copy) is not dict:
        raise TypeError(f"labels must be a mapping of strings to strings, not {type_name(value)}")
    for key, item in cast("dict[str, object]", copy).items():
        if type(item) is not str:
            raise TypeError(f"labels.{key} must be a string, not {type_name(item)}")
    return cast("dict[str, str]", copy) or None


def _whole(value: str, name: str) -> str:
    if not value.isascii() and _PAIR.search(value):
        raise ValueError(
            f"{name} has two halves of a surrogate pair side by side, which a journal gives back as one character; "
            "give the character itself"
        )
    return value


class Copy:
    """One copying of a value into plain data; anything else raises.

    Args:
        path: The name of the outermost value, for messages.
    """

    # Raised by a mapping of the host's, which then is no plain data; an interrupt is raised on.
    caught: tuple[type[BaseException], ...] = (Exception, SystemExit, GeneratorExit)

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: set[int] = set()  # ids of the containers around the current value
        self._seen: dict[int, object] = {}  # all containers, by id; referenced, so that no other object gets the id
        self._left = MOST_VALUES
        self._repeats = 0

    def copy(self, value: object, where: Where) -> Any:
        """Return the copy of one value."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is float:
            return self.number(cast("float", value))
        if kind is int:
            return value if not is_too_long(cast("int", value)) else self.unsupported(value, where, _SHORTER)
        # By type alone: an object's `__class__` and a subclass's methods may raise.
        if issubclass(kind, str):
            return self.string(str.__str__(cast("str", value)), where)
        if issubclass(kind, list | tuple | dict) or _is_mapping(kind):
            return self._contained(value, where)
        return self.unsupported(value, where, f"must be {_PLAIN}, not {type_name(value)}")

    def number(self, value: float) -> Any:
        """Return a float's copy."""
        return value

    def string(self, value: str, where: Where) -> str:
        """Return a text's copy."""
        return value if value.isascii() else _whole(value, self._at(where))

    def unsupported(self, value: object, where: Where, problem: str) -> Any:  # noqa: ARG002
        """Return the replacement of a value that is no plain data."""
        raise TypeError(f"{self._at(where)} {problem}")

    def unbounded(self, value: object, where: Where, problem: str) -> Any:  # noqa: ARG002
        """Return the replacement of a container that contains itself or is too deep."""
        raise ValueError(f"{self._at(where)} {problem}")

    def too_many(self, where: Where) -> NoReturn:
        """Raise: there are more values than ``MOST_VALUES``, or more repeats than ``MOST_REPEATS``."""
        raise ValueError(
            f"{self._path} must have at most {MOST_VALUES} values, and at most {MOST_REPEATS} lists and mappings that "
            f"stand in it again; at {self._at(where)} there are more"
        )

    def _contained(self, value: object, where: Where) -> Any:
        if id(value) in self._open:
            return self.unbounded(value, where, "must not hold itself")
        if len(self._open) == DEEPEST:
            return self.unbounded(value, where, f"must not be nested deeper than {DEEPEST} lists and mappings")
        if id(value) in self._seen:
            self._repeats += 1
            if self._repeats > MOST_REPEATS:
                self.too_many(where)
        self._seen[id(value)] = value
        self._open.add(id(value))
        copied = (self._list if issubclass(type(value), list | tuple) else self._dict)(cast("Any", value), where)
        self._open.discard(id(value))
        return copied

    def _list(self, value: list[object] | tuple[object, ...], where: Where) -> Any:
        own = list[object].__iter__ if issubclass(type(value), list) else tuple[object, ...].__iter__
        items = self._counted([*own(cast("Any", value))], where)
        return [self.copy(item, (where, place)) for place, item in enumerate(items)]

    def _dict(self, value: Mapping[object, object], where: Where) -> Any:
        try:
            own = dict[object, object].items if issubclass(type(value), dict) else type(value).items
            items = [(key, item) for key, item in islice(own(cast("Any", value)), MOST_VALUES + 1)]
        except self.caught as error:
            return self.unsupported(
                value, where, f"must be {_PLAIN}, not {type_name(value)}, which raised {type_name(error)}"
            )
        copied: dict[str, Any] = {}
        for key, item in self._counted(items, where):
            if not issubclass(type(key), str):
                return self.unsupported(value, where, f"must have strings as keys, not {type_name(key)}")
            name = self.string(str.__str__(cast("str", key)), where)
            copied[name] = self.copy(item, (where, name))
        return copied

    def _counted(self, items: list[T], where: Where) -> list[T]:
        self._left -= len(items)
        if self._left < 0:
            self.too_many(where)
        return items

    def _at(self, where: Where) -> str:
        """Return the path to a value."""
        steps: list[str] = []
        while where is not None:
            where, step = where
            steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
        return "".join([self._path, *reversed(steps)])


def _is_mapping(kind: type) -> bool:
    try:
        return issubclass(kind, Mapping)
    except BaseException:  # noqa: BLE001  # a metaclass of the host's: see safe_repr
        return False


def json_form(value: object, not_finite: Callable[[float], Any] = repr) -> Any:
    """Return a copy of ``value`` that JSON in UTF-8 can hold.

    An object without a JSON form is replaced by its ``repr``; a container that contains itself, or is deeper than
    ``DEEPEST``, by ``[...]`` or ``{...}``; half a surrogate pair by its escape; a value with too many values in it by
    the name of its type.

    Args:
        value: Anything.
        not_finite: Gives the replacement of NaN and infinities.
    """
    try:
        return _JsonForm(not_finite).copy(value, None)
    except _TooManyError:
        return f"<{type_name(value)} of too many values>"


class _JsonForm(Copy):
    """One copying in which whatever has no JSON form is replaced."""

    caught = (BaseException,)  # reading a job must not raise what its code left behind; see safe_repr

    def __init__(self, not_finite: Callable[[float], Any]) -> None:
        super().__init__("")
        self._not_finite = not_finite

    def number(self, value: float) -> Any:
        """Return a float's copy, or the replacement of one that JSON does not know."""
        return value if isfinite(value) else self._not_finite(value)

    def string(self, value: str, where: Where) -> str:  # noqa: ARG002
        """Return a text's copy; half a surrogate pair is no UTF-8."""
        return value if value.isascii() else value.encode(errors="backslashreplace").decode()

    def unsupported(self, value: object, where: Where, problem: str) -> Any:  # noqa: ARG002
        """Return the ``repr``."""
        return self.string(safe_repr(value), where)

    def unbounded(self, value: object, where: Where, problem: str) -> Any:  # noqa: ARG002
        """Return what a ``repr`` shows there."""
        return "[...]" if issubclass(type(value), list | tuple) else "{...}"

    def too_many(self, where: Where) -> NoReturn:  # noqa: ARG002
        """Raise."""
        raise _TooManyError


class _TooManyError(Exception):
    """There are too many values."""
