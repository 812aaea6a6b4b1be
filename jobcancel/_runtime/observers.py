"""Waiting for a job to settle, and watching its changes."""

from __future__ import annotations

from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio

from jobcancel._core.arguments import PATIENCE
from jobcancel._core.packing import Settled
from jobcancel.errors import DeadlockError

from .job import CURRENT, Job, JobHost, check_thread, snapshot_of

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Snapshot


async def wait_persisted(host: JobHost, job: Job | Settled, timeout_s: float | None = None) -> None:
    """Wait until the job has settled and, with a store, its end is committed, or ``timeout_s`` seconds are over.

    A committed end is the same after every restart. While the store fails, the end is reported without a commit. A
    job that is detached, because the scheduler was left, ends the wait too.

    Raises:
        TypeError: ``timeout_s`` is no number.
        ValueError: ``timeout_s`` is negative, not a number or too long.
        DeadlockError: The job that asks would wait for itself or for an ancestor.
    """
    if timeout_s is not None:
        timeout_s = PATIENCE.check(timeout_s, "timeout_s", "None for no limit")
    over = isinstance(job, Settled) or job.settled is not None or job.persistence.detached
    if over and host.journal.is_current(job.id):
        return
    if timeout_s is None or timeout_s == inf:
        await _wait_committed(host, job)
        return
    scope = host.scope_type()
    timer = host.timers.add(host.now() + timeout_s, scope.cancel)
    try:
        with scope:
            await _wait_committed(host, job)
    finally:
        timer.cancel()


async def _wait_committed(host: JobHost, job: Job | Settled) -> None:
    if isinstance(job, Job):
        await wait_settled(job)
    if job.settled is not None:
        await host.journal.wait_current(job.id)


async def wait_settled(job: Job) -> None:
    """Wait until the job has settled or is detached.

    Raises:
        DeadlockError: The job that asks would wait for itself or for an ancestor.
    """
    if job.settled is not None or job.persistence.detached:
        return
    check_thread(job.host, "wait")
    _refuse_own(job)
    settled = job.host.event_type()  # one for each task: many tasks on one event are quadratic to cancel
    if job.waiters is None:
        job.waiters = {}
    waiters = job.waiters
    waiters[settled] = None
    try:
        await settled.wait()
    finally:
        del waiters[settled]


def _refuse_own(job: Job) -> None:
    asking = waiting = CURRENT.get()
    while waiting is not None:
        if waiting is job:
            raise DeadlockError(asking.id if asking else "", f"wait for {job.id}, which is itself or waits for it")
        waiting = waiting.parent


class Watcher:
    """One reader's view of one job. It keeps no queue: a slow reader misses the changes in between.

    Args:
        host: What runs the job.
        job: The job to watch.
    """

    def __init__(self, host: JobHost, job: Job | Settled) -> None:
        self._host, self._job = host, job
        self._changed = anyio.Event()
        self._changed.set()  # the first snapshot is there at once
        self._done = False

    async def __aenter__(self) -> Watcher:
        if isinstance(self._job, Job) and self._job.settled is None and not self._job.persistence.detached:
            self._job.attach(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._job, Job):
            self._job.detach(self)

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> Snapshot[Any]:
        if self._done:
            raise StopAsyncIteration
        await self._changed.wait()
        snapshot = snapshot_of(self._job)
        if snapshot.settled:
            await wait_persisted(self._host, self._job)  # if this is cancelled, the next call starts here again
        else:
            self._changed = anyio.Event()
        self._done = snapshot.settled or (isinstance(self._job, Job) and self._job.persistence.detached)
        return snapshot

    def changed(self) -> None:
        """Take note of a change."""
        self._changed.set()
