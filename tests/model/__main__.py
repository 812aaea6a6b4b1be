"""``python -m tests.model [--depth N] [--fault NAME]``: check every interleaving of the core, print what was seen."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from contextlib import nullcontext
from time import perf_counter
from typing import Final

from jobcancel._core.decision import Outcome
from jobcancel._core.states import TRANSITIONS

from .faults import FAULTS
from .invariants import INVARIANTS
from .search import Report, Violation, search

DEPTH: Final = 8
# What the model does not send, and why.
UNSENT: Final = {("running", "interrupted", "pending"): "only a durable store's recovery sends it"}


def main(arguments: list[str] | None = None) -> int:
    """Search, print, and return the exit code: 1 if something does not hold or was not reached."""
    parser = ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--depth", type=int, default=DEPTH, help="steps from each start (default: %(default)s)")
    parser.add_argument("--fault", choices=sorted(FAULTS), metavar="NAME", help=f"one of: {', '.join(sorted(FAULTS))}")
    options = parser.parse_args(arguments)
    begun = perf_counter()
    with FAULTS[options.fault]() if options.fault else nullcontext():
        report = search(options.depth)
    checked = len({holds for sort in INVARIANTS.values() for holds in sort})
    print(f"depth {options.depth}: {report.states} states, {report.steps} traces, {checked} invariants,", end=" ")
    print(f"{perf_counter() - begun:.1f} s")
    for start, levels in zip(("the submit", "a parent whose child runs"), report.levels, strict=False):
        print(f"  new states at each step from {start}: {', '.join(map(str, levels))}")
    if report.violation is not None:
        print_violation(report.violation)
        return 1
    return print_coverage(report)


def print_violation(violation: Violation) -> None:
    print(f"\nDoes not hold: {violation.broken}\nThe shortest trace to it, {violation.start}:")
    for number, ((job, verb, argument), entries) in enumerate(violation.trace, 1):
        print(f"{number:>3}. {job} {verb} {argument or ''}".rstrip())
        for entry in entries:
            print(f"       {entry}")


def print_coverage(report: Report) -> int:
    """Print which transitions and outcomes were seen; return 1 if one is missing without a reason."""
    missing = 0
    print("\ntransitions:")
    for state, row in TRANSITIONS.items():
        for event, target in row.items():
            seen = report.moved[state, event, target]
            reason = "" if seen else UNSENT.get((state, event, target), "NOT REACHED")
            missing += reason == "NOT REACHED"
            print(f"  {seen:>9}  {state} --{event}-> {target}  {reason}".rstrip())
    print("outcomes:")
    for outcome in Outcome:
        missing += not report.answered[outcome]
        print(f"  {report.answered[outcome]:>9}  {outcome}{'' if report.answered[outcome] else '  NOT REACHED'}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
