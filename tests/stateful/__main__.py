"""``python -m tests.stateful [--steps N] [--seed S] [--backend B]``: thousands of steps, and what they met."""

from __future__ import annotations

import logging
import secrets
import sys
from argparse import ArgumentParser
from collections import Counter
from time import perf_counter

from tests.conftest import BACKENDS, MISSING

from .example import run_seed
from .tally import missing


def main(arguments: list[str] | None = None) -> int:
    """Run, print the counts, and return the exit code: 1 if something failed or was never reached."""
    parser = ArgumentParser(prog="python -m tests.stateful", description=__doc__)
    parser.add_argument("--steps", type=int, default=5000, help="on each backend, at least (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="drawn and printed if not given")
    parser.add_argument("--backend", choices=[*BACKENDS], action="append", help="default: all")
    options = parser.parse_args(arguments)
    logging.disable()  # what the jobs raise on purpose
    codes = [run(name, options.steps, options.seed) for name in options.backend or BACKENDS]
    return max(codes)


def run(name: str, steps: int, seed: int) -> int:
    """Run on one backend."""
    say(f"{name}, seed {seed}")
    if name in MISSING:
        say("NOT RUN: it is not installed")
        return 1
    tally, begun = Counter[str](), perf_counter()
    try:
        while tally["steps"] < steps:
            run_seed(BACKENDS[name], f"{seed}/{tally['examples']}", tally)
    finally:
        took = f"{perf_counter() - begun:.0f} s"
        say(f"{tally['steps']} steps, {tally['jobs']} jobs, {tally['examples']} schedulers, {took}")
        for count in sorted(tally):
            say(f"  {count:<45} {tally[count]:>7}")
    unreached = missing(tally, short=False)
    for count in unreached:
        say(f"NEVER REACHED: {count}")
    return 1 if unreached else 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
