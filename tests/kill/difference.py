"""Where two snapshots of one job differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

_CLOSE_S: Final = 0.00001  # times are stored relative: the last digit may be rounded the other way


def differs(one: Any, other: Any, path: str = "") -> str:
    """Return where two snapshots differ, or an empty string; times may differ by their last digit."""
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        for name in left.keys() | right.keys():
            if what := differs(left.get(name), right.get(name), f"{path}.{name}"):
                return what
        return ""
    if isinstance(one, list) and isinstance(other, list):
        before = cast("Sequence[Any]", one)
        after = cast("Sequence[Any]", other)
        if len(before) != len(after):
            return f"{path.removeprefix('.')} has {len(before)} and {len(after)}"
        for number, each in enumerate(zip(before, after, strict=True)):
            if what := differs(*each, f"{path}[{number}]"):
                return what
        return ""
    same = one == other or _close(one, other)
    return "" if same else f"{path.removeprefix('.')} is {one!r} and {other!r}"


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < _CLOSE_S * 1000
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    try:
        return abs((datetime.fromisoformat(one) - datetime.fromisoformat(other)).total_seconds()) < _CLOSE_S
    except ValueError:
        return False
