"""Values that hosts' code gives and that cannot be formatted, copied, compared or encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import nan
from typing import Any, NoReturn


def _raises(*_: Any, **__: Any) -> NoReturn:
    raise LookupError("asked")


def _exits(*_: Any) -> NoReturn:
    raise SystemExit(3)


def _interrupts(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _is_no_text(_: object) -> int:
    return 5


def _does_nothing(_: object) -> None:
    return None


_METHODS = ("__repr__", "__str__", "__format__", "__len__", "__iter__", "__bool__", "__copy__", "__deepcopy__")
_COMPARING = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__")
RAISING: dict[str, Any] = {
    **dict.fromkeys((*_METHODS, *_COMPARING, "__getattr__", "__reduce_ex__"), _raises),
    "__class__": property(_raises),
}


def odd(name: str, base: type = object, **methods: Any) -> Any:
    """Return a class of that name."""
    return type(name, (base,), methods)


class RaisingMeta(type):
    """The class of a class that will not tell its name."""

    __getattribute__ = __hash__ = __eq__ = _raises


class BrokenMapping(Mapping[str, int]):
    __getitem__ = __len__ = _raises

    def __iter__(self) -> Iterator[str]:
        raise SystemExit(3)


def deep(levels: int) -> list[Any]:
    """Return lists in lists."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def doubled(levels: int) -> list[Any]:
    """Return a list that holds one twice, which holds one twice ...: few objects, and no end of values."""
    value: list[Any] = [1]
    for _ in range(levels - 1):
        value = [value, value]
    return value


CYCLE: list[Any] = [1]
CYCLE.append(CYCLE)

ODD: dict[str, Any] = {
    "nan": nan,
    "surrogate": "caf\ud800",
    "cycle": CYCLE,
    "deep": deep(900),
    "very deep": deep(50_000),
    "doubled": doubled(60),
    "repr raises": odd("ReprRaises", __repr__=_raises)(),
    "repr exits": odd("ReprExits", __repr__=_exits)(),
    "repr interrupts": odd("ReprInterrupts", __repr__=_interrupts)(),
    "repr is no text": odd("ReprIsNoText", __repr__=_is_no_text)(),
    "everything raises": odd("EverythingRaises", **RAISING)(),
    "a text of its own": odd("Text", str, **RAISING)("own"),
    "an int of its own": odd("Int", int, **RAISING)(5),
    "a float of its own": odd("Float", float, **RAISING)(5.5),
    "a list of its own": odd("List", list, **RAISING)([1]),
    "a tuple of its own": odd("Tuple", tuple, **RAISING)([1]),
    "a dict of its own": odd("Dict", dict, **RAISING, items=_raises, keys=_raises)(a=1),
    "a mapping that exits": BrokenMapping(),
    "a class without a name": RaisingMeta("Nameless", (), {})(),
    "a call without a name": odd("Call", __getattr__=_raises, __call__=_does_nothing)(),
    "keys that raise": {odd("Key", __repr__=_raises)(): 1},
}
