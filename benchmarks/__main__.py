"""``python -m benchmarks [GROUP ...]``: what jobs cost, against the loop itself, against peers, and as they grow many.

Exit codes: 0 when it has measured, also if a target is missed, which the table says; 2 when it could not.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .figures import Line, as_json, as_text, environment, merged
from .rounds import BACKENDS

GROUPS: Final = {  # by name: the module, and what it needs beside the package
    "floor": ("floor", ()),
    "peers": ("peers", ()),
    "latency": ("latency", ()),
    "storm": ("storm", ()),
    "memory": ("memory", ()),
    "growth": ("growth", ()),
    "import": ("imports", ()),
    "features": ("features", ()),
    "journal": ("journal", ()),
    "http": ("http", ("starlette", "uvicorn")),
    "explorer": ("explorer", ()),
    "million": ("million", ()),
}
PLAIN: Final = (
    "floor",
    "latency",
    "storm",
    "memory",
    "growth",
    "import",
    "features",
)  # without a name: the scheduler's


def main() -> int:
    """Measure and print; return the exit code."""
    options = _parser().parse_args()
    groups: list[str] = options.groups or [*PLAIN]
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        return _refused(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    needed = [name for group in groups for name in GROUPS[group][1]]
    if options.backend != "asyncio":
        needed.append(options.backend)
    if options.plot:
        needed.append("matplotlib")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        return _refused(f"not installed: {', '.join(missing)}; pip install {' '.join(missing)}")
    lines: list[Line] = []
    for group in groups:
        measure = import_module(f"benchmarks.{GROUPS[group][0]}").figures
        runs = [[*measure(quick=options.quick, backend=options.backend)] for _ in range(options.runs)]
        lines += merged(group, runs, quick=options.quick)
    where = environment(options.backend)
    print(as_json(lines, where) if options.json else "\n".join(as_text(lines, where)))
    if options.plot:
        from .plot import draw  # noqa: PLC0415  # it imports what was just looked for

        draw(lines, where, options.plot)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)} (default: {' '.join(PLAIN)})"
    )
    parser.add_argument("--backend", choices=BACKENDS, default="asyncio", help="the loop (default: asyncio)")
    parser.add_argument("--quick", action="store_true", help="few jobs, few rounds, no verdict: does it run?")
    parser.add_argument("--runs", type=_count, default=1, help="run each group so often, and judge the worst")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios that were measured, as SVG")
    return parser


def _refused(problem: str) -> int:
    print(problem, file=sys.stderr)
    return 2


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
