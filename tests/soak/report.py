"""What a run prints."""

from __future__ import annotations

from typing import Final

from jobcancel import Outcome

from . import gauges
from .driver import Soak
from .ledger import STATES

MANNERS: Final = ("pass", "swallow", "finish", "cleanup", "stubborn", "enter", "error")
# What every run of some thousand jobs has to have seen: a soak that injects nothing finds nothing.
EXPECTED: Final = (
    *(f"cause: {cause}" for cause in ("user", "timeout", "shutdown", "parent")),
    *(f"cancellation met: {manner}" for manner in MANNERS),
    *(f"compensation: {sort}" for sort in ("good", "raises", "overruns", "in a thread")),
    *(f"marked {mark}" for mark in ("forced", "ignored", "abandoned", "stuck")),
    *("batch", "cancel_many", "child", "expired", "force on a held cancel", "foreign cancellation", "key conflict"),
    *("key replayed", "process", "queue full", "second waiter", "shutdown", "stage timed out"),
    *("submit to a closed scheduler", "thread", "waiter cancelled", "waiter timed out", "watched to the end"),
    "watcher abandoned",
)
_WIDTH: Final = 110


def summarize(soak: Soak) -> int:
    """Print the summary; return the exit code."""
    ledger, findings, marks = soak.ledger, soak.findings, soak.marks
    if not ledger.from_threads:
        findings.add("the soak never saw something it injects", "a job from a host's thread")
    for outcome in Outcome:
        if not ledger.answers[outcome]:
            findings.add("the soak never saw an outcome", outcome)
    for state in STATES[1:]:
        if not ledger.ends[state]:
            findings.add("the soak never saw an end state", state)
    for name in EXPECTED:
        if not ledger.happened[name]:
            findings.add("the soak never saw something it injects", name)
    print(f"jobs: {ledger.accepted} accepted, {ledger.settled} settled, in {soak.took_s:.1f} s", end="")
    if len(marks) == soak.samples:
        tenth, step = ledger.accepted / 10, soak.samples // 10
        first, last = marks[step - 1], marks[-1] - marks[-1 - step]
        print(f"; jobs/s in the first tenth {tenth / first:.0f}, in the last {tenth / last:.0f}", end="")
    print(f"; longest turn of the loop {soak.longest_turn_s * 1000:.0f} ms")
    print_counts("verdicts", {outcome: ledger.answers[outcome] for outcome in Outcome})
    print_counts("end states", {state: ledger.ends[state] for state in STATES[1:]})
    ledger.happened["job from a host's thread"] = ledger.from_threads
    print_counts("happened", dict(sorted(ledger.happened.items())))
    print_memory(soak)
    for sort, count in findings.counts.items():
        print(f"FINDING, {count} times: {sort}")
        for example in findings.examples[sort]:
            print(f"    {example}")
    print(f"findings: {findings.counts.total()}")
    return 1 if findings.counts else 0


def print_counts(title: str, counts: dict[str, int]) -> None:
    """Print counts, as many in a line as fit."""
    line = f"{title}:"
    for name, count in counts.items():
        word = f" {name} {count},"
        if len(line) + len(word) > _WIDTH:
            print(line)
            line = "   "
        line += word
    print(line.rstrip(","))


def print_memory(soak: Soak) -> None:
    rss, objects = soak.gauge.rss, soak.gauge.objects
    deciles = slice(soak.samples // 10 - 1, None, soak.samples // 10)
    print(f"RSS by decile, MiB: {' '.join(f'{value:.0f}' for value in rss[deciles])}")
    print(f"objects by decile: {' '.join(str(value) for value in objects[deciles])}")
    if soak.jobs < gauges.LEAST:
        print(f"flat: not judged below {gauges.LEAST} jobs")
    else:
        flat = "NO" if soak.gauge.risen() else "yes"
        print(f"flat (the last half's maximum at most {gauges.RISE} times the second quarter's): {flat}")
    print(f"open files after the first and the last session: {soak.files[0]}, {soak.files[-1]}" if soak.files else "")
