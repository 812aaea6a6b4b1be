"""Laying a variant over a contract's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast


def overlaid(base: object, over: object) -> Any:
    """Return ``base`` with ``over`` laid over it: tables merge key by key, anything else is replaced.

    Neither is changed, and nothing mutable of either is shared.
    """
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        below, above = cast("Mapping[str, Any]", base), cast("Mapping[str, Any]", over)
        merged = {key: overlaid(value, above[key]) if key in above else copied(value) for key, value in below.items()}
        return merged | {key: copied(value) for key, value in above.items() if key not in below}
    return copied(over)


def copied(value: object) -> Any:
    """Return a copy of plain data, in dictionaries and lists."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [copied(item) for item in cast("list[object]", value)]
    return value
