"""Exceptions of a host's code: what they hold, whether they are a cancellation, and how they are formatted.

Such an exception may have endless causes, endless groups in groups, and attributes, ``__str__`` and ``__class__`` that
raise. Nothing here fails because of that, and nothing recurses: it reads only what Python itself stores, and calls
``traceback`` only on exceptions that are few enough to format.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import anyio

from jobcancel._core.arguments import type_name
from jobcancel._core.job import JobRecord

_MOST: Final = 200  # exceptions to format: with more it takes tens of milliseconds, and some take for ever

# What Python keeps, whatever attributes a subclass has.
_OWN_MEMBERS: Final = BaseExceptionGroup.__dict__["exceptions"].__get__
_OWN_CAUSE: Final = BaseException.__dict__["__cause__"].__get__
_CONTEXT: Final = BaseException.__dict__["__context__"]
_OWN_CONTEXT: Final = _CONTEXT.__get__


def is_a(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Return ``isinstance(error, kinds)`` without reading the error's ``__class__``, which may raise."""
    return issubclass(type(error), kinds)


def members(error: BaseException) -> tuple[BaseException, ...]:
    """Return the exceptions of a group, without asking a subclass that has ``exceptions`` of its own."""
    if not is_a(error, BaseExceptionGroup):
        return ()
    return cast("tuple[BaseException, ...]", _OWN_MEMBERS(error))


def can_be_formatted(error: BaseException) -> bool:
    """Return whether an error, its causes and the members of its groups are few enough to be formatted."""
    todo, causes, count = [error], set[int](), 0
    while todo and count <= _MOST:
        each = todo.pop()
        count += 1
        for cause in (_OWN_CAUSE(each), _OWN_CONTEXT(each)):
            if cause is not None and id(cause) not in causes:  # formatted once; a member of groups, each time
                causes.add(id(cause))
                todo.append(cause)
        todo += members(each)
    return count <= _MOST


def cut_cycle(error: BaseException) -> None:
    """Cut an error's chain of contexts where it closes a circle: an anyio scope would follow it for ever."""
    seen, each = set[int](), error
    while True:
        seen.add(id(each))
        context: BaseException | None = _OWN_CONTEXT(each)
        if context is None:
            return
        if id(context) in seen:
            _CONTEXT.__set__(each, None)
            return
        each = context


def formatted(error: BaseException) -> str:
    """Return the traceback, with those of the causes and of a group's members; may raise."""
    return "".join(traceback.format_exception(error)) if can_be_formatted(error) else bare(error)


def substitute(error: BaseException) -> str | None:
    """Return the text to log in place of an error's traceback, or None if ``logging`` can format and write it.

    If ``logging`` cannot, it would report its own failure in place of the error.
    """
    try:
        text = formatted(error)
    except Exception:  # noqa: BLE001  # raised by the error's own methods
        return bare(error)
    written = text.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair is no UTF-8
    return None if written == text and can_be_formatted(error) else written


def bare(error: BaseException) -> str:
    """Return the traceback and the type, without calling any method of the error."""
    frames = traceback.format_tb(error.__traceback__)
    return "".join(
        ["Traceback (most recent call last):\n", *frames, f"{type_name(error)} (it cannot be shown whole)\n"]
    )


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Return the exceptions in a group, at any depth; a single exception is its own only leaf.

    A group that stands in several places is visited once.
    """
    todo, seen = [error], set[int]()
    while todo:
        each = todo.pop()
        if not is_a(each, BaseExceptionGroup):
            yield each
        elif id(each) not in seen:
            seen.add(id(each))
            todo += reversed(members(each))


def is_cancellation(error: BaseException) -> bool:
    """Return whether ``error`` is a cancellation, or a group of nothing else."""
    cancelled = anyio.get_cancelled_exc_class()
    return all(is_a(leaf, cancelled) for leaf in leaves(error))


def interrupts(error: BaseException) -> bool:
    """Return whether the error holds a ``KeyboardInterrupt``, which belongs to the host."""
    return any(is_a(leaf, KeyboardInterrupt) for leaf in leaves(error))


def describe(job: JobRecord, error: BaseException) -> tuple[str, dict[str, Any]]:
    """Return one line for a person, and the type and traceback of an error of ``job``, as plain data."""
    kind = type_name(error)
    details = {
        "type": _text(job, lambda: f"{type(error).__module__}.{type(error).__qualname__}") or kind,
        "traceback": _text(job, lambda: formatted(error)) or _text(job, lambda: bare(error)) or kind,
    }
    return _text(job, lambda: str(error)) or kind, details


def _text(job: JobRecord, get: Callable[[], str]) -> str:
    """Return ``get()`` as a plain string, or an empty one if the host's code raises in it."""
    try:
        return str.__str__(get())  # a __str__ may return a string of the host's own type
    except BaseException as raised:  # noqa: BLE001
        job.interrupted = job.interrupted or interrupts(raised)  # raised in the host when the job has settled
        return ""
