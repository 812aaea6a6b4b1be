"""``python -m tests.kill [--times N] [--seed S] [--backend NAME] [--keep FOLDER]``: kill -9 under load.

A child runs a scheduler on a journal and reports its answers over a pipe. It is killed at a random instant and
the journal is judged against the answers: nothing acknowledged may be missing, nothing may happen twice. The next
child goes on with the same journal. The load follows from the seed, the instants do not: a finding's folder stays.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from secrets import randbelow
from typing import Final

from .child import BACKENDS
from .killer import Killer

_LIVES: Final = 25  # kills of one journal
_FORGETS: Final = 5  # every so many journals the settled jobs are dropped soon


def main(arguments: list[str] | None = None) -> int:
    """Kill, print the figures, and return the exit code: 1 if there is a finding."""
    parser = ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("--times", type=int, default=500, help="kills, over all backends (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=randbelow(10**6), help="of the load (default: a random one)")
    parser.add_argument("--backend", choices=BACKENDS, help="one alone (default: all that are installed)")
    parser.add_argument("--keep", type=Path, help="where to keep the journals (default: only those with findings)")
    parser.add_argument("--first", action="store_true", help="end with the first journal that has findings")
    options = parser.parse_args(arguments)
    backends = [options.backend] if options.backend else [name for name in BACKENDS if find_spec(name)]
    folder = options.keep or Path(tempfile.mkdtemp(prefix="jobcancel-kill-"))
    print(f"kill: {options.times} times, seed {options.seed}, {', '.join(backends)}", flush=True)
    began, killers, kills = time.monotonic(), list[Killer](), 0
    while kills < options.times:
        number = len(killers)
        backend = backends[number % len(backends)]
        killer = Killer(
            folder / f"{number}-{backend}", backend, options.seed + number, number % _FORGETS == _FORGETS - 1
        )
        killers.append(killer)
        killer.run(min(_LIVES, -(-options.times // len(backends)), options.times - kills))
        kills += max(killer.kills, 1)
        for finding in killer.judge.findings:
            print(f"FINDING {killer.folder}: {finding}", flush=True)
        if killer.judge.findings and options.first:
            break
        if not killer.judge.findings and not options.keep:
            shutil.rmtree(killer.folder)
    findings = report(killers, time.monotonic() - began)
    if findings:
        print(f"the folders stay; again: python -m tests.kill --times {options.times} --seed {options.seed}")
    elif not options.keep:
        folder.rmdir()
    return 1 if findings else 0


def report(killers: list[Killer], took_s: float) -> int:
    """Print what there was; return how many findings."""
    moments, counts, recovered, kills = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    undone = 0
    for killer in killers:
        moments += killer.moments
        counts += killer.judge.books.counts
        recovered += killer.judge.recovered
        kills[killer.backend] += killer.kills
        for log in killer.judge.books.jobs.values():
            first = min((when[0] for when in log.registered.values()), default=None)
            runs = [when[0] for each in log.undoing.values() for when, _ in each]
            undone += sum(first is not None and life > first for life in runs)
    findings = sum(len(killer.judge.findings) for killer in killers)
    verdicts = {name.split()[1]: number for name, number in sorted(counts.items()) if name.startswith("verdict ")}
    print(f"kills: {kills.total()} in {took_s:.0f} s ({words(kills)}); by moment: {words(moments)}")
    print(f"acknowledged submits: {counts['submits']}; cancels: {words(verdicts)}")
    print(f"recovered: {words(recovered)}; compensations run after a restart: {undone}")
    print(f"journals: {len(killers)}; findings: {findings}", flush=True)
    return findings


def words(counts: Counter[str] | dict[str, int]) -> str:
    """Return counts as words."""
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
