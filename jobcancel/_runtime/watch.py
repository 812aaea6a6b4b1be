"""Watching a job: its newest snapshot after each change, until it has settled."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import anyio

from jobcancel._core.packing import Settled
from jobcancel._core.snapshot import Snapshot

from .job import Job


class Watcher:
    """One reader's view of one job. It keeps no queue: a slow reader misses what came between.

    Args:
        job: The job to watch.
    """

    def __init__(self, job: Job | Settled) -> None:
        self._job = job
        self._changed = anyio.Event()
        self._changed.set()  # the first snapshot is there at once
        self._done = False

    async def __aenter__(self) -> Watcher:
        job = self._job
        if isinstance(job, Job) and job.settled is None:
            if job.watchers is None:
                job.watchers = {}
                job.on_change = job.tell_watchers
            job.watchers[self] = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._job, Job) and self._job.watchers is not None:
            self._job.watchers.pop(self, None)

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> Snapshot[Any]:
        if self._done:
            raise StopAsyncIteration
        await self._changed.wait()
        self._changed = anyio.Event()
        snapshot = self._job.snapshot()
        self._done = snapshot.settled
        return snapshot

    def change(self) -> None:
        """Something changed."""
        self._changed.set()
