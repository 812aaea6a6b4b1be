"""trio's answer to the tasks that a job's code starts: their steps, seen by an instrument."""

from __future__ import annotations

from typing import cast

import trio

from .driving import Driven
from .tasks import job_of
from .trace import Trace, Track


class TaskSteps(trio.abc.Instrument):
    """Records the tasks that jobs start.

    Args:
        trace: The run's record.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._tracks: dict[trio.lowlevel.Task, Track] = {}

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """For trio: a task begins. A job's own is driven, and not watched from here."""
        coroutine = cast(object, task.coro)  # ours is none of trio's own kind
        job = None if isinstance(coroutine, Driven) else job_of(task.context, self._trace)
        if job is not None:
            self._tracks[task] = track = self._trace.task_starts(job)
            track.task = task

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """For trio: a step begins."""
        track = self._tracks.get(task)
        if track is not None:
            track.runs()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """For trio: a step is over."""
        track = self._tracks.get(task)
        if track is not None:
            track.suspended(task.coro)

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """For trio: a task has ended."""
        track = self._tracks.pop(task, None)
        if track is not None:
            track.ends()
