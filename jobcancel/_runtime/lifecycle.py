"""Opening and closing a scheduler: the task that serves it, and how a shutdown goes.

Everything that has begun here ends here, whatever happens to the host meanwhile: an interruption of the host (its own
cancellation, Ctrl-C) is remembered, shortens the drain, and goes on its way when the last job has ended.
"""

from __future__ import annotations

from contextvars import copy_context
from threading import get_ident

import anyio
from anyio.from_thread import BlockingPortal

from jobcancel._core.causes import CancelCause
from jobcancel._core.decision import Cancellation
from jobcancel._core.states import JobState
from jobcancel.errors import WrongTaskError

from .kernel import Kernel
from .loops import current_loop


class Session:
    """One entering of a scheduler.

    Attributes:
        portal: The way in for other threads.
    """

    portal: BlockingPortal
    _task: object  # the loop alone would let it be collected

    def __init__(self, kernel: Kernel, max_threads: int) -> None:
        kernel.loop = current_loop()
        kernel.scope_type = type(anyio.CancelScope())
        kernel.thread = get_ident()
        kernel.limiter = anyio.CapacityLimiter(max_threads)
        self._kernel = kernel
        self._host, self._task = kernel.loop.current(), None
        self._scope = kernel.scope_type(shield=True)
        self._ready, self._ended = anyio.Event(), anyio.Event()

    async def begin(self) -> BaseException | None:
        """Open; return an interruption of the host, if one came. Only the current task can close again."""
        loop = self._kernel.loop
        await loop.open()
        self._task = loop.spawn(Session._serve, self, copy_context(), "jobcancel scheduler")
        return await outlast(self._kernel, self._ready)

    async def _serve(self) -> None:
        """Make the timers' calls and take those of other threads, in a task that the host's cancellation spares."""
        try:
            with self._scope:
                async with BlockingPortal() as self.portal:
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

    async def end(self) -> BaseException | None:
        """Close; all jobs have ended. Return an interruption of the host, if one came."""
        self._kernel.deliveries.clear()
        self._scope.cancel()
        interruption = await outlast(self._kernel, self._ended)
        await self._kernel.loop.close()
        return interruption


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


async def end_jobs(kernel: Kernel, drain_s: float) -> BaseException | None:
    """Cancel what waits, let what runs finish for ``drain_s`` seconds, cancel the rest, and outlast it all.

    Children are their parents' affair: they may finish in the drain too, and are canceled when their parent's cancel
    is delivered, not before.

    Returns:
        The interruption of the host that came meanwhile, for the caller to raise, or None.
    """
    _cancel(kernel, only_pending=True)
    interruption = None
    if drain_s > 0 and kernel.tasks:
        interruption = await _drain(kernel, drain_s)
    _cancel(kernel, only_pending=False)
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


def _cancel(kernel: Kernel, *, only_pending: bool) -> None:
    for job in list(kernel.table.live.values()):
        if job.parent is None and (job.state is JobState.PENDING or not only_pending):
            kernel.cancel(job, Cancellation(CancelCause.SHUTDOWN, reason="the scheduler shuts down"))
