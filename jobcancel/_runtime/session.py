"""Entering, draining and leaving a scheduler: its serving tasks, and how a shutdown goes.

Every task that starts here ends here, whatever happens to the host meanwhile: an interruption of the host (its own
cancellation, Ctrl-C) shortens the drain, and is raised when the last job has ended. ``asyncio.run`` cancels every task
when its main coroutine has ended, the serving tasks too; these go on until the scheduler is left.
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

from .dispatcher import Dispatcher
from .from_thread import Portal
from .job import CURRENT, Job
from .log import guard, log_scheduler
from .loops import Wakeup, current_loop

_STOPS: Final = 200  # jobs that a shutdown cancels in one turn of the loop


class Session:
    """The time between entering and leaving a scheduler.

    Attributes:
        portal: The way into the loop for other threads, or None until it is open.
        pid: The process.

    Args:
        dispatcher: The scheduler's dispatcher.
        max_threads: How many threads ``job.run_sync`` uses at once.
        forget: Called if the loop ends and the scheduler was not left.
    """

    portal: Portal | None = None

    def __init__(self, dispatcher: Dispatcher, max_threads: int, forget: Callable[[], None]) -> None:
        loop = dispatcher.loop = current_loop()
        dispatcher.scope_type, dispatcher.event_type = type(anyio.CancelScope()), type(anyio.Event())
        dispatcher.thread = get_ident()
        dispatcher.limiter = anyio.CapacityLimiter(max_threads)
        self._dispatcher, self._forget = dispatcher, forget
        self.pid = getpid()
        self._host_task = loop.current()
        self._tasks: list[object] = []  # the loop's own references are weak
        self._ended: dict[str, Wakeup] = {}  # by the name of the task
        self._leaving = loop.wakeup()
        self._left = False

    async def begin(self) -> None:
        """Open; only the current task can close again.

        Raises:
            StoreError: The store cannot be opened or read. Nothing is open then.
            BaseException: An interruption of the host came meanwhile. Nothing is open then.
        """
        import_module("jobcancel._core.view")  # now: later there may be no file descriptor left to import it
        dispatcher = self._dispatcher
        loop, journal = dispatcher.loop, dispatcher.journal
        journal.begin()
        dispatcher.timers.open()
        await loop.open()
        await self._start(dispatcher.timers.run, "jobcancel timers")
        portal = Portal(loop)
        await self._start(partial(self._serve, portal), "jobcancel session")
        self.portal = portal
        if journal.commits:
            await self._start(journal.run, "jobcancel journal")
        try:
            await journal.load()
        except BaseException:
            await self.end(None, quiet=True)
            raise
        interruption = await loop.interruption()
        if interruption is not None:
            await end_jobs(dispatcher, 0)
            await self.end(interruption, quiet=True)

    async def _start(self, main: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Start a serving task, and return when it has begun; ``end`` waits until it has ended.

        asyncio runs nothing of a task that is cancelled before its first step: such a task is started again. So is one
        that the second Ctrl-C ends: asyncio raises it in whatever code runs, and then runs the loop until all tasks
        have ended.
        """
        loop = self._dispatcher.loop
        begun = interrupted = False

        async def run(first_step: Wakeup) -> None:
            nonlocal begun, interrupted
            begun, interrupted = True, False
            self._ended[name] = loop.wakeup()
            first_step.set()
            try:
                await main()
            except KeyboardInterrupt:
                interrupted = True
                raise
            except Exception as error:  # noqa: BLE001  # on trio it would cancel the jobs
                log_scheduler(logging.CRITICAL, "%s has failed", name, error=error)
            finally:
                self._ended[name].set()

        def restart() -> None:
            if interrupted:
                spawn(loop.wakeup())

        def spawn(first_step: Wakeup) -> None:
            self._tasks.append(task := loop.spawn(run, first_step, copy_context(), name))
            loop.when_ended(task, first_step.set)
            loop.when_ended(task, restart)

        while not begun:
            spawn(first_step := loop.wakeup())
            await first_step.wait_uninterrupted()

    async def _serve(self, portal: Portal) -> None:
        """Wait until the scheduler is left, and then cancel the calls that other threads still wait for."""
        with self._dispatcher.scope_type(shield=True):
            await self._wait_left()
            await portal.close()

    async def _wait_left(self) -> None:
        """Wait until the host has left the scheduler; leave it in the host's place if the loop ends before that.

        ``asyncio.run`` cancels this task natively when its main coroutine has ended, in the same step as the host's
        task. The host then leaves, unless its task is over: it entered the scheduler by hand and forgot to leave.
        """
        loop, forgotten = self._dispatcher.loop, False
        while not self._left and not forgotten:
            try:
                await self._leaving.wait()
                forgotten = not self._left
            except anyio.get_cancelled_exc_class():
                self._leaving = loop.wakeup()  # the old one was cancelled with its wait
                loop.when_ended(self._host_task, self._leaving.set)
                _respawn(self._dispatcher)
        if forgotten:
            log_scheduler(logging.WARNING, "the loop ends, and the scheduler was not left: its jobs are ended")
            self._forget()
            await end_jobs(self._dispatcher, 0)
            await self._close()

    def check_task(self) -> None:
        """Refuse a task other than the one that began.

        Raises:
            WrongTaskError: It is another.
        """
        if self._dispatcher.loop.current() is not self._host_task:
            raise WrongTaskError

    async def end(self, interruption: BaseException | None, *, quiet: bool) -> None:
        """Close; all jobs have ended.

        Args:
            interruption: An earlier interruption of the host, to be raised when all is closed.
            quiet: Raise no error of the store: the host has an error of its own.

        Raises:
            StoreError: The last changes could not be written.
            BaseException: The interruption, or one that came meanwhile.
        """
        problem = await self._close()
        self._left = True
        self._leaving.set()
        for ended in [*self._ended.values()]:
            await ended.wait_uninterrupted()
        interruption = await self._dispatcher.loop.interruption() or interruption
        await self._dispatcher.loop.close()
        if interruption is not None:
            raise interruption
        if problem is not None and not quiet:
            raise problem

    async def _close(self) -> StoreError | None:
        """Write the last changes, and stop the serving tasks; return why the changes could not be written, or None."""
        dispatcher = self._dispatcher
        dispatcher.deliveries.clear()
        problem = await dispatcher.journal.close()
        dispatcher.journal.stop()
        dispatcher.timers.close()
        return problem


def refuse_own(dispatcher: Dispatcher, wanted: str) -> None:
    """Refuse a wait of the scheduler's own job, or of its compensations, that would last for ever.

    Raises:
        DeadlockError: Such a job asks.
    """
    asking = CURRENT.get()
    host: object = None if asking is None else asking.host
    if asking is not None and host is dispatcher and asking.task is not None:
        raise DeadlockError(asking.id, wanted)


def _respawn(dispatcher: Dispatcher) -> None:
    """Spawn the jobs' tasks again that are cancelled natively before their first step.

    asyncio runs nothing of such a task, so that nothing would settle its job. ``asyncio.run`` cancels all tasks like
    that, and so do hosts.
    """

    def spawn(job: Job) -> None:
        if job.task is not None:  # else it ran to its end, and was retired
            job.task = dispatcher.loop.spawn(dispatcher.main, job, job.context, job.id)

    running = [(job, job.task) for job in dispatcher.table.live.values() if job.task is not None]
    for job, task in running:
        dispatcher.loop.when_ended(task, partial(spawn, job))


async def end_jobs(dispatcher: Dispatcher, drain_s: float) -> BaseException | None:
    """Cancel waiting jobs, let running ones finish for ``drain_s`` seconds, cancel the rest, and wait for their ends.

    Children belong to their parents: they may finish in the drain too, and are canceled when their parent's cancel is
    delivered, not before.

    Returns:
        The interruption of the host that came meanwhile, for the caller to raise, or None.
    """
    dispatcher.closing = True
    for job in dispatcher.admission.waiting():
        guard("stopping a job", partial(dispatcher.stop, job))
    interruption = None
    if drain_s > 0 and dispatcher.tasks:
        interruption = await _drain(dispatcher, drain_s)
    _stop_some(dispatcher, iter(list(dispatcher.table.live)))
    await dispatcher.idle()
    return await dispatcher.loop.interruption() or interruption


async def _drain(dispatcher: Dispatcher, drain_s: float) -> BaseException | None:
    """Wait for the last job or the end of the drain; an interruption ends the drain at once and is returned."""
    over = dispatcher.loop.wakeup()
    dispatcher.on_idle.add(over)
    timer = dispatcher.timers.add(dispatcher.now() + drain_s, over.set)
    interruption: BaseException | None = None
    try:
        await over.wait()
    except (anyio.get_cancelled_exc_class(), KeyboardInterrupt) as error:
        interruption = error
    timer.cancel()
    dispatcher.on_idle.discard(over)
    return interruption


def _stop_some(dispatcher: Dispatcher, ids: Iterator[str]) -> None:
    """Stop some of the live jobs, and let the loop stop the rest: a hundred thousand at once would stall it."""
    for job_id in islice(ids, _STOPS):
        job = dispatcher.table.live.get(job_id)
        if job is not None and job.parent is None and job.settled is None:
            guard("stopping a job", partial(dispatcher.stop, job))
    if dispatcher.tasks and length_hint(ids):
        dispatcher.loop.soon(partial(_stop_some, dispatcher, ids))
