"""Runs each program in a process of its own, so that a hang or a crash is a finding and never the run's end."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from attrs import field, frozen

from .child import STACKS, be_child
from .judgement import Finding
from .plan import Program

HANG_S: Final = 20.0  # real seconds; a program takes some milliseconds, and gives up by itself after four seconds
BUSY_S: Final = 5.0  # of processor time; a program takes some milliseconds
MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a disk in memory, where there is one: its files are temporary
LAST_WORDS_S: Final = 0.5


@frozen
class Report:
    """What came of one program."""

    program: Program
    findings: tuple[Finding, ...]
    counts: Counter[str] = field(factory=Counter[str])
    trace: str = ""
    took_s: float = 0.0
    cpu_s: float = 0.0


def run(program: Program) -> Report:
    """Run one program in a child process, which judges it too."""
    return next(run_all([program], 1))


def run_all(programs: Iterable[Program], at_once: int, hang_s: float = HANG_S) -> Iterator[Report]:
    """Run programs, some at once since most of them wait most of the time; give the reports as they come."""
    left, running = iter(programs), list[_Child]()
    while True:
        while len(running) < at_once and (program := next(left, None)) is not None:
            running.append(_Child(program, hang_s))
        if not running:
            return
        readable, _, _ = select.select([child.reading for child in running], [], [], LAST_WORDS_S)
        for child in list(running):
            if (child.reading in readable and child.read()) or child.hangs():
                running.remove(child)
                yield child.report()


class _Child:
    """A program that runs."""

    def __init__(self, program: Program, hang_s: float) -> None:
        self._program, self._hang_s, self._begun = program, hang_s, time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix="programs-", dir=MEMORY if MEMORY.is_dir() else None))
        self._output, self._ended = bytearray(), False
        self.reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self.reading)
            be_child(program, self._folder, writing)
        os.close(writing)

    def read(self) -> bool:
        """Read some of what it says; True when that was all."""
        chunk = os.read(self.reading, 1 << 16)
        self._output += chunk
        self._ended = not chunk
        return self._ended

    def hangs(self) -> bool:
        return time.monotonic() - self._begun > self._hang_s

    def report(self) -> Report:
        """Return what came of it; one that hangs says where, and is ended."""
        os.close(self.reading)
        if not self._ended:
            os.kill(self._pid, signal.SIGUSR2)  # by faulthandler, which needs nothing of Python
            os.kill(self._pid, signal.SIGUSR1)
            time.sleep(LAST_WORDS_S)
            os.kill(self._pid, signal.SIGKILL)
        _, status, usage = os.wait4(self._pid, 0)
        stacks = self._folder / STACKS
        where = stacks.read_text(errors="replace") if stacks.exists() else ""
        shutil.rmtree(self._folder, ignore_errors=True)
        took_s, cpu_s = time.monotonic() - self._begun, usage.ru_utime + usage.ru_stime
        findings, trace = list[Finding](), ""
        counts = Counter[str]()
        if self._ended and self._output:
            reply = json.loads(self._output)
            findings = [Finding(*each) for each in reply["findings"]]
            counts.update(reply["counts"])
            trace = reply["trace"]
            if cpu_s > BUSY_S:
                findings.append(Finding("10", f"{cpu_s:.1f} s of processor time"))
        elif self._ended:
            findings = [Finding("18", f"the process ended with {status} and without a word")]
        else:
            findings = [Finding("18", f"no end within {self._hang_s:g} s, {cpu_s:.1f} s of processor time")]
        return Report(self._program, tuple(findings), counts, trace + where, took_s, cpu_s)
