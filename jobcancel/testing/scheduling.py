"""A scheduler for a test: its time stands still, and what still runs at its end is canceled."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from jobcancel._core.registry import Registry
from jobcancel._runtime.scheduler import Scheduler
from jobcancel.abc import Store

from .clock import ManualClock
from .timeline import timeline

_NEWEST: Final = 20


def scheduler(
    registry: Registry, *, clock: ManualClock | None = None, app: Any = None, store: Store | None = None
) -> AbstractAsyncContextManager[Scheduler]:
    """Return a scheduler to be used with ``async with``; for suites that do not run on anyio's pytest plugin.

    When the block ends, jobs that still run are canceled (cause ``shutdown``) and waited for. An exception that
    leaves the block takes the jobs' timelines along as a note, which tracebacks and test reports print.

    Args:
        registry: The kinds.
        clock: Its time, for the test to move; one that stands still if None.
        app: For the handlers, as ``job.app``.
        store: Where jobs outlast the scheduler: give the same ``MemoryStore`` to the next one, which is a restart.
    """
    return _running(Scheduler(registry, clock=clock or ManualClock(), app=app, store=store))


@asynccontextmanager
async def _running(entered: Scheduler) -> AsyncGenerator[Scheduler]:
    async with entered:
        try:
            yield entered
        except Exception as error:
            error.add_note(timelines(entered))  # before the shutdown: as they were when it was raised
            raise


def timelines(entered: Scheduler) -> str:
    """Return the timelines of a scheduler's newest jobs (20 at most), oldest first; it needs no running loop."""
    jobs = entered.newest(_NEWEST)
    return "\n".join(map(timeline, reversed(jobs))) or "no job was submitted"
