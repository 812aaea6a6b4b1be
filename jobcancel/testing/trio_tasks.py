"""Record the tasks that a job's code starts on trio, where an instrument is notified of each before its first step.

It also fixes the order in which trio runs its tasks. trio shuffles the tasks that are ready together, so that no code
relies on an order. A plan is made from one run and followed in another: both need the same order.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from random import Random
from typing import Any

import trio

from .recording import RunRecord
from .stepping import SteppedCoroutine


@contextmanager
def record_trio_tasks(run: RunRecord) -> Generator[None]:
    """Record the tasks that the code of the run's jobs starts inside the block."""
    recorder = _TaskRecorder(run)
    trio.lowlevel.add_instrument(recorder)
    try:
        with _fixed_order():
            yield
    finally:
        trio.lowlevel.remove_instrument(recorder)


class _TaskRecorder(trio.abc.Instrument):
    """The instrument that records new tasks."""

    def __init__(self, run: RunRecord) -> None:
        self._run = run

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """Step a new task's coroutine; a job's own is stepped already."""
        untyped: Any = task  # trio types ``coro`` as a coroutine of Python's own
        if isinstance(untyped.coro, SteppedCoroutine):
            return
        record = self._run.add_task(task.context, task.coro)
        if record is not None:
            untyped.coro = SteppedCoroutine(task.coro, record)


class _FixedOrder(Random):
    """Replaces trio's own source of random numbers, which orders the tasks that are ready together."""

    def shuffle(self, x: Any) -> None:
        """Reverse a batch, which trio sorts by the start of the tasks and then runs from its end."""
        x.reverse()


@contextmanager
def _fixed_order() -> Generator[None]:
    """Make trio run its tasks in the order in which they were started, as asyncio does.

    trio has this switch for its own tests and for Hypothesis, but no public name for it
    (https://github.com/python-trio/trio/issues/890).
    """
    names: dict[str, Any] = vars(importlib.import_module("trio._core._run"))
    ours = {"_r": _FixedOrder(), "_ALLOW_DETERMINISTIC_SCHEDULING": True}
    previous = {name: names[name] for name in ours}
    names.update(ours)
    try:
        yield
    finally:
        names.update(previous)
