"""Run a scheduler for one test: its clock stands still, and jobs that still run at its end are canceled."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from jobcancel._core.registry import Registry
from jobcancel._runtime.scheduler import Scheduler, dispatcher_of
from jobcancel._runtime.table import Filters, find_at_once
from jobcancel.abc import Store

from .clock import ManualClock
from .timeline import timeline

_NEWEST: Final = 20


def scheduler(
    registry: Registry, *, clock: ManualClock | None = None, app: Any = None, store: Store | None = None
) -> AbstractAsyncContextManager[Scheduler]:
    """Return a scheduler for ``async with``; for test suites that do not run on anyio's pytest plugin.

    When the block ends, jobs that still run are canceled (cause ``shutdown``) and waited for. An exception that
    leaves the block gets the jobs' timelines as a note, which tracebacks and test reports print.

    Args:
        registry: The kinds.
        clock: The clock for the test to move; None for one that stands still.
        app: The handlers' ``job.app``.
        store: The jobs' store. A second scheduler with the same ``MemoryStore`` is a restart.
    """
    return _running(Scheduler(registry, clock=clock or ManualClock(), app=app, store=store))


@asynccontextmanager
async def _running(entered: Scheduler) -> AsyncGenerator[Scheduler]:
    async with entered:
        try:
            yield entered
        except Exception as error:
            error.add_note(newest_timelines(entered))  # before the shutdown, which changes the jobs
            raise


def newest_timelines(entered: Scheduler) -> str:
    """Return the timelines of a scheduler's newest jobs (at most 20), oldest first. It needs no running loop."""
    table = dispatcher_of(entered).table  # the loop has ended, and the public methods need one
    jobs = find_at_once(table, Filters(), None, _NEWEST).jobs
    return "\n".join(map(timeline, reversed(jobs))) or "no job was submitted"
