"""``python -m tests.endings``: every ending of a host, each cell in a process of its own, bounded in time.

It runs a fixed selection of the cells: every pair of ending, loop, store and state of the jobs. ``--all`` runs all.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

from .answers import ANSWERS
from .blocking import BLOCKING
from .cells import Cell, Ending, all_cells, pairwise_cells
from .generators import GENERATORS
from .hosts import HOSTS
from .judge import problems
from .openings import OPENINGS
from .servers import SERVERS
from .values import VALUES
from .zygote import Report, Zygote, flush

GROUPS: Final[dict[str, tuple[Ending, ...]]] = {
    "hosts": HOSTS,
    "generators": GENERATORS,
    "openings": OPENINGS,
    "blocking": BLOCKING,
    "servers": SERVERS,
    "answers": ANSWERS,
    "values": VALUES,
}
BOUND_S: Final = 60.0  # a cell takes less than one second, and 10 on a machine with forty busy processes
AT_ONCE: Final = 3 * (os.cpu_count() or 1)  # most of the time a cell waits
_SHOWN: Final = 6000  # characters of a failed cell's stderr and log


def options() -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(prog="python -m tests.endings", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cells whose name has all of these as parts, as ctrl_c trio")
    parser.add_argument("--group", choices=GROUPS, help="only the endings of this group")
    parser.add_argument("--all", action="store_true", help="all cells; words choose among all, too")
    parser.add_argument("--bound", type=float, default=BOUND_S, help="seconds that a cell may take")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many processes there are")
    parser.add_argument("--times", type=int, default=1, help="how often each cell runs")
    parser.add_argument("--json", action="store_true", help="print one object a cell, and no table")
    parser.add_argument("--verbose", action="store_true", help="print what failed cells have left")
    return parser.parse_args()


def chosen(wanted: Namespace) -> list[Cell]:
    """Return the cells that the command line asks for."""
    groups = [GROUPS[wanted.group]] if wanted.group else [*GROUPS.values()]
    endings = tuple(ending for group in groups for ending in group)
    cells = (all_cells if wanted.all or wanted.words else pairwise_cells)(endings)
    times: int = wanted.times
    return [cell for cell in cells if set(wanted.words) <= set(str(cell).split("/"))] * times


def table(reports: list[tuple[Report, list[str]]]) -> None:
    """Print how many cells of each ending passed, by loop."""
    passed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    failed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for report, found in reports:
        (failed if found else passed)[report.cell.ending.name][report.cell.loop] += 1
    loops = ("asyncio", "uvloop", "trio")
    print(f"{'':<32}" + "".join(f"{loop:>14}" for loop in loops))
    for name in dict.fromkeys(report.cell.ending.name for report, _ in reports):
        counts = [(passed[name][loop], failed[name][loop]) for loop in loops]
        row = [f"{good} ok" + (f", {bad} NOT" if bad else "") if good or bad else "" for good, bad in counts]
        print(f"{name:<32}" + "".join(f"{each:>14}" for each in row))


def show(report: Report, found: list[str], verbose: bool) -> None:
    """Print what is wrong with a cell."""
    for problem in found:
        print(f"FAILED {report.cell}: {problem}")
    if found and verbose:
        print(f"{report.stderr[-_SHOWN:]}\n{report.log[-_SHOWN:]}")
        print(*report.facts, sep="\n")


def main() -> int:
    """Run the cells; return the exit code."""
    wanted = options()
    folder = Path(tempfile.mkdtemp(prefix="jobcancel-endings-"))
    zygote = Zygote(folder, wanted.at_once, wanted.bound)
    reports: list[tuple[Report, list[str]]] = []
    for report in zygote.run(chosen(wanted)):
        found = problems(report)
        reports.append((report, found))
        if wanted.json:
            print(json.dumps({"cell": str(report.cell), "problems": found}))
        else:
            show(report, found, wanted.verbose)
        flush()
    if zygote.child is not None:
        return zygote.child()
    shutil.rmtree(folder)
    failed = sum(bool(found) for _, found in reports)
    if not wanted.json:
        table(reports)
        slowest = max((report.seconds for report, _ in reports), default=0)
        used = max((report.processor_s for report, _ in reports), default=0)
        print(f"{len(reports)} cells, {failed} failed; the longest took {slowest:.1f} s, {used:.2f} s of a processor")
    return 1 if failed or not reports else 0


if __name__ == "__main__":
    sys.exit(main())
