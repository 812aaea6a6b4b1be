"""What an exception holds and how it is formatted, whatever it is.

An exception of a host's code may have causes without end, groups in groups without end, and members and ``__class__``
that raise. What is asked of it here is what Python itself keeps; ``traceback`` is asked only if it comes to an end.
"""

from __future__ import annotations

import traceback
from typing import Final, cast

from jobcancel._core.arguments import type_name

_MOST: Final = 200  # exceptions to format: with more it takes tens of milliseconds, and some take for ever

# What Python keeps, whatever attributes a subclass has.
_OWN_MEMBERS: Final = BaseExceptionGroup.__dict__["exceptions"].__get__
_OWN_CAUSE: Final = BaseException.__dict__["__cause__"].__get__
_CONTEXT: Final = BaseException.__dict__["__context__"]
_OWN_CONTEXT: Final = _CONTEXT.__get__


def is_a(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Return what ``isinstance`` does, which also asks the error for its ``__class__``."""
    return issubclass(type(error), kinds)


def members(error: BaseException) -> tuple[BaseException, ...]:
    """Return the exceptions of a group, without asking a subclass that has ``exceptions`` of its own."""
    if not is_a(error, BaseExceptionGroup):
        return ()
    return cast("tuple[BaseException, ...]", _OWN_MEMBERS(error))


def has_an_end(error: BaseException) -> bool:
    """Return whether an error, with its causes and what is in its groups, is few enough to be formatted."""
    todo, causes, count = [error], set[int](), 0
    while todo and count <= _MOST:
        each = todo.pop()
        count += 1
        for cause in (_OWN_CAUSE(each), _OWN_CONTEXT(each)):
            if cause is not None and id(cause) not in causes:  # formatted once; what is in groups, each time
                causes.add(id(cause))
                todo.append(cause)
        todo += members(each)
    return count <= _MOST


def cut_cycle(error: BaseException) -> None:
    """Cut an error's chain of contexts where it comes back to itself: a scope of anyio's would follow it for ever."""
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
    """Return the traceback, with those of the causes and of what is in a group; may raise."""
    return "".join(traceback.format_exception(error)) if has_an_end(error) else bare(error)


def substitute(error: BaseException) -> str | None:
    """Return the text to log in place of an error's traceback, or None where ``logging`` can format and write that.

    Where it cannot, it says that it has failed, and not what has happened.
    """
    try:
        text = formatted(error)
    except Exception:  # noqa: BLE001  # what the error's own methods raise
        return bare(error)
    written = text.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair cannot be
    return None if written == text and has_an_end(error) else written


def bare(error: BaseException) -> str:
    """Return the traceback and the type, and nothing that is the error's own."""
    frames = traceback.format_tb(error.__traceback__)
    return "".join(
        ["Traceback (most recent call last):\n", *frames, f"{type_name(error)} (it cannot be shown whole)\n"]
    )
