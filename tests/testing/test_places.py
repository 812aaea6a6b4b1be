"""Which code is the host's, and where a handler begins."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jobcancel import JobContext
from jobcancel.testing.places import NOWHERE, Places, Spot


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
)
def test_the_beginning_of_a_handler_is_its_own_line_however_it_is_given(handler: Any, line: int) -> None:
    assert Places(handler).begin == Spot(__file__, line)


def test_a_kind_without_a_handler_and_a_module_without_a_file_have_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    interactive = ModuleType("interactive")
    monkeypatch.setitem(sys.modules, "interactive", interactive)
    exec(compile("async def work(job): ...", "<stdin>", "exec"), interactive.__dict__)  # noqa: S102

    assert Places(None).begin is NOWHERE
    assert not Places(interactive.work).is_host(interactive.work.__code__)


def test_what_lies_beside_an_installed_handler_is_the_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = Path(pytest.__file__)
    handler = pytest.fixture

    places = Places(handler)

    beside = compile("...", str(installed.parent.parent / "_pytest" / "main.py"), "exec")
    other = compile("...", str(installed.parent.parent / "anyio" / "main.py"), "exec")
    assert places.is_host(beside)
    assert not places.is_host(other)
