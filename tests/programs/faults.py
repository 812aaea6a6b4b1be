"""``python -m tests.programs --faults [WORD...]``: plants faults in a copy of the package, for programs to find."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.edited_copy import Fault, copy_tree, mistake_in, planted, run_python

# Programs of three seeds, more each time: most faults are found by the first few dozen.
TRIES: Final = ((1, 120), (10_000, 400), (20_000, 1200))
TIMEOUT_S: Final = 400.0
ASYNCIO: Final = ("--backend", "asyncio")
MEMORY: Final = (*ASYNCIO, "--store", "none")
STORE: Final = (*ASYNCIO, "--store", "memory")
_CORE: Final = "jobcancel/_core/"
_RUNTIME: Final = "jobcancel/_runtime/"

# In place of a test each names what a finding has to say; the places to look for it follow.
FAULTS: Final[tuple[tuple[Fault, tuple[str, ...]], ...]] = (
    (
        Fault(
            "1: the dry run forgets a force",
            _RUNTIME + "scheduler.py",
            "        request = Cancellation(CancelCause.USER, None, None, defer, force)\n",
            "        request = Cancellation(CancelCause.USER, None, None, defer, False)\n",
            "rule 1: can_cancel says what cancel then answers",
        ),
        MEMORY,
    ),
    (
        Fault(
            "1: the verdict is that of another policy",
            _CORE + "decision.py",
            "        return REFUSE if may_refuse and on_cancel is OnCancel.REFUSE else HOLD\n",
            "        return REFUSE if may_refuse else HOLD\n",
            "rule 1: a verdict agrees with the state and the policy (refused)",
        ),
        MEMORY,
    ),
    (
        Fault(
            "2: a waiter is not woken",
            _RUNTIME + "job.py",
            "        for event in self.waiters or ():\n",
            "        for event in ():\n",
            "rule ",
        ),
        MEMORY,
    ),
    (
        Fault(
            "3: a stage begins after an accepted cancel",
            _RUNTIME + "stage.py",
            "                await deliver_first(job, stage.name)\n        kernel = job.kernel\n"
            "        job.enter_stage(stage, kernel.now())\n",
            "                pass\n        kernel = job.kernel\n        asked, job.cancel = job.cancel, None\n"
            "        job.enter_stage(stage, kernel.now())\n        job.cancel = asked\n",
            "rule 3: no stage begins",
        ),
        MEMORY,
    ),
    (
        Fault(
            "4: a refused request is delivered",
            _CORE + "decision.py",
            "REFUSE: Final = Decision(Outcome.REFUSED, None)",
            "REFUSE: Final = Decision(Outcome.REFUSED, Event.CANCEL_ACCEPTED)",
            "rule 4: a refusal leaves the job as it was",
        ),
        MEMORY,
    ),
    (
        Fault(
            "5: a stage that defers is torn by a parent's cancel",
            _CORE + "decision.py",
            "        if request.force or on_cancel is _INTERRUPT:\n",
            "        if request.force or on_cancel is _INTERRUPT or request.cause is CancelCause.PARENT:\n",
            "rule 5: a stage that shields is not torn",
        ),
        MEMORY,
    ),
    (
        Fault(
            "6: work that finished is reported as canceled",
            _CORE + "endings.py",
            "        if cause is None or not children_canceled:\n",
            "        if cause is None:\n",
            "rule 6: the state tells what happened (returned)",
        ),
        MEMORY,
    ),
    (
        Fault(
            "7: compensations run oldest first",
            _RUNTIME + "compensation.py",
            "    undo = undos[-1]\n",
            "    undos.reverse()\n    undo = undos[-1]\n",
            "rule 7: all that is to be undone is undone, newest first",
        ),
        MEMORY,
    ),
    (
        Fault(
            "7: one compensation that raises stops the others",
            _RUNTIME + "compensation.py",
            "    while job.undo:\n",
            "    while job.undo and clean:\n",
            "rule 7: all that is to be undone is undone, newest first",
        ),
        MEMORY,
    ),
    (
        Fault(
            "7: the point of no return is forgotten",
            _CORE + "record.py",
            "        if stage.commits:\n            self.undo = None\n",
            "",
            "rule 7: all that is to be undone is undone, newest first",
        ),
        MEMORY,
    ),
    (
        Fault(
            "8: every cancel that takes its time is abandoned",
            _RUNTIME + "delivery.py",
            "        if policy is OnGraceExpired.ABANDON:\n",
            "        if policy is not OnGraceExpired.WAIT:\n",
            "rule 8: only a kind that abandons is abandoned",
        ),
        MEMORY,
    ),
    (
        Fault(
            "9: a held cancel is forgotten at the stage's end",
            _CORE + "record.py",
            "        if self.cancel is None or not self.cancel.held:\n",
            "        if self.cancel is None or not self.cancel.held or not raised:\n",
            "rule ",
        ),
        MEMORY,
    ),
    (
        Fault(
            "11: a job does not wait for its thread",
            _RUNTIME + "threads.py",
            "    return await _run(job.kernel.loop, job.kernel.limiter, partial(fn, *args))\n",
            "    return await to_thread.run_sync(fn, *args, limiter=job.kernel.limiter, abandon_on_cancel=True)\n",
            "rule 11: a job in a thread settles after the thread",
        ),
        MEMORY,
    ),
    (
        Fault(
            "12: a parent does not wait for its children",
            _RUNTIME + "runner.py",
            "        await _children_settled(job)\n",
            "        await anyio.lowlevel.cancel_shielded_checkpoint()\n",
            "rule 12: ",
        ),
        MEMORY,
    ),
    (
        Fault(
            "12: a returned parent whose cancel stopped a child has succeeded",
            _RUNTIME + "job.py",
            "        return by_parent or (self.cancel is not None and not self.cancel.held)\n",
            "        return by_parent\n",
            "rule 6: the state tells what happened",
        ),
        MEMORY,
    ),
    (
        Fault(
            "13: the second requester takes the first one's place",
            _CORE + "record.py",
            "            self.cancel.held, self.cancel.forced = False, True\n",
            "            self.cancel.held, self.cancel.forced, self.cancel.by = False, True, 'second'\n",
            "rule 13: the first accepted cause stays",
        ),
        MEMORY,
    ),
    (
        Fault(
            "14: a slot is not given back by a job that fails",
            _RUNTIME + "kernel.py",
            "            if job.queue is not None:\n                for next_job in self.admission.release(job):\n",
            "            if job.queue is not None and job.failure is None:\n"
            "                for next_job in self.admission.release(job):\n",
            "rule ",
        ),
        MEMORY,
    ),
    (
        Fault(
            "14: SystemExit takes the others down",
            _RUNTIME + "runner.py",
            "        except BaseException as error:  # noqa: BLE001  # SystemExit and GeneratorExit too end this",
            "        except Exception as error:  #",
            "rule ",
        ),
        MEMORY,
    ),
    (
        Fault(
            "14: the timers end with their first call",
            _RUNTIME + "clock.py",
            '                guard("a timer\'s call", callback)\n',
            '                callback()\n                raise LookupError("one timer")\n',
            "rule ",
        ),
        STORE,
    ),
    (
        Fault(
            "15: a job sees nothing of its submitter's context",
            _RUNTIME + "job.py",
            "        self.context: Context = copy_context()\n",
            "        self.context: Context = Context()\n",
            "rule 15: a job inherits its submitter's context",
        ),
        MEMORY,
    ),
    (
        Fault(
            "16: a submit in memory does a checkpoint",
            _RUNTIME + "scheduler.py",
            "        kernel = self._kernel\n        undo = ",
            "        kernel = self._kernel\n        await __import__('anyio').lowlevel.checkpoint()\n        undo = ",
            "rule 16: in memory a canceled caller gets its answer",
        ),
        MEMORY,
    ),
    (
        Fault(
            "16: a caller's cancellation loses its handle, with a store",
            _RUNTIME + "ticket.py",
            "        await self._signal.wait_uninterrupted()\n",
            "        await self._signal.wait()\n",
            "rule 16: ",
        ),
        STORE,
    ),
    (
        Fault(
            "17: a job may wait for itself",
            _RUNTIME + "waiting.py",
            "    _refuse_own(job)\n",
            "",
            "rule ",
        ),
        MEMORY,
    ),
    (
        Fault(
            "18: leaving does not wait for the jobs",
            _RUNTIME + "lifecycle.py",
            "    await kernel.idle()\n    return",
            "    return",
            "rule 18: ",
        ),
        MEMORY,
    ),
    (
        Fault(
            "18: a task that waits for the end spins in a cancelled scope",
            _RUNTIME + "loops.py",
            "        with self.scope_type(shield=True):  # anyio's own cancellations",
            "        with self.scope_type():  # anyio's own cancellations",
            "rule ",
        ),
        MEMORY,
    ),
    (
        Fault(
            "18: a job that is left pending stands before a child that a shutdown waits for",
            _RUNTIME + "durable.py",
            "        self._leave_line(job)  # its slot may be what a child waits for\n",
            "",
            "rule 18: ",
        ),
        STORE,
    ),
    (
        Fault(
            "14: an assertion stands in for an answer during a shutdown",
            _RUNTIME + "admission.py",
            "        if kind is None:\n            return\n",
            "        assert kind is not None\n",
            "rule 14: ",
        ),
        STORE,
    ),
    (
        Fault(
            "12: a child that is being submitted is not waited for",
            _RUNTIME + "durable.py",
            "            parent.adopt(job)  # at once: the parent does not settle while it is on its way\n",
            "            pass\n",
            "rule ",
        ),
        STORE,
    ),
    (
        Fault(
            "3: a stage begins once a shutdown has reached a job that will run again",
            _RUNTIME + "durable_job.py",
            "        if stage and self.stopping and not self.stopped:\n",
            "        if False:\n",
            "rule 3: no stage begins once a shutdown has reached the job",
        ),
        STORE,
    ),
    (
        Fault(
            "numbers: a nan is taken",
            _RUNTIME + "waiting.py",
            '        timeout_s = PATIENCE.check(timeout_s, "timeout_s", "None for no limit")\n',
            "        pass\n",
            "rule numbers",
        ),
        MEMORY,
    ),
    (
        Fault(
            "14: a snapshot is no strict JSON",
            _CORE + "json_form.py",
            "        return value if isfinite(value) else self._not_finite(value)\n",
            "        return value\n",
            "rule 14: ",
        ),
        MEMORY,
    ),
)


def find(fault: Fault, places: tuple[str, ...], folder: Path) -> str | None:
    """Return how the fault was found, or None."""
    with planted(fault, folder):
        for seed, programs in TRIES:
            arguments = (
                "-m",
                "tests.programs",
                "--most",
                "0",
                "--hang-s",
                "7",
                "--seed",
                str(seed),
                "--programs",
                str(programs),
            )
            _, output = run_python(folder, (*arguments, "--seconds", "100", *places), TIMEOUT_S)
            lines = [line for line in output.splitlines() if line.startswith("FOUND ") and fault.test in line]
            if lines:
                return f"in {seed}+{programs}: {lines[0]}"
    return None


def plant(words: list[str]) -> int:
    """Plant each fault whose name has one of the words, or all; return the exit code: 1 if one was not found."""
    faults = [pair for pair in FAULTS if not words or any(word in str(pair[0].breaks) for word in words)]
    missed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = copy_tree(Path(temporary))
        for fault, places in faults:
            mistake = mistake_in(fault, folder)
            found = None if mistake else find(fault, places, folder)
            missed += found is None
            say(f"{fault.breaks}: {found or mistake or 'NOT FOUND'}")
    say(f"{len(faults) - missed} of {len(faults)} found")
    return 1 if missed else 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
