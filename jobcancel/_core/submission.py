"""What ``submit`` and ``batch`` are given, and the calls of kinds that it stands for."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

from .arguments import excerpt, type_name
from .calls import Call
from .kinds import Kind
from .registry import Registry

_NO_KWARGS: Final[Mapping[str, Any]] = MappingProxyType({})


def call_of(
    registry: Registry, given: Call[Any] | str, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] = _NO_KWARGS
) -> Call[Any]:
    """Return the call that ``submit`` was given, or that a kind's name and arguments make.

    Args:
        registry: The kinds by name.
        given: A call, or a kind's name.
        args: With a name: the handler's arguments.
        kwargs: With a name: the handler's arguments by keyword.

    Raises:
        TypeError: It is neither, or the arguments do not fit, or a call has more arguments beside it.
        UnknownKindError: No kind has that name.
        MissingHandlerError: The kind has no handler.
    """
    if isinstance(given, str):
        return registry[given](*args, **kwargs)
    if type(given) is not Call:
        raise _no_call(given, "submit")
    if args or kwargs:
        raise TypeError("the call has its arguments; pass more only with a kind's name")
    return given


def calls_of(registry: Registry, given: object) -> list[Call[Any]]:
    """Return the calls that ``batch`` was given: each a call, a kind's name, or a tuple of a name and arguments.

    Raises:
        TypeError: It is no list of them, or arguments do not fit.
        UnknownKindError: No kind has such a name.
        MissingHandlerError: A kind has no handler.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise _no_call(given, "batch")
    children = list(cast("Iterable[object]", given))
    refused = [_no_call(child, "batch") for child in children if not _is_child(child)]  # all: each coroutine is closed
    if refused:
        raise refused[0]
    return [child if type(child) is Call else _child(registry, child) for child in cast("list[Any]", children)]


def _is_child(given: object) -> bool:
    if type(given) is tuple:
        given = next(iter(cast("tuple[object, ...]", given)), None)
        return isinstance(given, str)
    return type(given) is Call or isinstance(given, str)


def _child(registry: Registry, given: Any) -> Call[Any]:
    if type(given) is tuple:
        name, *args = cast("tuple[str, ...]", given)
        return registry[name](*args)
    return call_of(registry, given)


def _no_call(given: object, takes: str) -> TypeError:
    """Return the error for what is no call of a kind; a coroutine is closed, since it will not be awaited.

    Args:
        given: What was passed.
        takes: What takes a call there, for the message: ``submit`` or ``batch``.
    """
    form, named = ("[{}]", '[("name", ...)]') if takes == "batch" else ("{}", '"name", ...')
    if type(given) is Kind:
        return TypeError(
            f"{takes} takes a call of a kind, and kind {given.name!r} was not called: "
            f"call it with the job's arguments, as in {takes}({form.format(f'{given.name}(...)')})"
        )
    wanted = (
        f"{takes} takes a call of a kind, as in {takes}({form.format('kind(...)')}), where kind is what "
        f"@registry.kind(...) made of a function, or a kind's name and arguments, as in {takes}({named})"
    )
    if inspect.iscoroutine(given):
        given.close()
        return TypeError(f"{wanted}; not a coroutine: declare {given.__qualname__} as a kind, or await it yourself")
    return TypeError(f"{wanted}; not {excerpt(given)} ({type_name(given)})")
