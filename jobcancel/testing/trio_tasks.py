"""trio's answer to the tasks that a job's code starts: an instrument hears of each before its first step."""

from __future__ import annotations

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
