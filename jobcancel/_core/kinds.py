"""Kinds of job: a kind's data, its handler, and the calls that are made of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from math import inf
from types import MappingProxyType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from .arguments import is_async_callable, is_generator
from .calls import Call, Partial
from .context import JobContext
from .errors import MissingHandlerError, UnknownStageError
from .specs import KindSpec, Stage

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


Handler: TypeAlias = Callable[Concatenate[JobContext[Any], P], Coroutine[Any, Any, R | Partial[R]]]


class Register(Protocol):
    """A decorator that takes a handler for a kind and gives the kind in its place.

    Overloaded, since mypy finds no ``R`` in ``R | Partial[R]`` for a handler whose every success is partial.
    """

    @overload
    def __call__(
        self, handler: Callable[Concatenate[JobContext[Any], P], Coroutine[Any, Any, Partial[R]]], /
    ) -> Kind[P, R]: ...
    @overload
    def __call__(self, handler: Handler[P, R], /) -> Kind[P, R]: ...


class Kind(Generic[P, R_co]):
    """A named sort of job. Calling it binds and checks the arguments of one job and starts nothing.

    Attributes:
        spec: The kind as data.
        name: Its name.
        stages: Its declared stages by name.
        handler: Its coroutine function; None until one is registered.
        home: The registry it belongs to; None before it is registered.
    """

    __slots__ = ("_fewest", "_most", "_signature", "handler", "home", "name", "spec", "stages")

    def __init__(self, spec: KindSpec, handler: Handler[P, R_co] | None = None) -> None:
        self.spec: KindSpec = spec
        self.name: str = spec.name
        self.home: object = None
        self.stages: Mapping[str, Stage] = MappingProxyType({stage.name: stage for stage in spec.stages})
        self.handler: Handler[P, R_co] | None = None
        if handler is not None:
            self.attach(handler)

    def attach(self, handler: Handler[P, R_co]) -> None:
        """Give the kind its handler.

        Raises:
            TypeError: It is no coroutine function, but a plain one or a generator; or it takes no job.
        """
        name = getattr(handler, "__qualname__", repr(handler))
        if is_generator(handler):
            raise TypeError(
                f"the handler of kind {self.name!r} must be an `async def` without `yield`, and {name} is a generator; "
                "return the value, and report what comes before it with `job.progress` or `job.note`"
            )
        if not is_async_callable(handler):
            raise TypeError(
                f"the handler of kind {self.name!r} must be an `async def`, and {name} is not; "
                "call blocking code from one, with `await job.run_sync(fn, *args)`"
            )
        self._signature = inspect.signature(handler)
        parameters = list(self._signature.parameters.values())
        if not parameters or parameters[0].kind not in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        ):
            raise TypeError(f"the handler of kind {self.name!r} must take the job as its first parameter: {name}")
        self._fewest, self._most = _plain_arity(parameters[1:])
        self.handler = handler

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Call[R_co]:
        """Bind the arguments of one job.

        Raises:
            MissingHandlerError: No handler was registered yet.
            TypeError: The arguments do not fit the handler's signature.
        """
        if self.handler is None:
            raise MissingHandlerError(self.name)
        if kwargs or not self._fewest <= len(args) <= self._most:
            self.bound(args, kwargs)
        return Call(self, self.handler, args, kwargs)

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by parameter, defaults filled in; equal for two ways to write one call."""
        try:
            bound = self._signature.bind(None, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"kind {self.name!r}: {error}; its handler takes {self._signature}") from None
        bound.apply_defaults()
        return dict(bound.arguments)

    def stage(self, job_id: str, name: str) -> Stage:
        """Return the stage to enter under ``name``.

        Raises:
            UnknownStageError: The kind is strict and does not declare it.
        """
        stage = self.stages.get(name)
        if stage is not None:
            return stage
        if self.stages and self.spec.strict:
            raise UnknownStageError(job_id, name, tuple(self.stages))
        return Stage(name, on_cancel=self.spec.on_cancel)


def _plain_arity(parameters: list[inspect.Parameter]) -> tuple[int, float]:
    """Return the fewest and most arguments by position that surely bind; (1, 0) if the signature has to decide."""
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        return 1, 0
    most = inf if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(positional)
    return sum(p.default is p.empty for p in positional), most
