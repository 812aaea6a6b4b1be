"""The form in which anything can be written as strict JSON in UTF-8; that of snapshots, and of contracts' answers."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, NoReturn

from .plain import Copy, Where
from .reprs import described, type_name


def json_form(value: object, not_finite: Callable[[float], Any] = repr) -> Any:
    """Return a copy of ``value`` that JSON in UTF-8 can hold; what has no form there stands as its ``repr``.

    Of what holds itself, and of what is deeper than ``DEEPEST``, ``[...]`` or ``{...}`` stands there, as in a
    ``repr``; half a surrogate pair stands as its escape. Of what has too many values only the
    type is named.

    Args:
        value: Anything.
        not_finite: What stands there for NaN and infinities.
    """
    try:
        return _JsonForm(not_finite).of(value, None)
    except _TooManyError:
        return f"<{type_name(value)} of too many values>"


class _JsonForm(Copy):
    """One copying in which something stands for everything that has no form in JSON."""

    raised = (BaseException,)  # whoever looks at a job is not its code: see described

    def __init__(self, not_finite: Callable[[float], Any]) -> None:
        super().__init__("")
        self._not_finite = not_finite

    def number(self, value: float) -> Any:
        """Return a float's copy, or what stands for one that JSON does not know."""
        return value if isfinite(value) else self._not_finite(value)

    def string(self, value: str, where: Where) -> str:  # noqa: ARG002
        """Return a text's copy; half a surrogate pair is no UTF-8."""
        return value if value.isascii() else value.encode(errors="backslashreplace").decode()

    def odd(self, value: object, where: Where, problem: str) -> Any:  # noqa: ARG002
        """Return the ``repr``."""
        return self.string(described(value), where)

    def endless(self, value: object, where: Where, problem: str) -> Any:  # noqa: ARG002
        """Return what a ``repr`` has there."""
        return "[...]" if issubclass(type(value), list | tuple) else "{...}"

    def too_many(self, where: Where) -> NoReturn:  # noqa: ARG002
        """Give up."""
        raise _TooManyError


class _TooManyError(Exception):
    """There are too many values."""
