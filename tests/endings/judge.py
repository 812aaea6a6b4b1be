"""What has to hold of every cell, written from rules 2, 5, 7, 11, 14, 16 and 18."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from attrs import frozen

from .cells import Jobs
from .zygote import Report

PROCESSOR_S: Final = 0.8  # a cell takes 0.1; one that spins takes what its bound allows
# What CPython says if a later Ctrl-C arrives when ``asyncio.Runner.close`` has made one of its two coroutines and not
# yet begun it; `test_judge.py` shows it without jobcancel.
RUNNER_INTERRUPTED: Final = re.compile(
    r"^(?:.*: )?RuntimeWarning: coroutine '(?:BaseEventLoop|Loop)\.shutdown_(?:asyncgens|default_executor)' "
    r"was never awaited\n"
    r"(?:  .*\n)?"
    r"RuntimeWarning: Enable tracemalloc to get the object allocation traceback\n",
    re.MULTILINE,
)
# uvloop then cannot close, which comes out in place of the interrupt, and leaves its two sockets open.
UVLOOP_INTERRUPTED: Final = "RuntimeError: Cannot close a running event loop"
UVLOOP_SOCKETS: Final = re.compile(
    r"^(?:.*: )?ResourceWarning: unclosed <socket.*family=1, type=1, proto=0>\n"
    r"(?:  .*\n)?"
    r"ResourceWarning: Enable tracemalloc to get the object allocation traceback\n",
    re.MULTILINE,
)


@frozen
class Fate:
    """How a kind's job ends when the scheduler is left in order.

    Attributes:
        shown: What the scheduler shows afterwards, in memory.
        committed: What it shows, and the journal has, with a store.
        settled: What the next life makes of that.
        undone: How often its compensation ran, over all lives; in memory, and with a store.
        effects: What it has put down once.
    """

    shown: str
    committed: str
    settled: str
    undone: tuple[int, int]
    effects: tuple[str, ...] = ()


FATES: Final = {
    "done": Fate("succeeded", "succeeded", "succeeded", (0, 0)),
    "sleeps": Fate("canceled", "canceled", "canceled", (1, 1)),
    "reruns": Fate("canceled", "pending", "succeeded", (1, 0)),
    "refuses": Fate("canceled", "canceled", "canceled", (1, 1), ("whole",)),
    "threads": Fate("canceled", "canceled", "canceled", (1, 1), ("thread ended",)),
    "undoes": Fate("canceled", "canceled", "canceled", (1, 1), ("undoing",)),
    "interrupts": Fate("failed", "failed", "failed", (0, 0)),
}
# What a job may be when all tasks were cancelled natively, or the process was left with it running.
PIERCED: Final = {"canceled", "failed"}
OPEN: Final = {"pending", "running", "canceling"}
TERMINAL: Final = {"succeeded", "partially_succeeded", "failed", "canceled"}


def problems(report: Report) -> list[str]:
    """Return what is wrong with a cell."""
    if "Timeout (" in report.stderr:
        return [f"no end: {_where(report.stderr)}"]
    return [*_process(report), *_jobs(report)]


def _process(report: Report) -> Iterator[str]:
    ending = report.cell.ending
    if report.exit_code != ending.exit_code:
        yield f"exit code {report.exit_code} in place of {ending.exit_code}"
    if report.next_exit_code:
        yield f"the next life ends with {report.next_exit_code}"
    outcomes = [fact["name"] for fact in report.facts if fact["what"] == "outcome"]
    stderr = report.stderr
    if len(ending.signals) > 1:
        stderr = RUNNER_INTERRUPTED.sub("", stderr)
        if report.cell.loop == "uvloop" and outcomes[:1] == [UVLOOP_INTERRUPTED]:
            outcomes, stderr = ["KeyboardInterrupt"], UVLOOP_SOCKETS.sub("", stderr)
    if ending.exit_code >= 0 and outcomes[:1] not in [[each] for each in ending.outcome]:
        yield f"outcome {', '.join(outcomes) or 'none'} in place of {' or '.join(ending.outcome)}"
    if report.processor_s > PROCESSOR_S:
        yield f"{report.processor_s:.1f} s of processor time"
    noise = [line for line in stderr.splitlines() if line.strip() and not _allowed(line, ending.noise)]
    if noise:
        yield f"stderr: {noise[0]} ... {noise[-1]}"
    if report.log and ending.quiet and ending.jobs is Jobs.LEFT:
        yield f"log: {report.log.splitlines()[0]}"
    for fact in report.facts:
        if fact["what"] == "wrong":
            yield str(fact["problem"])


def _allowed(line: str, noise: tuple[str, ...]) -> bool:
    return any(re.fullmatch(pattern, line) for pattern in noise)


def _where(stderr: str) -> str:
    """Return where the main thread stood when its time was over; faulthandler shows the newest thread first."""
    _, _, dump = stderr.rpartition("Timeout (")
    _, _, dump = dump.rpartition("Thread 0x")
    frames = [line.strip() for line in dump.splitlines() if line.startswith("  File")]
    ours = [frame for frame in frames if "/jobcancel/" in frame]
    return (ours or frames or ["?"])[0].replace('File "', "")


def _jobs(report: Report) -> Iterator[str]:
    views = {fact["what"]: {job["id"]: job for job in fact["jobs"]} for fact in report.facts if "jobs" in fact}
    submitted = {fact["id"]: fact["kind"] for fact in report.facts if fact["what"] == "submitted"}
    effects = Counter((fact["what"], fact["id"]) for fact in report.facts if fact.get("id"))
    torn = {fact["id"]: fact["by"] for fact in report.facts if fact["what"] == "torn"}
    for job_id, kind in submitted.items():
        seen = {view: jobs[job_id] for view, jobs in views.items() if job_id in jobs}
        for view in views.keys() - seen.keys():
            yield f"{kind} is missing in what is {view}"
        yield from _history(report, kind, {view: job["state"] for view, job in seen.items()})
        if kind == "any":
            continue
        if report.cell.ending.jobs is Jobs.LEFT:
            yield from _left(report, kind, seen, effects, job_id)
            if job_id in torn and torn[job_id] != "KeyboardInterrupt":
                yield f"{kind} was torn by {torn[job_id]}"
        else:
            yield from _forsaken(report, kind, seen, effects, job_id)
    yield from _readers(report)
    yield from _threads(report)


def _history(report: Report, kind: str, states: dict[str, str]) -> Iterator[str]:
    """What was terminal stays so; the next life ends all."""
    # A scheduler that was never left may show more than was committed: no waiter can have been notified of it.
    views = ("journal", "settled") if report.cell.ending.jobs is Jobs.DROPPED else ("shown", "journal", "settled")
    order = [states[view] for view in views if view in states]
    for before, after in pairwise(order):
        if before in TERMINAL and after != before:
            yield f"{kind} was {before} and is {after}"
    if states.get("settled") in OPEN:
        yield f"{kind} is {states['settled']} in the next life"


def _left(
    report: Report, kind: str, seen: dict[str, dict[str, Any]], effects: Counter[tuple[str, str]], job_id: str
) -> Iterator[str]:
    fate, durable = FATES[kind], report.cell.store != "none"
    expected = {"shown": fate.committed if durable else fate.shown, "journal": fate.committed, "settled": fate.settled}
    for view, job in seen.items():
        if job["state"] != expected[view]:
            yield f"{kind} is {job['state']} ({job.get('code')}) in what is {view}, not {expected[view]}"
        if job.get("failed"):
            yield f"{kind} has compensations that failed: {job['failed']}"
    if effects["undone", job_id] != fate.undone[durable]:
        yield f"{kind} was undone {effects['undone', job_id]} times"
    for effect in fate.effects:
        if effects[effect, job_id] != 1:
            yield f"{kind}: {effects[effect, job_id]} times {effect!r}"


def _forsaken(
    report: Report, kind: str, seen: dict[str, dict[str, Any]], effects: Counter[tuple[str, str]], job_id: str
) -> Iterator[str]:
    if kind == "done":
        allowed = {"succeeded"}
    elif report.cell.ending.jobs is Jobs.PIERCED:
        allowed = PIERCED | {"pending"} if kind == "reruns" and report.cell.store != "none" else PIERCED
    else:
        allowed = PIERCED | OPEN | {"succeeded"}
    for view in seen.keys() & {"shown", "journal"}:
        if seen[view]["state"] not in allowed:
            yield f"{kind} is {seen[view]['state']} in what is {view}, which is none of {sorted(allowed)}"
    last = seen.get("settled") or seen.get("shown")
    if last is None or last["state"] in OPEN:
        return
    undone = effects["undone", job_id]
    dropped = report.cell.ending.jobs is Jobs.DROPPED and report.cell.store != "none"
    if last["state"] == "succeeded":
        if undone > dropped:  # once by a process whose end of it was not committed
            yield f"{kind} has succeeded, and was undone"
    elif undone > 1 + dropped:
        yield f"{kind} was undone {undone} times"
    elif not undone and not last.get("failed") and last.get("code") != "WORKER_LOST":
        # Of a process that was lost, a compensation of its last moments may be unknown.
        yield f"{kind} is {last['state']} ({last.get('code')}), and was not undone"


def _readers(report: Report) -> Iterator[str]:
    """All who wait wake."""
    whats = Counter(fact["what"] for fact in report.facts)
    if report.cell.situation == "watched" and report.cell.ending.exit_code >= 0:  # a signal leaves a thread no time
        if not whats["thread woke"]:
            yield "the thread that waits for the job does not wake"
        on_asyncio = report.cell.loop != "trio"
        if on_asyncio and not whats["task woke"] and report.cell.ending.jobs is not Jobs.DROPPED:
            yield "the task that waits for the job does not wake"


def _threads(report: Report) -> Iterator[str]:
    """Nothing is undone while a thread still does it."""
    order = [fact["what"] for fact in report.facts if fact["what"] in {"undone", "thread ended"}]
    if report.cell.situation == "threaded" and order[:1] == ["undone"]:
        yield "a job was undone while its thread ran"
