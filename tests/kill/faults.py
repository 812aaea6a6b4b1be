"""``python -m tests.kill.faults``: plants faults in a copy of the package; kills have to report each by its rule."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.edited_copy import Fault, copy_tree, mistake_in, planted, run_python

KILLS: Final = ("-m", "tests.kill", "--backend", "asyncio", "--first", "--times", "50", "--seed")
SEEDS: Final = range(1, 2001, 100)  # a kill has to come at the right instant: fifty more, if none did
TIMEOUT_S: Final = 300.0
_RUNTIME: Final = "jobcancel/_runtime/"

# In place of a test each names what a finding has to say.
FAULTS: Final = (
    Fault(
        "a submit is answered before it is kept",
        _RUNTIME + "scheduler.py",
        "        job = await kernel.durable.reserve(call.with_plain_arguments(), None, origin, timeout_s, undo)"
        ".answer()\n",
        "        job = kernel.durable.reserve(call.with_plain_arguments(), None, origin, timeout_s, undo)._job\n",
        "was acknowledged and is not in the journal",
    ),
    Fault(
        "a cancel is answered before it is kept",
        _RUNTIME + "durable_cancel.py",
        "    return kernel.journal.promise(pages, Asked(kernel, job, request))\n",
        "    ticket = Asked(kernel, job, request)\n    ticket.kept()\n    return ticket\n",
        "rule 2:",
    ),
    Fault(
        "the end of a job is told before it is kept",
        _RUNTIME + "waiting.py",
        "        await kernel.durable.journal.tried(job.id)\n",
        "        return\n",
        "rule 11:",
    ),
    Fault(
        "a request that was kept is forgotten",
        _RUNTIME + "recovery.py",
        "    requests, job.pages.requests = [*job.pages.requests], ()\n",
        "    requests = []\n    job.pages.requests = ()\n",
        "rule 2:",
    ),
    Fault(
        "a canceling job is run again",
        _RUNTIME + "recovery.py",
        "    if job.cancel is not None:\n        job.cancel.held = False\n",
        "    if job.cancel is not None and job.spec.name == 'steps':\n"
        "        job.cancel = None\n        job.state = JobState.RUNNING\n",
        "rule 2:",
    ),
    Fault(
        "compensations are lost in a restart",
        _RUNTIME + "recovery.py",
        "    job.undo = [Undo(name, args, kwargs, n) for name, n, args, kwargs in replay.undo] or None\n",
        "",
        "rule 6:",
    ),
    Fault(
        "a stage that commits is begun again",
        _RUNTIME + "recovery.py",
        "    if committing is not None:\n        return f",
        "    if committing == job.id:\n        return f",
        "rule 7:",
    ),
    Fault(
        "a stage that was passed is begun again after a shutdown",
        _RUNTIME + "durable_job.py",
        '        return next((name for name in stages if begun[name] > kept[name]), "")\n',
        '        return next((name for name in stages if begun[name] > kept[name] + 9), "")\n',
        "rule 7:",
    ),
    Fault(
        "results are forgotten",
        _RUNTIME + "recovery.py",
        "    job.results = {(stage, passage): value for stage, passage, value in replay.results}\n",
        "",
        "rule 8:",
    ),
    Fault(
        "a job that began is begun again",
        _RUNTIME + "recovery.py",
        "    if job.state is JobState.PENDING and job.pages.starting",
        "    if job.state is JobState.FAILED and job.pages.starting",
        "began twice",
    ),
    Fault(
        "keys are forgotten",
        _RUNTIME + "recovery.py",
        "        kernel.keys.restore(where, entry)\n",
        "        pass\n",
        "rule 9:",
    ),
    Fault(
        "a settled job goes on",
        _RUNTIME + "recovered.py",
        '            elif body.get("final"):\n',
        '            elif body.get("final") and body["kind"] != "queued":\n',
        "rule ",
    ),
    Fault(
        "an answer is another than the journal's",
        _RUNTIME + "recovered.py",
        "            record = replay.record(spec, self.offset)\n",
        "            replay.fields['result'] = id(body)\n            record = replay.record(spec, self.offset)\n",
        "rule 10:",
    ),
    Fault(
        "retention takes what is open",
        _RUNTIME + "durable_table.py",
        "        if job.settled is not None:\n            super().settle(job)\n",
        "        if job.settled is not None:\n            super().settle(job)\n"
        "        if self.live and job.seq % 5 == 0:\n"
        "            self._dropped(next(iter(self.live)), self._settled[job.id])\n",
        "rule 1:",
    ),
)


def main() -> int:
    """Try all; return 1 if a fault survives, or is reported as another."""
    missed = 0
    with tempfile.TemporaryDirectory(prefix="jobcancel-kill-faults-") as temporary:
        folder = copy_tree(Path(temporary).resolve() / "copy")
        for fault in FAULTS:
            line = tried(fault, folder)
            missed += not line.startswith("caught")
            print(f"{line}  {fault.file}: {fault.breaks}", flush=True)
    print(f"{len(FAULTS)} faults: {len(FAULTS) - missed} caught, {missed} missed")
    return 1 if missed else 0


def tried(fault: Fault, folder: Path) -> str:
    """Kill with a fault, until that is found; return what was made of it."""
    mistake = mistake_in(fault, folder)
    if mistake is not None:
        return f"MISTAKE ({mistake})"
    others: list[str] = []  # it may show in more than one way; it is caught by the one that is its own
    with planted(fault, folder):
        for seed in SEEDS:
            with tempfile.TemporaryDirectory(prefix="jobcancel-kill-") as kept:
                code, output = run_python(folder, [*KILLS, str(seed), "--keep", kept], TIMEOUT_S)
            findings = [line for line in output.splitlines() if line.startswith("FINDING")]
            if code == 1 and any(fault.test in finding for finding in findings):
                return f"caught (seed {seed})"
            others += findings
            if code not in (0, 1):
                return f"MISTAKE (exit code {code}: {output[-1000:]})"
    return f"SURVIVED ({len(SEEDS)} seeds; other findings: {chr(10).join(others)[:3000] or 'none'})"


if __name__ == "__main__":
    sys.exit(main())
