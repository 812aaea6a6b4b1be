"""A scheduler for hosts without a loop: it runs in a thread of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Final, TypedDict, Unpack

import anyio
from anyio.from_thread import BlockingPortal

from jobcancel._core.registry import Registry
from jobcancel.abc import Clock, Store

from .from_thread import BlockingJobs
from .log import guard
from .scheduler import Scheduler, dispatcher_of
from .session import refuse_own


class SchedulerOptions(TypedDict, total=False):
    """The arguments of ``Scheduler`` beside the registry; each is explained there."""

    app: Any
    max_running: int | None
    max_threads: int
    drain_s: float
    clock: Clock | None
    new_id: Callable[[], str] | None
    store: Store | None


class BlockingScheduler(BlockingJobs):
    """A ``Scheduler`` in a thread of its own, for Django, Flask, scripts and REPLs; its methods block.

    A context manager, or ``start()`` and ``close()``. It may be started again after it has closed. One that still runs
    when the interpreter exits is closed then, before the calls of ``atexit``.

    Args:
        registry: The kinds.
        backend: ``"asyncio"`` or ``"trio"``.
        backend_options: For ``anyio.run``, as ``{"use_uvloop": True}``.
        **options: The arguments of ``Scheduler``.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        backend: str = "asyncio",
        backend_options: dict[str, Any] | None = None,
        **options: Unpack[SchedulerOptions],
    ) -> None:
        scheduler = Scheduler(registry, **options)
        super().__init__(scheduler, scheduler.from_thread._portal)  # noqa: SLF001  # of the class that this one extends
        self._scheduler, self._backend, self._backend_options = scheduler, backend, backend_options
        self._running: ExitStack | None = None
        self._pid = 0  # the process that started it
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start the thread and the scheduler in it; no effect if it runs. Any number of threads may ask at once."""
        with self._starting:
            if self._running is not None:
                return
            with ExitStack() as stack:
                portal = stack.enter_context(_LoopThread(self._backend, self._backend_options))
                stack.enter_context(portal.wrap_async_context_manager(self._scheduler))
                self._running, self._pid = stack.pop_all(), os.getpid()
            _AT_EXIT.add(self)

    def close(self) -> None:
        """Shut the scheduler down by its ``drain_s`` and end the thread; no effect if it does not run."""
        self.__exit__(None, None, None)

    def __enter__(self) -> BlockingScheduler:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        refuse_own(dispatcher_of(self._scheduler), "close the scheduler that runs it")
        _AT_EXIT.discard(self)
        running, self._running = self._running, None
        if running is not None and self._pid == os.getpid():  # no thread survives a fork
            running.__exit__(kind, error, trace)


class _LoopThread:
    """A loop in a thread, and the way into it; a context manager.

    anyio's own ``start_blocking_portal`` takes a thread of an executor, and an executor's threads are waited for at the
    interpreter's exit before anything can close what runs in them.
    """

    def __init__(self, backend: str, options: dict[str, Any] | None) -> None:
        self._backend, self._options = backend, options
        self._opened: Future[BlockingPortal] = Future()
        self._thread = threading.Thread(target=self._run, name="jobcancel loop")

    def __enter__(self) -> BlockingPortal:
        self._thread.start()
        return self._opened.result()

    def __exit__(self, *_: object) -> None:
        portal = self._opened.result()
        portal.call(portal.stop, True)
        self._thread.join()

    def _run(self) -> None:
        try:
            anyio.run(self._serve, backend=self._backend, backend_options=self._options)
        except BaseException as error:  # noqa: BLE001  # no such backend: raised in ``__enter__``
            with suppress(InvalidStateError):
                self._opened.set_exception(error)

    async def _serve(self) -> None:
        async with BlockingPortal() as portal:
            self._opened.set_result(portal)
            await portal.sleep_until_stopped()


class _AtExit:
    """Closes what still runs when the interpreter exits: it would wait for the threads of the loops for ever.

    A thread waits for the end of the main one. The calls of ``atexit`` would come too late: after that wait.
    """

    def __init__(self) -> None:
        self._running: dict[BlockingScheduler, None] = {}
        self._waiting = False
        with suppress(AttributeError):  # Windows has no fork
            os.register_at_fork(after_in_child=self._forget)

    def add(self, scheduler: BlockingScheduler) -> None:
        """Close a scheduler at the exit, unless it is discarded before."""
        self._running[scheduler] = None
        if not self._waiting:
            self._waiting = True
            threading.Thread(target=self._wait, name="jobcancel exit").start()

    def discard(self, scheduler: BlockingScheduler) -> None:
        """Leave a scheduler that has been closed alone."""
        self._running.pop(scheduler, None)

    def _wait(self) -> None:
        threading.main_thread().join()
        for scheduler in [*self._running]:
            guard("closing a scheduler at the exit", scheduler.close)

    def _forget(self) -> None:
        """Forget what ran before a fork: threads do not survive one."""
        self._running.clear()
        self._waiting = False


_AT_EXIT: Final = _AtExit()
