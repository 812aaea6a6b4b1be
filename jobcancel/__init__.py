"""Job cancellation that can be trusted: every cancel request gets a decided, recorded, truthful verdict."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import abc as abc
    from . import errors as errors
    from ._exports import *  # noqa: F403  # it has the list
    from ._exports import __all__ as __all__
else:
    # PEP 562. The pytest plugin lies in this package, and pytest imports it in every test run of an environment that
    # has jobcancel: only who uses a name shall pay for anyio, attrs and the scheduler. Checkers see the names above.

    def __getattr__(name: str) -> object:
        if name == "__all__" or not name.startswith("__"):
            from importlib import import_module  # noqa: PLC0415

            exports = import_module("._exports", __name__)
            if name == "__all__" or name in exports.__all__:
                globals()[name] = getattr(exports, name)
            if name in globals():  # or it is a module of ours that they have loaded
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*__getattr__("__all__"), *globals()})
