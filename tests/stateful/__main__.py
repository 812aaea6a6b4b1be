"""``python -m tests.stateful [--steps N] [--seed S] [--backend B]``: the machine for thousands of steps, and what it met."""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser
from collections import Counter
from random import randrange
from time import perf_counter

from tests.conftest import BACKENDS, MISSING

from .example import run_examples
from .tally import missing

IN_ONE_GO = 25  # examples that one call of hypothesis runs


def main(arguments: list[str] | None = None) -> int:
    """Run, print the counts, and return the exit code: 1 if something failed or was never reached."""
    parser = ArgumentParser(prog="python -m tests.stateful", description=__doc__)
    parser.add_argument("--steps", type=int, default=5000, help="on each backend, at least (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=randrange(10**6), help="drawn and printed if not given")
    parser.add_argument("--backend", choices=[*BACKENDS], action="append", help="default: all")
    options = parser.parse_args(arguments)
    logging.disable()  # what the jobs raise on purpose
    codes = [run(name, options.steps, options.seed) for name in options.backend or BACKENDS]
    return max(codes)


def run(name: str, steps: int, seed: int) -> int:
    """Run on one backend."""
    print(f"{name}, seed {seed}:", end=" ", flush=True)
    if name in MISSING:
        print("NOT RUN: it is not installed")
        return 1
    tally, begun, number = Counter[str](), perf_counter(), seed
    try:
        while tally["steps"] < steps:
            run_examples(BACKENDS[name], IN_ONE_GO, tally, number=number)
            number += 1
    finally:
        print(f"{tally['steps']} steps, {tally['jobs']} jobs, {tally['examples']} schedulers,", end=" ")
        print(f"{perf_counter() - begun:.0f} s")
        for count in sorted(tally):
            print(f"  {count:<45} {tally[count]:>7}")
    unreached = missing(tally, short=False)
    for count in unreached:
        print(f"NEVER REACHED: {count}")
    return 1 if unreached else 0


if __name__ == "__main__":
    sys.exit(main())
