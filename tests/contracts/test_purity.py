"""The contracts are data and arithmetic: no loop, clock, socket or randomness, and no vendor's name in the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jobcancel.contracts

FOLDER = Path(jobcancel.contracts.__file__).parent
MODULES = sorted(FOLDER.glob("*.py"))
ALONE = """
import sys, types

before = set(sys.modules)  # what an interpreter, or a measurement of it, has loaded by itself
package = types.ModuleType("jobcancel")
package.__path__ = [sys.argv[1]]  # the package without what its __init__ re-exports
sys.modules["jobcancel"] = package
import jobcancel.contracts

for name in jobcancel.contracts.names():
    jobcancel.contracts.load(name)
print(sorted({"anyio", "asyncio", "trio", "starlette", "socket", "secrets", "logging"} & (set(sys.modules) - before)))
"""


def test_contracts_load_without_a_loop_a_socket_or_a_log() -> None:
    command = [sys.executable, "-c", ALONE, str(FOLDER.parent)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("path", MODULES, ids=[path.name for path in MODULES])
def test_no_vendor_is_named_in_the_code(path: Path) -> None:
    source = ast.unparse(ast.parse(path.read_text(encoding="utf-8"))).lower()
    assert [name for name in ("layers", "tensorpool", "dafty", "dex", "sutro") if f"'{name}" in source] == []
