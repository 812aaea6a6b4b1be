"""What always holds, in a line each; every one has a fault."""

from __future__ import annotations

from typing import Final

RULES: Final = {
    "1": "a decision and its transition are one step",
    "2": "a terminal state is never left, and every waiter wakes",
    "3": "no stage begins after an accepted request",
    "4": "a refused request cancels nothing",
    "5": "nothing tears a stage that defers or refuses",
    "6": "finished work is reported as finished",
    "7": "compensations run after the code, before the end, newest first, once",
    "8": "canceling is bounded by the grace",
    "9": "a cancel is never lost",
    "10": "a cancel costs nothing while it is held, and code that swallows one is noticed",
    "11": "a job does not settle before its threads and processes have ended",
    "12": "children settle before their parent, and are canceled at its delivery",
    "13": "of a cancel and an end the first wins, and the other is answered",
    "14": "one job cannot take the others down",
    "15": "a job inherits its submitter's context variables and keeps its own",
    "16": "a handle or a verdict is not lost to the caller's own cancellation",
    "17": "a job that waits for itself gets an error",
    "18": "the scheduler ends however its host ends",
    "19": "an end is shown once it is committed",
    "answers": "submit, cancel and compensations are answered after their commit",
    "restart": "a restart runs no job again that must not be run again",
    "reuse": "a finished run_stage is not run again",
    "undos": "compensations survive a restart",
    "one entry": "one bad entry hurts one job",
    "the file": "a journal belongs to one process, and is complete after every commit",
    "shutdown": "a shutdown interrupts a job of a `rerun` kind and does not cancel it",
}
"""By number those of the scheduler (section 5 of the design), by name those of a scheduler with a store (section 8)."""
