"""One fault: which rule it breaks, where, and which test has to fail."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from attrs import field, frozen
from attrs.validators import in_

from .rules import RULES

Broken = Callable[..., Any]


@frozen
class Fault:
    """A function that breaks a rule in the place of one that keeps it.

    Attributes:
        name: What is wrong.
        rule: Key of ``RULES``.
        place: The function that is replaced, as ``package.module:Class.method``.
        test: The test that must fail, as a pytest node id; without ``[...]`` it stands for every variant.
        broken: What is called instead: with the original, and then what the original would be called with.
    """

    name: str
    rule: str = field(validator=in_(RULES))
    place: str
    test: str
    broken: Broken

    def plant(self) -> None:
        """Replace the function for the rest of the process.

        Raises:
            LookupError: There is no such function.
        """
        module, _, path = self.place.partition(":")
        *owners, attribute = path.split(".")
        owner: Any = import_module(module)
        for name in owners:
            owner = getattr(owner, name)
        original = inspect.getattr_static(owner, attribute, None)
        if not inspect.isfunction(original):
            raise LookupError(f"{self.place} is no function")
        broken = self.broken

        @wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return broken(original, *args, **kwargs)

        setattr(owner, attribute, replacement)
        if not owners:
            _replace_imported(original, replacement)


def _replace_imported(original: object, replacement: object) -> None:
    """Replace a module's function where other modules of the package have imported it by its name."""
    for name, module in [*sys.modules.items()]:
        if name.partition(".")[0] == "jobcancel":
            for attribute, value in [*vars(module).items()]:
                if value is original:
                    setattr(module, attribute, replacement)


def fault(rule: str, place: str, test: str) -> Callable[[Broken], Fault]:
    """Make a fault of the function that it decorates, under that one's name; ``test`` is a node id below ``tests``."""

    def named(broken: Broken) -> Fault:
        return Fault(broken.__name__, rule, place, f"tests/{test}", broken)

    return named
