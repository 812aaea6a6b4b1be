"""Record the tasks that a job's code starts: with a task factory on asyncio and uvloop, an instrument on trio."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any, Final

import anyio

from .recording import RunRecord
from .stepping import SteppedCoroutine

_ANYIO: Final = str(Path(anyio.__file__).parent)


@contextmanager
def record_new_tasks(run: RunRecord) -> Generator[None]:
    """Record the tasks that the code of the run's jobs starts inside the block."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        from .trio_tasks import record_trio_tasks  # noqa: PLC0415  # trio is an extra

        with record_trio_tasks(run):
            yield
        return
    loop = asyncio.get_running_loop()
    previous = loop.get_task_factory()

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        record = run.add_task(options.get("context") or copy_context(), coroutine)
        if record is not None:
            coroutine = SteppedCoroutine(coroutine, record)
        task = (
            asyncio.Task(coroutine, loop=loop, **options) if previous is None else previous(loop, coroutine, **options)
        )
        if record is not None and not _in_an_anyio_group(coroutine):
            record.asyncio_task = task
        return task

    loop.set_task_factory(factory)
    try:
        yield
    finally:
        loop.set_task_factory(previous)


def _in_an_anyio_group(coroutine: SteppedCoroutine) -> bool:
    """Return whether a task belongs to one of anyio's task groups, which takes a native cancel for its own end."""
    code = getattr(coroutine, "cr_code", None)
    return code is not None and code.co_filename.startswith(_ANYIO)
