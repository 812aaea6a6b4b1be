"""Watching a job: its newest snapshot after each change, until it has settled, or every change as it happens."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from jobcancel._core.packing import Settled

from .job import Job, snapshot_of
from .waiting import until_told

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Snapshot

    from .kernel import Kernel


class Listener(Protocol):
    """What can be attached to a job."""

    def change(self) -> None:
        """Hear of a change, in the very step that makes it. No listener may attach or detach another one here."""
        ...


def attach(job: Job, listener: Listener) -> None:
    """Call ``listener.change()`` at every change of a live job from now on, until it has settled."""
    if job.watchers is None:
        job.watchers = {}
        job.heard = True
    job.watchers[listener] = None


def detach(job: Job, listener: Listener) -> None:
    """Call it no longer; no effect if the job has settled."""
    if job.watchers is not None:
        job.watchers.pop(listener, None)


class Watcher:
    """One reader's view of one job. It keeps no queue: a slow reader misses what came between.

    Args:
        kernel: The scheduler's inside.
        job: The job to watch.
    """

    def __init__(self, kernel: Kernel, job: Job | Settled) -> None:
        self._kernel, self._job = kernel, job
        self._changed = anyio.Event()
        self._changed.set()  # the first snapshot is there at once
        self._done = False

    async def __aenter__(self) -> Watcher:
        if isinstance(self._job, Job) and self._job.settled is None and not self._job.parted:
            attach(self._job, self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._job, Job):
            detach(self._job, self)

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> Snapshot[Any]:
        if self._done:
            raise StopAsyncIteration
        await self._changed.wait()
        snapshot = snapshot_of(self._job)
        if snapshot.settled:
            await until_told(self._kernel, self._job)  # cancelled here, it is asked again: it stays changed
        else:
            self._changed = anyio.Event()
        self._done = snapshot.settled or (isinstance(self._job, Job) and self._job.parted)
        return snapshot

    def change(self) -> None:
        """Something changed."""
        self._changed.set()
