"""What importing jobcancel adds to a process that has asyncio, anyio and attrs, as every host of it has."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from .figures import Figure

ROUNDS: Final = 15
PROBE: Final = """
import sys, time
import asyncio, anyio, attrs, json
before = set(sys.modules)
begun = time.perf_counter()
from jobcancel import JobContext, Registry, Scheduler, Stage  # `import jobcancel` alone loads nothing yet
took = time.perf_counter() - begun
new = set(sys.modules) - before
print(json.dumps([took, len(new), sum(name.split(".")[0] == "jobcancel" for name in new)]))
"""


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:  # noqa: ARG001  # no loop runs
    """Import it in fresh processes; the first one writes the bytecode and does not count."""
    rounds = [_imported() for _ in range((2 if quick else ROUNDS) + 1)][1:]
    yield Figure("import over asyncio, anyio and attrs", "ms", tuple(each[0] * 1e3 for each in rounds), 25.0, 10.0)
    _, modules, own = rounds[0]
    yield Figure("modules that it adds", "", (float(modules),), note=f"{own:.0f} of its own")


def _imported() -> tuple[float, float, float]:
    found = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True).stdout
    took, modules, own = json.loads(found)
    return took, modules, own
