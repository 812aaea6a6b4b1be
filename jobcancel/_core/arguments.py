"""Checks of what a host passes, and how a refusal reads: which argument, what is allowed, what was given."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar, cast

from .reprs import excerpt, type_name

E = TypeVar("E", bound=StrEnum)


def refusal(name: str, allowed: str, value: object, *, typed: bool = True) -> str:
    """Return the message for an argument that is refused.

    Args:
        name: The parameter.
        allowed: What it takes, in words.
        value: What was given.
        typed: Whether the value's type is worth saying: it is what is wrong.
    """
    return f"{name} must be {allowed}, not {excerpt(value)}{f' ({type_name(value)})' if typed else ''}"


def one_of(members: Iterable[StrEnum]) -> str:
    """Return the members of an enum in words."""
    return "one of " + ", ".join(f'"{member}"' for member in members)


def flag(value: object, name: str) -> bool:
    """Return ``value``, a bool: the string ``"no"`` would count as true.

    Raises:
        TypeError: It is no bool.
    """
    if value is True or value is False:
        return value
    raise TypeError(refusal(name, "True or False", value))


def member(enum: type[E], value: object, name: str, beside: str = "") -> E:
    """Return a member of an enum of strings by its value.

    Args:
        enum: The enum.
        value: A member, or its string.
        name: The parameter's name.
        beside: What the caller takes in place of one.

    Raises:
        TypeError: It is no string.
        ValueError: The enum has no such member.
    """
    if type(value) is enum:
        return value
    allowed = one_of(sorted(enum)) + (beside and f", or {beside}")
    if not issubclass(type(value), str):
        raise TypeError(refusal(name, allowed, value))
    try:
        return enum(cast("str", value))
    except ValueError:
        raise ValueError(refusal(name, allowed, value, typed=False)) from None


def lacks(value: object, methods: Iterable[str]) -> bool:
    """Return whether an object cannot stand in for a protocol: it is a class, or has not all of these methods."""
    return isinstance(value, type) or not all(callable(getattr(value, method, None)) for method in methods)
