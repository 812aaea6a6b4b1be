"""A scheduler for hosts without a loop: it runs in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypedDict, Unpack

from anyio.from_thread import start_blocking_portal

from jobcancel._core.registry import Registry
from jobcancel.abc import Clock, Store

from .facade import BlockingJobs
from .scheduler import Scheduler


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

    A context manager, or ``start()`` and ``close()``. It may be started again after it has closed.

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
        super().__init__(scheduler, scheduler.portal)
        self._scheduler, self._backend, self._backend_options = scheduler, backend, backend_options
        self._running: ExitStack | None = None

    def start(self) -> None:
        """Start the thread and the scheduler in it; no effect if it runs."""
        if self._running is None:
            with ExitStack() as stack:
                portal = stack.enter_context(start_blocking_portal(self._backend, self._backend_options))
                stack.enter_context(portal.wrap_async_context_manager(self._scheduler))
                self._running = stack.pop_all()

    def close(self) -> None:
        """Shut the scheduler down by its ``drain_s`` and end the thread; no effect if it does not run."""
        self.__exit__(None, None, None)

    def __enter__(self) -> BlockingScheduler:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.refuse_own("close the scheduler that runs it")
        running, self._running = self._running, None
        if running is not None:
            running.__exit__(kind, error, trace)
