"""Compensations: undos that a job registers; those registered by name survive a restart.

What may live in this file: what a compensation is, how its arguments are bound, and what context it gets. The runtime
decides when they run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, cast

from attrs import define, frozen

from .arguments import excerpt, is_generator, type_name
from .errors import UnknownCompensationError
from .plain import plain

P = ParamSpec("P")


@frozen
class CompensationContext:
    """What a compensation that is registered by name gets as its first argument.

    Attributes:
        job_id: The job it undoes.
        name: Its own name.
        n: Which of the job's named compensations it is, from 1, in the order of registration.
        app: What the host gave the scheduler as ``app``.
    """

    job_id: str
    name: str
    n: int
    app: Any

    @property
    def token(self) -> str:
        """The same for every run of this compensation, which a crash may repeat: an idempotency key for its effect."""
        return f"{self.job_id}:{self.name}:{self.n}"


@define(eq=False, weakref_slot=False)
class Undo:
    """One compensation by name with its arguments.

    Attributes:
        name: The compensation's name.
        args: Arguments, plain data.
        kwargs: Arguments by keyword, plain data.
        n: Which of its job's named compensations it is, from 1. 0 before it is registered, and for a function without
            a registered name from an earlier process: only its name in the history is left.
    """

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    n: int = 0

    def __repr__(self) -> str:
        return f"<undo by {self.name}>"

    def bound(self, named: Mapping[str, Compensation[...]], job_id: str, app: Any) -> Callable[[], object]:
        """Return what to call.

        Args:
            named: The compensations that are registered.
            job_id: The job.
            app: What the host gave the scheduler.

        Raises:
            UnknownCompensationError: Nothing of that name is registered.
        """
        compensation = named.get(self.name)
        if compensation is None or not self.n:
            raise UnknownCompensationError(self.name, tuple(named))
        context = CompensationContext(job_id, self.name, self.n, app)
        return partial(compensation.fn, context, *self.args, **self.kwargs)


class Compensation(Generic[P]):
    """A compensation registered by name. Calling it binds and checks the arguments of one undo and runs nothing.

    Attributes:
        name: Its name.
        fn: The function, async or plain; a plain one runs in a thread.

    Raises:
        TypeError: The function takes no context first, or is a generator.
    """

    __slots__ = ("_signature", "fn", "name")

    def __init__(self, name: str, fn: Callable[Concatenate[CompensationContext, P], object]) -> None:
        self.name: str = name
        self.fn: Callable[Concatenate[CompensationContext, P], object] = fn
        self._signature = _signature(name, fn)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Undo:
        """Bind the arguments of one undo.

        Raises:
            TypeError: They do not fit, or are no plain data.
        """
        try:
            self._signature.bind(None, *args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"compensation {self.name!r}: {error}; its function takes {self._signature}, the context first"
            ) from None
        return Undo(
            self.name,
            plain(args, f"compensation {self.name!r}: args"),
            plain(kwargs, f"compensation {self.name!r}: kwargs"),
        )


def _signature(name: str, fn: Callable[..., object]) -> inspect.Signature:
    """Return the signature of a compensation's function, which takes the context first."""
    if not callable(fn):
        raise TypeError(f"the function of compensation {name!r} must be callable, not {excerpt(fn)}")
    if is_generator(fn):
        raise TypeError(
            f"the function of compensation {name!r} must have no `yield`: it is a generator, whose code would not run"
        )
    signature = inspect.signature(fn)
    first = next(iter(signature.parameters.values()), None)
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD, first.VAR_POSITIONAL):
        raise TypeError(
            f"the function of compensation {name!r} must take the CompensationContext as its first parameter; "
            f"it takes {signature}"
        )
    return signature


def _require_fit(fn: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse arguments that do not fit a function, where a signature can be had."""
    try:
        signature = inspect.signature(fn)
    except Exception:  # noqa: BLE001  # a builtin has none, and a host's object may raise anything instead
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"compensation {name_of(fn)}: {error}; its function takes {signature}") from None


AnyUndo: TypeAlias = Callable[[], object] | Undo


def undo_of(
    named: Mapping[str, Compensation[...]],
    fn: Callable[..., object] | Undo | str,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] = MappingProxyType({}),
) -> AnyUndo:
    """Return the undo that a job registers: by name where a name is meant, otherwise a function without arguments.

    Args:
        named: The compensations that are registered.
        fn: A function, a compensation, its name, or what calling it gave; also inside a ``functools.partial``.
        args: The arguments.
        kwargs: The arguments by keyword.

    Raises:
        UnknownCompensationError: No compensation of that name is registered.
        TypeError: It cannot be called, or the arguments do not fit.
    """
    while isinstance(fn, partial):
        outer = cast("partial[object]", fn)
        fn, args, kwargs = outer.func, (*outer.args, *args), {**outer.keywords, **kwargs}
    if isinstance(fn, str):
        if fn not in named:
            raise UnknownCompensationError(fn, tuple(named))
        fn = named[fn]
    if isinstance(fn, Compensation | Undo) and fn.name not in named:
        raise UnknownCompensationError(fn.name, tuple(named))  # another registry's: a restart would not find it
    if isinstance(fn, Compensation):
        return fn(*args, **kwargs)
    if isinstance(fn, Undo) and not (args or kwargs):
        return Undo(fn.name, fn.args, fn.kwargs)  # the host may give the same object to many jobs
    if not callable(fn):
        raise TypeError(f"a compensation must be a callable or the name of one that is registered, not {excerpt(fn)}")
    _require_fit(fn, args, kwargs)
    return partial(fn, *args, **kwargs)  # also without arguments, so that the job holds an object of its own


def number(undos: list[Any], begin: int = 0) -> int:
    """Number a job's undos by name, from ``begin`` + 1; return the highest number, ``begin`` if there are none."""
    for undo in undos:
        if isinstance(undo, Undo):
            begin += 1
            undo.n = begin
    return begin


def name_of(undo: AnyUndo) -> str:
    """Return the name of an undo in the history."""
    if isinstance(undo, Undo):
        return undo.name
    while isinstance(undo, partial):
        undo = undo.func
    try:
        name: object = getattr(undo, "__name__", None)
    except BaseException:  # noqa: BLE001  # the host's object, which may raise anything, and give no string
        name = None
    return name if type(name) is str else type_name(undo)
