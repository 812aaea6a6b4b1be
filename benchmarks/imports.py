"""What importing jobcancel adds to a process that runs asyncio, and has anyio with its backend, and attrs.

No job can run without these. The bytecode lies ready, in a folder of its own, whatever this process does with its own.
What as many modules with nothing in them take is measured beside, and entering a process's first scheduler, which
loads more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .figures import Figure

ROUNDS: Final = 15
EMPTY: Final = 200  # more than there are modules of its own
PROBE: Final = """
import sys, time
import asyncio, anyio, attrs, json
anyio.run(anyio.sleep, 0)
before = set(sys.modules)
begun = time.perf_counter()
from jobcancel import JobContext, Registry, Scheduler, Stage  # `import jobcancel` alone loads nothing yet
took = time.perf_counter() - begun
new = set(sys.modules) - before
before = set(sys.modules)
async def enter():
    begun = time.perf_counter()
    async with Scheduler(Registry()):
        return time.perf_counter() - begun
entering = anyio.run(enter)
more = len(set(sys.modules) - before)
own = sum(name.split(".")[0] == "jobcancel" for name in new)
sys.path.insert(0, sys.argv[1])
import empty
begun = time.perf_counter()
for number in range(own):
    __import__(f"empty.module{number}")
print(json.dumps([took, len(new), own, time.perf_counter() - begun, entering, more]))
"""


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:  # noqa: ARG001  # no loop runs
    """Import it in fresh processes; the first one writes the bytecode and does not count."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        empty = Path(folder, "empty")
        empty.mkdir()
        for name in ("__init__", *(f"module{number}" for number in range(EMPTY))):
            (empty / f"{name}.py").write_text("", encoding="utf-8")
        rounds = [_imported(environment, folder) for _ in range((2 if quick else ROUNDS) + 1)][1:]
    yield Figure("import over asyncio, anyio and attrs", "ms", tuple(each[0] * 1e3 for each in rounds), 25.0, 10.0)
    _, modules, own, _, _, more = rounds[0]
    yield Figure("floor: as many modules of its own, empty", "ms", tuple(each[3] * 1e3 for each in rounds))
    yield Figure("modules that it adds", "", (float(modules),), note=f"{own:.0f} of its own")
    yield Figure(
        "entering the first scheduler", "ms", tuple(each[4] * 1e3 for each in rounds), note=f"{more:.0f} modules"
    )


def _imported(environment: dict[str, str], folder: str) -> tuple[float, ...]:
    command = [sys.executable, "-c", PROBE, folder]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return tuple(json.loads(found.stdout))
