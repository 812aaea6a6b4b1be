"""One fault: which rule it breaks, where, and what has to show it; and how it is planted in a process."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import reduce, wraps
from importlib import import_module
from types import TracebackType
from typing import Any, Final

from attrs import frozen

Broken = Callable[..., Any]

VARIABLE: Final = "JOBCANCEL_FAULT"
"""The environment variable that names the fault to plant in a process."""

UNSOUND: Final = 99
"""The exit code of a process whose fault has a mistake of its own: it would be caught for the wrong reason."""

_MISTAKES: Final = (AttributeError, NameError, TypeError)


@frozen
class Fault:
    """A function that breaks a rule in the place of one that keeps it.

    Attributes:
        name: What is wrong.
        rule: The rule, by its number or name.
        place: The function or property that is replaced, as ``package.module:Class.method``.
        shown_by: The test that must fail, as a pytest node id (without ``[...]`` it stands for every variant), or what
            a finding of a search must say.
        broken: What is called instead: with the original, and then what the original would be called with.
    """

    name: str
    rule: str
    place: str
    shown_by: str
    broken: Broken

    def plant(self) -> None:
        """Replace the function for the rest of the process, also where other modules have imported it.

        Objects that were made before may still have the original.

        Raises:
            LookupError: There is no such function.
            TypeError: One of the two functions is async and the other is not.
        """
        owner, attribute = self._owner()
        original = self.original()
        replacement = _replacement(original, self.broken)
        is_property = isinstance(inspect.getattr_static(owner, attribute), property)
        setattr(owner, attribute, property(replacement) if is_property else replacement)
        if inspect.ismodule(owner):
            _replace_imported(original, replacement)

    def original(self) -> Callable[..., Any]:
        """Return the function that is replaced; of a property that which reads it.

        Raises:
            LookupError: There is no such function.
            TypeError: One of the two functions is async and the other is not.
        """
        owner, attribute = self._owner()
        found = inspect.getattr_static(owner, attribute, None)
        if isinstance(found, property):
            found = found.fget
        if not inspect.isfunction(found):
            raise LookupError(f"{self.place} is no function and no property")
        if inspect.iscoroutinefunction(found) != inspect.iscoroutinefunction(self.broken):
            raise TypeError(f"of {self.place} and {self.name} one is async and the other is not")
        return found

    def _owner(self) -> tuple[Any, str]:
        """Return the module or class that has the function, and the function's name there."""
        module, _, path = self.place.partition(":")
        *owners, attribute = path.split(".")
        return reduce(getattr, owners, import_module(module)), attribute


def plant_from_environment(faults: Mapping[str, Fault]) -> None:
    """Plant the fault that the environment names, if it names one.

    Raises:
        LookupError: There is no such fault, or nothing in its place.
    """
    name = os.environ.get(VARIABLE)
    if name is not None:
        faults[name].plant()


def _replacement(original: Callable[..., Any], broken: Broken) -> Callable[..., Any]:
    """Return a function that calls ``broken`` in place of ``original``."""

    @wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return broken(original, *args, **kwargs)
        except _MISTAKES as error:
            _require_sound(broken, error)
            raise

    @wraps(original)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        try:
            return await broken(original, *args, **kwargs)
        except _MISTAKES as error:
            _require_sound(broken, error)
            raise

    return awaited if inspect.iscoroutinefunction(original) else called


def _require_sound(broken: Broken, error: Exception) -> None:
    """End the process if a fault has raised by mistake: nothing in it fits the function that it replaces any more."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None and trace.tb_frame.f_code.co_filename in (__file__, inspect.getfile(broken)):
        os.write(2, "".join(traceback.format_exception(error)).encode(errors="backslashreplace"))
        os._exit(UNSOUND)


def _replace_imported(original: object, replacement: object) -> None:
    """Replace a module's function where other modules of the package have imported it by its name."""
    for name, module in [*sys.modules.items()]:
        if name.partition(".")[0] == "jobcancel":
            for attribute, value in [*vars(module).items()]:
                if value is original:
                    setattr(module, attribute, replacement)


def fault(rule: str, place: str, shown_by: str) -> Callable[[Broken], Fault]:
    """Make a fault of the function that it decorates, under that function's name; see ``Fault`` for the arguments."""

    def named(broken: Broken) -> Fault:
        return Fault(broken.__name__, rule, place, shown_by, broken)

    return named


def faults_in(*namespaces: Mapping[str, object]) -> dict[str, Fault]:
    """Return the faults of some modules by name, in the order of their definition."""
    return {each.name: each for names in namespaces for each in names.values() if isinstance(each, Fault)}
