"""``python -m tests.programs [--seconds N] [--seed S] [--backend B] [--store X] [--only SEED]``: random programs.

Each is judged by rules written from section 5 of the design. What is found is printed with its program and the seed
that makes it again; the counts say what was met and what each rule had to check.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice
from textwrap import indent
from typing import Final

from attrs import define, field

from tests.faults.fault import plant_from_environment

from .faults import FAULTS, plant
from .generate import STORES, generate
from .plan import Program
from .play import BACKENDS
from .reached import missing
from .runner import HANG_S, Report, run, run_all
from .shorten import shorten

SHOWN: Final = 8  # findings of one program
AT_ONCE: Final = 2 * (os.cpu_count() or 1)  # most of the time a program waits
LONG_S: Final = 600  # in that time everything is reached


def main(arguments: list[str] | None = None) -> int:
    """Run, print the counts, and return the exit code: 1 if something was found or nothing was reached."""
    parser = ArgumentParser(prog="python -m tests.programs", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="in all (default: %(default)s)")
    parser.add_argument("--programs", type=int, help="end after so many, and ask for no more than a few were to reach")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="the first; drawn if not given")
    parser.add_argument("--backend", choices=[*BACKENDS], action="append", help="default: all, in turn")
    parser.add_argument("--store", choices=STORES, action="append", help="default: all, in turn")
    parser.add_argument("--only", type=int, metavar="SEED", help="run one, and print its program and its trace")
    parser.add_argument("--most", type=int, default=5, help="programs with findings to print (default: %(default)s)")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="processes (default: %(default)s)")
    parser.add_argument("--hang-s", type=float, default=HANG_S, help="seconds that one may take (default: %(default)s)")
    parser.add_argument("--shorten", action="store_true", help="with --only: make what is found shorter first")
    parser.add_argument(
        "--faults", nargs="*", metavar="WORD", help="plant faults, all or those with a word, and find them"
    )
    options = parser.parse_args(arguments)
    if options.faults is not None:
        return plant(options.faults)
    plant_from_environment(FAULTS)
    places = [(backend, store) for backend in options.backend or BACKENDS for store in options.store or STORES]
    if options.only is not None:
        return max(replay(generate(options.only, *place), short=options.shorten) for place in places)
    say(f"seed {options.seed}")
    sums = Sums(options.most)
    drawn = islice(programs(options.seed, places, options.seconds), options.programs)
    for report in run_all(drawn, options.at_once, options.hang_s):
        sums.take(report)
    unreached = missing(sums.counts, short=options.seconds < LONG_S or options.programs is not None)
    return sums.summarize(unreached if sums.programs >= 100 else [])


def programs(seed: int, places: list[tuple[str, str]], seconds: float) -> Iterator[Program]:
    """The programs from a seed on, in turn for each loop and store, until the time is over."""
    until = time.monotonic() + seconds
    for number in count():
        if time.monotonic() >= until:
            return
        yield generate(seed + number, *places[number % len(places)])


@define
class Sums:
    """What a whole run met and found."""

    most: int
    counts: Counter[str] = field(factory=Counter[str])
    found: Counter[str] = field(factory=Counter[str])
    programs: int = 0
    begun: float = field(factory=time.monotonic)

    def take(self, report: Report) -> None:
        program = report.program
        self.programs += 1
        self.counts += report.counts
        self.counts[f"programs: {program.backend}, store {program.store}"] += 1
        self.counts[f"ending: {program.ending}"] += 1
        if report.findings:
            self.found["programs"] += 1
            self.found.update({f"rule {each.rule}: {each.text.partition(': ')[0]}" for each in report.findings})
            if self.found["programs"] <= self.most:
                show(report)
                say(indent(str(program), "  "))

    def summarize(self, unreached: list[str]) -> int:
        """Print the counts and what was found, and return the exit code."""
        for name in sorted(self.counts):
            say(f"  {name:<75} {self.counts[name]:>8}")
        for name in unreached:
            say(f"NEVER REACHED: {name}")
        for name, times in self.found.most_common():
            say(f"FOUND {times:>6} times: {name}")
        took = time.monotonic() - self.begun
        say(f"{self.programs} programs in {took:.0f} s, {self.found['programs']} with findings")
        return 1 if self.found or unreached else 0


def replay(program: Program, *, short: bool) -> int:
    """Run one program and print everything."""
    report = run(program)
    if short and report.findings:
        report = shorten(report)
    say(str(report.program))
    say(report.trace)
    show(report)
    return 1 if report.findings else 0


def show(report: Report) -> None:
    program = report.program
    say(
        f"{'FOUND' if report.findings else 'nothing found'}: --only {program.seed} --backend {program.backend} "
        f"--store {program.store} ({report.took_s:.2f} s, {report.cpu_s:.2f} s of processor time)"
    )
    for finding in report.findings[:SHOWN]:
        say(f"  {finding}")


def say(line: str) -> None:
    sys.stdout.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
