"""Calls: a kind and the arguments of one job. Apart from ``kinds``, so that ``context`` can use it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from attrs import define, frozen

from .plain import all_scalar, plain
from .specs import KindSpec, Stage

R_co = TypeVar("R_co", covariant=True)


@frozen
class Partial(Generic[R_co]):
    """Returned by a handler whose work was done in part: the job ends ``partially_succeeded`` with this value."""

    value: R_co


class CalledKind(Protocol):
    """The part of ``Kind`` that its calls use."""

    @property
    def spec(self) -> KindSpec:
        """The kind as data."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def handler(self) -> Callable[..., Coroutine[Any, Any, Any]] | None:
        """Its coroutine function."""
        ...

    @property
    def stages(self) -> Mapping[str, Stage]:
        """Its declared stages by name."""
        ...

    @property
    def home(self) -> object:
        """The registry it belongs to."""
        ...

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by parameter, defaults filled in."""
        ...

    def stage(self, job_id: str, name: str) -> Stage:
        """Return the stage to enter under ``name``."""
        ...


@define(eq=False, repr=False, weakref_slot=False)
class Call(Generic[R_co]):
    """A kind and the arguments of one job, checked against the handler's signature; nothing has started."""

    kind: CalledKind
    _handler: Callable[..., Coroutine[Any, Any, R_co | Partial[R_co]]]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def start(self, job: object) -> Coroutine[Any, Any, R_co | Partial[R_co]]:
        """Return the handler's coroutine, not begun."""
        if self.kwargs:
            return self._handler(job, *self.args, **self.kwargs)
        return self._handler(job, *self.args)  # passing an empty mapping on costs three times as much

    def with_plain_arguments(self) -> Call[R_co]:
        """Return the call with its arguments as plain data, as a journal gives them to each attempt.

        Raises:
            TypeError: An argument is something else.
        """
        if not self.kwargs and all_scalar(self.args):
            return self
        where = f"kind {self.kind.name!r}, whose jobs are journaled: args"
        kwargs = plain(self.kwargs, where) if self.kwargs else self.kwargs
        return Call(self.kind, self._handler, tuple(plain(self.args, where)), kwargs)

    def __repr__(self) -> str:
        return f"<call of {self.kind.name}>"


AnyCall: TypeAlias = Call[Any] | str | tuple[str, *tuple[Any, ...]]
"""A call, a kind's name, or a name and arguments: one child of a batch."""
