"""Plain data: what may stand in labels, notes and snapshots, so that every snapshot has one JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

_MAX_DIGITS: Final = 4300  # of an int that Python writes as text, unless it is told otherwise
_TOO_LONG: Final = 10**_MAX_DIGITS
_TOO_LOW: Final = -_TOO_LONG
_SCALARS: Final = frozenset({type(None), str, float, bool})  # their own copies; int is one if it is not too long


def all_scalar(values: Iterable[object]) -> bool:
    """Return whether all values are plain data by themselves, which ``plain`` would give back as they are."""
    for value in values:
        if type(value) is int:
            if not _TOO_LOW < value < _TOO_LONG:
                return False
        elif type(value) not in _SCALARS:
            return False
    return True


def plain(value: object, path: str) -> Any:
    """Return a copy of ``value`` made of None, bool, int, float, str, list and dict alone.

    Raises:
        TypeError: Something else stands in it, or an int too long to be written as text; the message says where.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is int:
        if not _TOO_LOW < cast("int", value) < _TOO_LONG:
            raise TypeError(f"{path} must be plain data: an int of at most {_MAX_DIGITS} digits, not a longer one")
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        return [plain(item, f"{path}[{i}]") for i, item in enumerate(items)]
    if isinstance(value, Mapping):
        table = cast(Mapping[object, object], value)
        return {_key(key, path): plain(item, f"{path}.{key}") for key, item in table.items()}
    raise TypeError(
        f"{path} must be plain data (None, bool, int, float, str, and lists and mappings of them), "
        f"not {kind.__qualname__}"
    )


def plain_or_repr(value: object) -> Any:
    """Return a plain copy of ``value``, or the text that stands for what is no plain data."""
    try:
        return plain(value, "")
    except TypeError:
        return described(value)


def described(value: object) -> str:
    """Return the ``repr`` of anything, and in its place what there is to say where it has none."""
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  # the host's class, or an int that is too long
        return f"<{type(value).__qualname__} whose repr() raises {type(error).__name__}>"


def text(value: object, name: str) -> str | None:
    """Return ``value`` as a plain string, or None for None.

    Raises:
        TypeError: It is neither.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"{name} must be a string or None, not {type(value).__qualname__}")


def labels(value: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return a copy of a mapping of strings to strings, or None for none.

    Raises:
        TypeError: It is no mapping, or a key or a value is no string.
    """
    if not value:
        return None
    copy = plain(value, "labels")
    if type(copy) is not dict:
        raise TypeError(f"labels must be a mapping of strings to strings, not {type(value).__qualname__}")
    for key, item in cast("dict[str, object]", copy).items():
        if type(item) is not str:
            raise TypeError(f"labels.{key} must be a string, not {type(item).__qualname__}")
    return cast("dict[str, str]", copy)


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{path} must have strings as keys, not {type(key).__qualname__}")
    return str.__str__(key)


def seconds(value: object, name: str) -> float | None:
    """Return ``value``, or None for None.

    Raises:
        TypeError: It is no number.
        ValueError: It is not above 0.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds or None, not {type(value).__qualname__}")
    if not value > 0:
        raise ValueError(f"{name} must be above 0 (or None), not {value!r}")
    return value
