"""``python -m tests.faults [WORD ...]``: plant each fault in a run of its test, which has to fail.

With words only the faults whose rule is one of them, or whose name has one of them. A fault is *caught* when its test
fails or hangs, and has *survived* when its test passes. Anything else (its function is gone, its test is not collected)
is a mistake in the list. Exit code 0 means that every rule has a fault and that every fault was caught.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from tempfile import TemporaryDirectory
from typing import Final

from attrs import frozen

from tests.edited_copy import TOP, run_python

from .fault import UNSOUND, VARIABLE, Fault
from .plant import FAULTS
from .rules import RULES

TEST_TIMEOUT_S: Final = 30.0
AT_ONCE: Final = 4 * (os.cpu_count() or 1)  # a test that hangs needs no processor
PYTEST: Final = (
    *("-m", "pytest", "-q", "-x", "-rf", "--tb=line", "-p", "no:cacheprovider"),
    "--capture=sys",  # what a process prints before it ends at once is not lost
    *("-p", "no:schemathesis"),  # it takes long to load
    *("-p", "tests.faults.plant"),
)
PASSED, FAILED = 0, 1  # pytest's exit codes; the others (2 to 5) say that no test was judged


class Result(StrEnum):
    """What became of a fault."""

    CAUGHT = "caught"
    HANGS = "caught, by a hang"
    SURVIVED = "SURVIVED"
    MISTAKE = "MISTAKE"


@frozen
class Report:
    """A fault and what became of it; ``detail`` says what is wrong with the list."""

    fault: Fault
    result: Result
    took_s: float
    detail: str = ""

    def __str__(self) -> str:
        line = f"{self.fault.rule:>9}  {self.result:<17} {self.took_s:>5.1f} s  {self.fault.name}"
        return f"{line}\n    {self.detail}" if self.detail else line


def judge(code: int | None, output: str) -> tuple[Result, str]:
    """Return what the end of its test says about a fault."""
    if code is None:
        return Result.HANGS, ""
    if code == PASSED:
        return Result.SURVIVED, ""
    if code == UNSOUND:
        return Result.MISTAKE, f"the fault itself raised:\n{output}"
    if code == FAILED and any(line.startswith("FAILED ") for line in output.splitlines()):
        return Result.CAUGHT, ""
    return Result.MISTAKE, f"pytest ended with {code} and no failing test:\n{output}"


def try_fault(fault: Fault) -> Report:
    """Run a fault's test with the fault planted."""
    started = time.monotonic()
    with TemporaryDirectory() as folder:  # of its own: pytest's runs would clean up each other's
        arguments = [*PYTEST, "--basetemp", f"{folder}/pytest", fault.shown_by]
        environment = {VARIABLE: fault.name}
        ended = run_python(TOP, arguments, TEST_TIMEOUT_S, bytecode=True, environment=environment)
    result, detail = judge(*ended)
    return Report(fault, result, time.monotonic() - started, detail)


def require_passing(faults: Sequence[Fault]) -> None:
    """Exit unless the named tests pass while nothing is planted: otherwise their failing says nothing."""
    tests = sorted({fault.shown_by for fault in faults})
    code, output = run_python(TOP, [*PYTEST, *tests], TEST_TIMEOUT_S * len(tests), bytecode=True)
    if code != PASSED:
        raise SystemExit(f"the named tests do not pass without a fault (exit code {code}):\n{output}")
    print(f"{len(tests)} tests pass while nothing is planted", flush=True)


def summarize(reports: Sequence[Report], rules: Sequence[str]) -> int:
    """Print the counts; return the exit code."""
    broken = {report.fault.rule for report in reports}
    missing = [rule for rule in rules if rule not in broken]
    for rule in missing:
        print(f"{rule:>9}  NO FAULT is listed: {RULES[rule]}")
    caught = sum(report.result in (Result.CAUGHT, Result.HANGS) for report in reports)
    if rules:
        print(f"{len(rules) - len(missing)} of {len(rules)} rules have faults")
    print(f"{caught} of {len(reports)} faults were caught")
    return 1 if missing or caught < len(reports) or not reports else 0


def main(arguments: list[str] | None = None) -> int:
    """Try the faults, several at once."""
    parser = ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="rules, or parts of names (default: all faults)")
    words: list[str] = parser.parse_args(arguments).words
    chosen = [each for each in FAULTS.values() if not words or _has_word(each, words)]
    if unknown := {fault.rule for fault in chosen} - RULES.keys():
        parser.error(f"faults of rules that do not exist: {sorted(unknown)}")
    require_passing(chosen)
    reports: list[Report] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for report in pool.map(try_fault, chosen):
            print(report, flush=True)
            reports.append(report)
    return summarize(reports, [*RULES] if not words else [])


def _has_word(fault: Fault, words: list[str]) -> bool:
    return any(word == fault.rule or word in fault.name for word in words)


if __name__ == "__main__":
    sys.exit(main())
