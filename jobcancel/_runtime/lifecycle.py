"""Opening and closing a scheduler: the task that serves it, and how a shutdown goes.

Everything that has begun here ends here, whatever happens to the host meanwhile: an interruption of the host (its own
cancellation, Ctrl-C) is remembered, shortens the drain, and goes on its way when the last job has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextvars import copy_context
from functools import partial
from importlib import import_module
from itertools import islice
from operator import length_hint
from threading import get_ident
from typing import Any, Final, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from jobcancel.errors import DeadlockError, WrongTaskError

from .job import CURRENT
from .kernel import Kernel
from .loops import current_loop

T = TypeVar("T")

_STOPS: Final = 200  # jobs that a shutdown asks in one turn of the loop


class Session:
    """One entering of a scheduler.

    Attributes:
        portal: The way in for other threads.
    """

    portal: BlockingPortal
    _task: object  # the loop alone would let it be collected

    def __init__(self, kernel: Kernel, max_threads: int) -> None:
        kernel.loop = current_loop()
        kernel.scope_type, kernel.event_type = type(anyio.CancelScope()), type(anyio.Event())
        kernel.thread = get_ident()
        kernel.limiter = anyio.CapacityLimiter(max_threads)
        self._kernel = kernel
        self._host, self._task = kernel.loop.current(), None
        self._scope = kernel.scope_type(shield=True)
        self._ready, self._ended = anyio.Event(), anyio.Event()
        self._open = False  # the store

    async def begin(self) -> None:
        """Open; only the current task can close again.

        Raises:
            StoreError: The store cannot be opened or read. Nothing is open then.
            BaseException: An interruption of the host came meanwhile. Nothing is open then.
        """
        import_module("jobcancel._core.shown")  # now: when somebody looks at a job there may be no file to open
        loop, durable = self._kernel.loop, self._kernel.durable
        if durable is not None:
            durable.begin_anew()
        await loop.open()
        self._task = loop.spawn(Session._serve, self, copy_context(), "jobcancel scheduler")
        interruption = await outlast(self._kernel, self._ready)
        try:
            if durable is not None and interruption is None:
                interruption = (await apart(self._kernel, durable.load))[1]
                self._open = True
        except BaseException:
            await self.end(None, quiet=True)
            raise
        if interruption is not None:
            await end_jobs(self._kernel, 0)
            await self.end(interruption, quiet=True)

    async def _serve(self) -> None:
        """Make the timers' calls and take those of other threads, in a task that the host's cancellation spares."""
        try:
            with self._scope:
                async with BlockingPortal() as self.portal, anyio.create_task_group() as tasks:
                    if self._kernel.durable is not None:
                        tasks.start_soon(self._kernel.durable.journal.run)
                    self._ready.set()
                    await self._kernel.timers.run()
        finally:
            self._ended.set()

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
        kernel, problem = self._kernel, None
        kernel.deliveries.clear()
        if kernel.durable is not None and self._open:
            problem, later = await apart(kernel, kernel.durable.close)
            interruption = later or interruption
        self._scope.cancel()
        interruption = await outlast(kernel, self._ended) or interruption
        await kernel.loop.close()
        if interruption is not None:
            raise interruption
        if problem is not None and not quiet:
            raise problem


async def apart(kernel: Kernel, main: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, BaseException | None]:
    """Run ``main`` to its end in a task that nobody cancels; return its value and an interruption of the host.

    Raises:
        Exception: What ``main`` raised, if the host was not interrupted.
    """
    ended, values, errors = anyio.Event(), list[T](), list[Exception]()

    async def run(_: None) -> None:
        try:
            with kernel.scope_type(shield=True):  # trio's tasks live inside the host's scope
                values.append(await main())
        except Exception as error:  # noqa: BLE001  # it is raised where somebody waits for it
            errors.append(error)
        finally:
            ended.set()

    task = kernel.loop.spawn(run, None, copy_context(), "jobcancel store")
    interruption = await outlast(kernel, ended)
    del task  # kept until here: the loop alone would let it be collected
    if errors:
        raise interruption or errors[0]
    return values[0], interruption


async def outlast(kernel: Kernel, event: anyio.Event) -> BaseException | None:
    """Wait for ``event`` whatever comes; return the last interruption of the host, for the caller to raise."""
    interruption: BaseException | None = None
    while True:
        try:
            with kernel.scope_type(shield=True):
                await event.wait()
        except (anyio.get_cancelled_exc_class(), KeyboardInterrupt) as error:
            interruption = error  # a native cancel of the host, or Ctrl-C: they pierce shields
        else:
            return interruption


def refuse_own(kernel: Kernel, wanted: str) -> None:
    """Refuse what one of the scheduler's own jobs would wait for for ever, its compensations included.

    Raises:
        DeadlockError: Such a job asks.
    """
    asking = CURRENT.get()
    if asking is not None and asking.kernel is kernel and asking.task is not None:
        raise DeadlockError(asking.id, wanted)


async def end_jobs(kernel: Kernel, drain_s: float) -> BaseException | None:
    """Cancel what waits, let what runs finish for ``drain_s`` seconds, cancel the rest, and outlast it all.

    Children are their parents' affair: they may finish in the drain too, and are canceled when their parent's cancel
    is delivered, not before.

    Returns:
        The interruption of the host that came meanwhile, for the caller to raise, or None.
    """
    kernel.closing = True
    for job in kernel.admission.waiting():
        kernel.stop(job)
    interruption = None
    if drain_s > 0 and kernel.tasks:
        interruption = await _drain(kernel, drain_s)
    _stop_some(kernel, iter(list(kernel.table.live)))
    idle = anyio.Event()
    kernel.on_idle.add(idle)
    if not kernel.tasks:
        idle.set()
    interruption = await outlast(kernel, idle) or interruption
    kernel.on_idle.discard(idle)
    return interruption


async def _drain(kernel: Kernel, drain_s: float) -> BaseException | None:
    """Wait for the last job or the end of the drain; an interruption ends it at once and is returned."""
    over = anyio.Event()
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
            kernel.stop(job)
    if kernel.tasks and length_hint(ids):
        kernel.loop.soon(partial(_stop_some, kernel, ids))
