"""trio's answer to the tasks that a job's code starts: an instrument hears of each before its first step.

Beside it the order in which trio's tasks take turns. trio shuffles what is ready together, so that no code relies on
an order; a plan that is made from one run and carried out in another needs the same order in both.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from random import Random
from typing import Any

import trio

from .driving import Driven
from .tasks import job_of
from .trace import Trace


class Spawned(trio.abc.Instrument):
    """Drives the tasks that jobs start.

    Args:
        trace: The run's record.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """For trio: a task begins. A job's own is driven already."""
        known: Any = task  # ours is none of trio's own kind of coroutine
        job = None if isinstance(known.coro, Driven) else job_of(task.context, self._trace)
        if job is not None:
            known.coro = Driven(task.coro, self._trace.task_starts(job, task.coro))


class _Turns(Random):
    """Stands for trio's own random numbers, which order the tasks that are ready together."""

    def shuffle(self, x: Any) -> None:
        """Put a batch, which comes in the order in which its tasks were started, so that the oldest is first.

        trio takes them from the end.
        """
        x.reverse()


@contextmanager
def in_order() -> Generator[None]:
    """Let trio's tasks take turns in the order in which they were started, as asyncio's do.

    trio has this switch for its own tests and for Hypothesis's, and names it in no public place
    (https://github.com/python-trio/trio/issues/890).
    """
    names: dict[str, Any] = vars(importlib.import_module("trio._core._run"))
    ours = {"_r": _Turns(), "_ALLOW_DETERMINISTIC_SCHEDULING": True}
    former = {name: names[name] for name in ours}
    names.update(ours)
    try:
        yield
    finally:
        names.update(former)
