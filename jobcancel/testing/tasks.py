"""Noticing the tasks that a job's code starts: by a task factory on asyncio and uvloop, by an instrument on trio."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import Context, copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from jobcancel._runtime.job import CURRENT

from .driving import Driven
from .trace import Trace

if TYPE_CHECKING:
    from jobcancel._runtime.job import Job

_ANYIO: Final = str(Path(anyio.__file__).parent)


@contextmanager
def noticing(trace: Trace) -> Generator[None]:
    """Notice the tasks that the jobs' code starts inside the block."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        from .trio_tasks import Spawned, in_order  # noqa: PLC0415  # trio is an extra

        spawned = Spawned(trace)
        trio.lowlevel.add_instrument(spawned)
        try:
            with in_order():
                yield
        finally:
            trio.lowlevel.remove_instrument(spawned)
        return
    loop = asyncio.get_running_loop()
    former = loop.get_task_factory()

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        job = job_of(options.get("context") or copy_context(), trace)
        track = None if job is None else trace.task_starts(job, coroutine)
        if track is not None:
            coroutine = Driven(coroutine, track)
        task = asyncio.Task(coroutine, loop=loop, **options) if former is None else former(loop, coroutine, **options)
        if track is not None and not _in_a_group_of_anyios(coroutine):
            track.task = task
        return task

    loop.set_task_factory(factory)
    try:
        yield
    finally:
        loop.set_task_factory(former)


def _in_a_group_of_anyios(coroutine: Driven) -> bool:
    """Return whether a task group of anyio's answers for a task: it takes a native cancel for its own end."""
    code = getattr(coroutine, "cr_code", None)
    return code is not None and code.co_filename.startswith(_ANYIO)


def job_of(context: Context, trace: Trace) -> Job | None:
    """Return the job whose code a context belongs to, if it is one of this run's."""
    job = context.get(CURRENT)
    return job if job is not None and trace.root is not None and job.host is trace.root.host else None
