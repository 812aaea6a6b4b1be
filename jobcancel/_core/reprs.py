"""What there is to say of anything, for a person: its ``repr``, its type's name. It never raises."""

from __future__ import annotations

from reprlib import Repr
from typing import Final

MAX_DIGITS: Final = 4300
"""Digits of an int that Python writes as text, unless it is configured otherwise."""

_TOO_LONG: Final = 10**MAX_DIGITS
_TOO_LOW: Final = -_TOO_LONG
_EXCERPT: Final = 60  # characters


def is_too_long(value: int) -> bool:
    """Return whether an int has too many digits to be written as text."""
    return not _TOO_LOW < value < _TOO_LONG


def described(value: object) -> str:
    """Return the ``repr`` of anything, and in its place what there is to say where it has none.

    A list or mapping is shortened: its ``repr`` could be longer than there is memory.
    """
    if type(value) is int and is_too_long(value):
        return f"<int of more than {MAX_DIGITS} digits>"
    try:
        return str.__str__(_shortened(value) if issubclass(type(value), (list, tuple, dict)) else repr(value))
    # The host's class may raise anything. An interrupt of these few lines is lost: it would be told from nothing else.
    except BaseException as error:  # noqa: BLE001
        return f"<{type_name(value)} whose repr() raises {type_name(error)}>"


def type_name(value: object) -> str:
    """Return the name of anything's type; a metaclass may raise instead of giving one."""
    try:
        return str.__str__(type(value).__qualname__)
    except BaseException:  # noqa: BLE001  # see described
        return "object"


def excerpt(value: object) -> str:
    """Return the beginning of what ``described`` says: a message is to be read."""
    said = described(value)
    return said if len(said) <= _EXCERPT else f"{said[:_EXCERPT]}..."


def _shorten() -> Repr:
    short = Repr()
    short.maxlevel = 4
    short.maxlist = short.maxtuple = short.maxdict = 20
    short.maxstring = short.maxother = 200
    return short


_shortened: Final = _shorten().repr
