"""Opening and closing a scheduler: the tasks that serve it, and how a shutdown goes.

Everything that has begun here ends here, whatever happens to the host meanwhile: an interruption of the host (its own
cancellation, Ctrl-C) shortens the drain, and is raised when the last job has ended. ``asyncio.run`` cancels every task
when its main coroutine has ended, also those that serve here; they go on until the scheduler has been left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterator
from contextvars import copy_context
from functools import partial
from importlib import import_module
from itertools import islice
from operator import length_hint
from os import getpid
from threading import get_ident
from typing import Any, Final

import anyio

from jobcancel.errors import DeadlockError, StoreError, WrongTaskError

from .facade import Portal
from .job import CURRENT
from .kernel import Kernel
from .log import guard, tell
from .loops import Signal, current_loop

_STOPS: Final = 200  # jobs that a shutdown asks in one turn of the loop


class Session:
    """One entering of a scheduler.

    Attributes:
        portal: The way in for other threads, or None until it is open.
        pid: The process.

    Args:
        kernel: The scheduler's inside.
        max_threads: How many threads ``job.run_sync`` uses at once.
        forget: Called if the loop ends and nobody has left the scheduler.
    """

    portal: Portal | None = None

    def __init__(self, kernel: Kernel, max_threads: int, forget: Callable[[], None]) -> None:
        loop = kernel.loop = current_loop()
        kernel.scope_type, kernel.event_type = type(anyio.CancelScope()), type(anyio.Event())
        kernel.thread = get_ident()
        kernel.limiter = anyio.CapacityLimiter(max_threads)
        self._kernel, self._forget = kernel, forget
        self.pid = getpid()
        self._host = loop.current()
        self._tasks: list[object] = []  # the loop alone would let them be collected
        self._ended: list[Signal] = []
        self._leaving = loop.signal()
        self._left = False
        self._open = False  # the store

    async def begin(self) -> None:
        """Open; only the current task can close again.

        Raises:
            StoreError: The store cannot be opened or read. Nothing is open then.
            BaseException: An interruption of the host came meanwhile. Nothing is open then.
        """
        import_module("jobcancel._core.view")  # now: when somebody looks at a job there may be no file to open
        kernel = self._kernel
        loop, durable = kernel.loop, kernel.durable
        if durable is not None:
            durable.begin_anew()
        kernel.timers.open()
        await loop.open()
        await self._start(kernel.timers.run, "jobcancel timers")
        portal = Portal(loop)
        await self._start(partial(self._serve, portal), "jobcancel session")
        self.portal = portal
        if durable is not None:
            await self._start(durable.journal.run, "jobcancel journal")
            try:
                await durable.load()
            except BaseException:
                await self.end(None, quiet=True)
                raise
            self._open = True
        interruption = await loop.interruption()
        if interruption is not None:
            await end_jobs(kernel, 0)
            await self.end(interruption, quiet=True)

    async def _start(self, main: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Start one of the tasks that serve, and return when it has begun; ``end`` waits until it has ended.

        asyncio runs nothing of a task that is cancelled before its first step: such a task is started once more.
        """
        loop = self._kernel.loop
        ended, begun = loop.signal(), False

        async def run(first_step: Signal) -> None:
            nonlocal begun
            begun = True
            first_step.set()
            try:
                await main()
            except Exception as error:  # noqa: BLE001  # on trio it would cancel the jobs
                tell(logging.CRITICAL, "%s has failed", name, error=error)
            finally:
                ended.set()

        while not begun:
            first_step = loop.signal()
            self._tasks.append(task := loop.spawn(run, first_step, copy_context(), name))
            loop.when_ended(task, first_step.set)
            await first_step.wait_uninterrupted()
        self._ended.append(ended)

    async def _serve(self, portal: Portal) -> None:
        """Wait until the scheduler is left, and then cancel what other threads have called and still wait for."""
        with self._kernel.scope_type(shield=True):
            await self._until_left()
            await portal.close()

    async def _until_left(self) -> None:
        """Wait until the host has left the scheduler; leave it in its place if the loop ends before that.

        ``asyncio.run`` cancels this task natively when its main coroutine has ended, in the same step as the host's.
        The host then leaves, unless its task is over: it has entered the scheduler by hand and forgotten it.
        """
        loop, forgotten = self._kernel.loop, False
        while not self._left and not forgotten:
            try:
                await self._leaving.wait()
                forgotten = not self._left
            except anyio.get_cancelled_exc_class():
                self._leaving = loop.signal()  # this one was cancelled with its wait
                loop.when_ended(self._host, self._leaving.set)
                self._kernel.begin_again()
        if forgotten:
            tell(logging.WARNING, "the loop ends, and the scheduler was not left: its jobs are ended")
            self._forget()
            await end_jobs(self._kernel, 0)
            await self._close()

    def check_task(self) -> None:
        """Refuse a task other than the one that began.

        Raises:
            WrongTaskError: It is another.
        """
        if self._kernel.loop.current() is not self._host:
            raise WrongTaskError

    async def end(self, interruption: BaseException | None, *, quiet: bool) -> None:
        """Close; all jobs have ended.

        Args:
            interruption: One of the host that came before, to be raised when all is closed.
            quiet: Raise nothing of the store: the host has an error of its own.

        Raises:
            StoreError: What was left could not be written.
            BaseException: The interruption, or one that came meanwhile.
        """
        problem = await self._close()
        self._left = True
        self._leaving.set()
        for ended in self._ended:
            await ended.wait_uninterrupted()
        interruption = await self._kernel.loop.interruption() or interruption
        await self._kernel.loop.close()
        if interruption is not None:
            raise interruption
        if problem is not None and not quiet:
            raise problem

    async def _close(self) -> StoreError | None:
        """Write what is left, and stop what serves; return why the rest could not be written, or None."""
        kernel, problem = self._kernel, None
        kernel.deliveries.clear()
        if kernel.durable is not None:
            if self._open:
                problem = await kernel.durable.close()
            kernel.durable.journal.stop()
            kernel.durable.store_thread.close()
        kernel.timers.close()
        return problem


def refuse_own(kernel: Kernel, wanted: str) -> None:
    """Refuse what one of the scheduler's own jobs would wait for for ever, its compensations included.

    Raises:
        DeadlockError: Such a job asks.
    """
    asking = CURRENT.get()
    if asking is not None and asking.kernel is kernel and asking.task is not None:
        raise DeadlockError(asking.id, wanted)


async def end_jobs(kernel: Kernel, drain_s: float) -> BaseException | None:
    """Cancel what waits, let what runs finish for ``drain_s`` seconds, cancel the rest, and wait until it has ended.

    Children are their parents' affair: they may finish in the drain too, and are canceled when their parent's cancel
    is delivered, not before.

    Returns:
        The interruption of the host that came meanwhile, for the caller to raise, or None.
    """
    kernel.closing = True
    for job in kernel.admission.waiting():
        guard("stopping a job", partial(kernel.stop, job))
    interruption = None
    if drain_s > 0 and kernel.tasks:
        interruption = await _drain(kernel, drain_s)
    _stop_some(kernel, iter(list(kernel.table.live)))
    await kernel.idle()
    return await kernel.loop.interruption() or interruption


async def _drain(kernel: Kernel, drain_s: float) -> BaseException | None:
    """Wait for the last job or the end of the drain; an interruption ends it at once and is returned."""
    over = kernel.loop.signal()
    kernel.on_idle.add(over)
    timer = kernel.timers.add(kernel.now() + drain_s, over.set)
    interruption: BaseException | None = None
    try:
        await over.wait()
    except (anyio.get_cancelled_exc_class(), KeyboardInterrupt) as error:
        interruption = error
    timer.cancel()
    kernel.on_idle.discard(over)
    return interruption


def _stop_some(kernel: Kernel, ids: Iterator[str]) -> None:
    """Stop jobs that are live, and have the loop stop the rest: a hundred thousand at once would stall it."""
    for job_id in islice(ids, _STOPS):
        job = kernel.table.live.get(job_id)
        if job is not None and job.parent is None and job.settled is None:
            guard("stopping a job", partial(kernel.stop, job))
    if kernel.tasks and length_hint(ids):
        kernel.loop.soon(partial(_stop_some, kernel, ids))
