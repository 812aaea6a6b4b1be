"""Exceptions that cannot be formatted, or have no end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.core.odd import RAISING, odd


def _exits(_: object) -> str:
    raise SystemExit(3)


def _interrupts(_: object) -> str:
    raise KeyboardInterrupt


def _recurses(error: object) -> str:
    return str(error)


def _of_its_own(_: object) -> Any:
    return odd("Text", str)("its own text")


def unformattable() -> Exception:
    """An error that Python's own ``traceback`` cannot format: its column is a text."""
    where: Any = ("f.cfg", 1, "7", "a = b")
    return SyntaxError("bad", where)


def cyclic_causes() -> Exception:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    first.__context__, second.__context__ = second, first
    return first


def chained(length: int) -> Exception:
    """An error with so many causes."""
    error = ValueError("0")
    for number in range(1, length):
        cause, error = error, ValueError(str(number))
        error.__cause__ = cause
    return error


def _group(*errors: Exception) -> Exception:
    return ExceptionGroup("group", errors)


def nested(levels: int) -> Exception:
    """Groups in groups."""
    error: Exception = ValueError("inside")
    for _ in range(levels):
        error = _group(error)
    return error


def doubled(levels: int) -> Exception:
    """A group that holds one twice, which holds one twice ...: few objects, and no end of errors."""
    error: Exception = ValueError("inside")
    for _ in range(levels):
        error = _group(error, error)
    return error


def with_notes() -> Exception:
    error = ValueError("noted")
    error.__notes__ = odd("Notes", **RAISING)()
    return error


def of_an_odd_module() -> Exception:
    error: Exception = odd("Homeless", ValueError, __module__=odd("Module", **RAISING)())("no home")
    return error


ERRORS: dict[str, Callable[[], BaseException]] = {
    "cannot be formatted": unformattable,
    "str exits": lambda: odd("Exits", ValueError, __str__=_exits)("x"),
    "str interrupts": lambda: odd("Interrupts", ValueError, __str__=_interrupts)("x"),
    "str recurses": lambda: odd("Recurses", ValueError, __str__=_recurses)("x"),
    "str is of its own": lambda: odd("OfItsOwn", ValueError, __str__=_of_its_own)("x"),
    "half a surrogate pair": lambda: ValueError("caf\ud800"),
    "everything raises": lambda: odd("Everything", ValueError, **RAISING)("x"),
    "a group of its own": lambda: odd("Group", ExceptionGroup, **RAISING, exceptions=property(_exits))(
        "x", [KeyError(1)]
    ),
    "false": lambda: odd("Falsy", ValueError, __len__=lambda _: 0)("x"),  # pyright: ignore[reportUnknownLambdaType]
    "cyclic causes": cyclic_causes,
    "a thousand causes": lambda: chained(5000),
    "a thousand groups": lambda: nested(5000),
    "no end of errors": lambda: doubled(60),
    "odd notes": with_notes,
    "an odd module": of_an_odd_module,
    "an exit": lambda: SystemExit(odd("Code", **RAISING)()),
    "a generator's exit": GeneratorExit,
}
