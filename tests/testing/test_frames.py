"""Which code is the host's, where a handler begins, and awaitables that hide their frames."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext
from jobcancel.testing import Run, explore
from jobcancel.testing.frames import UNKNOWN, HostCode, Location

from .exploring import make_for


class Callables:
    async def __call__(self, job: JobContext) -> None: ...


async def plain(job: JobContext) -> None: ...


@pytest.mark.parametrize(
    ("handler", "line"),
    [
        (plain, plain.__code__.co_firstlineno),
        (partial(plain), plain.__code__.co_firstlineno),
        (Callables(), Callables.__call__.__code__.co_firstlineno),
        (Callables().__call__, Callables.__call__.__code__.co_firstlineno),
    ],
    ids=["function", "partial", "object", "method"],
)
def test_start_is_the_first_line_of_the_handler(handler: Any, line: int) -> None:
    assert HostCode(handler).start == Location(__file__, line)


def test_start_is_unknown_without_a_handler_or_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    interactive = ModuleType("interactive")
    monkeypatch.setitem(sys.modules, "interactive", interactive)
    exec(compile("async def work(job): ...", "<stdin>", "exec"), interactive.__dict__)  # noqa: S102

    assert HostCode(None).start is UNKNOWN
    assert not HostCode(interactive.work).contains(interactive.work.__code__)


def test_package_of_an_installed_handler_is_host_code() -> None:
    installed = Path(pytest.__file__)

    host_code = HostCode(pytest.fixture)

    same_package = compile("...", str(installed.parent.parent / "_pytest" / "main.py"), "exec")
    other_package = compile("...", str(installed.parent.parent / "anyio" / "main.py"), "exec")
    assert host_code.contains(same_package)
    assert not host_code.contains(other_package)


class Frameless:
    """An awaitable as compilers other than Python's might make it: like a coroutine, but without a frame."""

    cr_frame = cr_await = None

    def __init__(self) -> None:
        self._inner: Any = checkpoint().__await__()

    def __await__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self._inner)

    def send(self, value: Any) -> Any:
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        return self._inner.throw(*error)


async def test_await_of_an_object_without_a_frame_is_located() -> None:
    async def work(job: JobContext) -> None:
        await Frameless()

    def check(run: Run[Any]) -> None:
        assert not run.verdicts or run.snapshot.state != "canceled", "canceled"

    report = await explore(make_for(work), check=check)

    assert report.points == 3
    assert work.__code__.co_firstlineno + 1 in [finding.line for finding in report.findings]
