"""``python -m tests.soak.faults``: plants faults in a copy of the package; a short soak has to report each by name."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.edited_copy import Fault, copy_tree, mistake_in, planted, run_python

SOAK: Final = ("-m", "tests.soak", "--jobs", "3000", "--seed", "1")
TIMEOUT_S: Final = 120.0
_RUNTIME: Final = "jobcancel/_runtime/"
_IS_CANCELING: Final = "        if verdict.outcome is _CANCELING:\n"

# In place of a test each names the finding that has to be printed.
FAULTS: Final = (
    Fault(
        2,
        _RUNTIME + "kernel.py",
        "        if job.waiters is not None or job.watchers is not None:\n",
        "        if job.watchers is not None:\n",
        "jobs never settle",  # for those who wait
    ),
    Fault(
        2,
        _RUNTIME + "runner.py",
        "    if job.settled is None:  # else it was abandoned meanwhile: what the code returned is nobody's\n",
        "    if job.settled is not None:\n        job.state = type(job.state).CANCELING\n    if True:\n",
        "a terminal state was left",
    ),
    Fault(
        7,
        _RUNTIME + "compensation.py",
        "        clean = await _undo(job, job.undo.pop()) and clean\n",
        "        undo = job.undo.pop()\n        clean = await _undo(job, undo) and await _undo(job, undo) and clean\n",
        "a compensation ran twice or out of order",
    ),
    Fault(
        7,
        _RUNTIME + "runner.py",
        "    if job.cancel is not None or job.undo is not None:\n",
        "    if job.cancel is not None:\n",
        "0 compensations ran, not 1",  # a failed job's are lost
    ),
    Fault(
        7,
        _RUNTIME + "compensation.py",
        "    if inspect.isawaitable(pending):\n        await pending\n",
        "",
        "unraisable exception",  # a coroutine that nobody awaits
    ),
    Fault(
        2,
        _RUNTIME + "kernel.py",
        "        self.table.settle(job)\n",
        "        self.table.settle(job)\n        self.__dict__.setdefault('kept', []).append(job)\n",
        "objects of ended jobs are alive",
    ),
    Fault(
        2,
        _RUNTIME + "table.py",
        "len(retained.ids) > spec.retain_count:\n",
        "len(retained.ids) > 9 * spec.retain_count:\n",
        "more settled jobs are retained than the retention allows",
    ),
    Fault(
        4,
        _RUNTIME + "kernel.py",
        _IS_CANCELING,
        "        if verdict.outcome is Outcome.REFUSED and job.scope is not None:\n"
        f"            job.scope.cancel()\n{_IS_CANCELING}",
        "a cancellation was seen that was never delivered",
    ),
    Fault(
        5,
        _RUNTIME + "kernel.py",
        _IS_CANCELING,
        "        if verdict.outcome in (_CANCELING, Outcome.DEFERRED):\n",
        "a shielded stage was torn without a force",
    ),
    Fault(
        9,
        _RUNTIME + "delivery.py",
        "            self.deliver(self._queue.popleft())\n",
        "            if self._queue.popleft().seq % 9:\n                continue\n",
        "an accepted cancel was not delivered",
    ),
    Fault(
        12,
        _RUNTIME + "runner.py",
        "    while job.children:\n        job.on_children",
        "    while job.children and job.stage is job:\n        job.on_children",
        "settled before its children",
    ),
    Fault(
        2,
        _RUNTIME + "keys.py",
        "entry.ended in spec.rerun_on",
        "entry.arguments",
        "a key led to a second job",
    ),
)


def main() -> int:
    """Try all; return 1 if a fault survives, or is reported as another."""
    missed = 0
    with tempfile.TemporaryDirectory(prefix="jobcancel-soak-") as temporary:
        folder = copy_tree(Path(temporary).resolve() / "copy")
        code, output = run_python(folder, SOAK, TIMEOUT_S)
        if code != 0:
            raise SystemExit(f"the soak does not pass without a fault (exit code {code}):\n{output}")
        for fault in FAULTS:
            line = tried(fault, folder)
            missed += not line.startswith("caught")
            print(f"{line}  {fault.file}: {fault.test}", flush=True)
    print(f"{len(FAULTS)} faults: {len(FAULTS) - missed} caught, {missed} missed")
    return 1 if missed else 0


def tried(fault: Fault, folder: Path) -> str:
    """Run the soak with a fault; return what it made of it."""
    mistake = mistake_in(fault, folder)
    if mistake is not None:
        return f"MISTAKE ({mistake})"
    with planted(fault, folder):
        code, output = run_python(folder, SOAK, TIMEOUT_S)
    findings = output[output.find("FINDING") :]
    if code == 1 and fault.test in findings:
        return "caught"
    return f"SURVIVED (exit code {code})\n{findings[:3000]}"


if __name__ == "__main__":
    sys.exit(main())
