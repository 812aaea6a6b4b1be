"""Plain data: what may stand in labels, notes and snapshots, so that every snapshot has one JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast


def plain(value: object, path: str) -> Any:
    """Return a copy of ``value`` made of None, bool, int, float, str, list and dict alone.

    Raises:
        TypeError: Something else stands in it; the message says where.
    """
    kind = type(value)
    if value is None or kind is str or kind is int or kind is float or kind is bool:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        table = cast(Mapping[object, object], value)
        return {_key(key, path): plain(item, f"{path}.{key}") for key, item in table.items()}
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        return [plain(item, f"{path}[{i}]") for i, item in enumerate(items)]
    raise TypeError(
        f"{path} must be plain data (None, bool, int, float, str, and lists and mappings of them), "
        f"not {kind.__qualname__}"
    )


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
