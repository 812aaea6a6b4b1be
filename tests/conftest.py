"""Every async test runs on every backend; none may drop out unnoticed.

``PYTHONASYNCIODEBUG=1`` puts both asyncio loops into their debug mode, as one run of ``.ci/run`` does.
"""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from typing import Any

import pytest

BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
MISSING = [name for name in BACKENDS if find_spec(name) is None]
# For tests of values, not of scheduling: asyncio in every run, the other loops with `-m exhaustive`.
VALUES_ONLY = pytest.mark.parametrize(
    "anyio_backend",
    ["asyncio", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("uvloop", "trio"))],
    indirect=True,
)


@pytest.fixture(scope="module", params=list(BACKENDS))
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """The backend and its options, for anyio's pytest plugin."""
    name: str = request.param
    if name in MISSING:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed: a CI run covers every backend")
        pytest.skip(f"NOT RUN: {name} is not installed")
    return BACKENDS[name]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """An interrupt reaches tests and what they start, also where it is ignored: behind ``-n``, in a shell's ``&``."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name in MISSING:
        terminalreporter.write_line(f"NOT RUN: backend {name} (not installed)", yellow=True)
