"""The methods of a scheduler without ``await``, for threads other than its loop's, and the portal that they use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import anyio

from jobcancel._core.calls import Call
from jobcancel._core.compensations import AnyUndo
from jobcancel._core.context import JobHandle
from jobcancel._core.decision import Verdict
from jobcancel._core.states import StateValue
from jobcancel.abc import JobService
from jobcancel.errors import SchedulerClosedError

from .loops import Loop, Wakeup

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Page, Snapshot

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class PortalCall(Generic[T]):
    """A call that a thread waits for.

    Attributes:
        wanted: What it is for, for an error's message.
        method: Gives the coroutine to await.
        answer: What the thread waits for.
        scope: Cancels the call; made in the loop's thread.
        given_up: Whether the thread does not wait any longer.
    """

    __slots__ = ("answer", "given_up", "method", "scope", "wanted")

    def __init__(self, wanted: str, method: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self.wanted, self.method = wanted, method
        self.answer: Future[T] = Future()
        self.scope: anyio.CancelScope | None = None
        self.given_up = False

    def cancel(self) -> None:
        """Cancel the call. In the loop's thread."""
        self.given_up = True
        if self.scope is not None:
            self.scope.cancel()


class Portal:
    """The way into the loop for other threads: what they call runs there as tasks, and ``close`` answers every call.

    In anyio's ``BlockingPortal`` a thread waits until the loop has taken its call. A loop that ends just then never
    takes it, and the thread waits for ever. Here a call is recorded before it is posted to the loop.

    Args:
        loop: The loop that runs now.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop, self._thread = loop, get_ident()
        self._lock = Lock()
        self._closed = False
        self._calls = dict[PortalCall[Any], None]()
        self._tasks = dict[PortalCall[Any], object]()
        self._last_ended: Wakeup | None = None  # while ``close`` waits for it

    def call(self, wanted: str, method: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await ``method()`` in the loop and return its value, from another thread.

        Raises:
            SchedulerClosedError: The portal is closed, or was closed before the call had ended.
            RuntimeError: This is the loop's thread.
        """
        if get_ident() == self._thread:
            raise RuntimeError(f"cannot {wanted} from the thread of the scheduler's loop: await the scheduler's method")
        call = PortalCall(wanted, method)
        with self._lock:
            if self._closed:
                raise SchedulerClosedError(wanted)
            self._calls[call] = None
        try:
            self._post(call)
            return call.answer.result()
        except BaseException:
            if not call.answer.done():  # Ctrl-C in this thread
                with suppress(RuntimeError):  # the loop is closed
                    self._loop.soon_from_thread(call.cancel)
            raise

    def _post(self, call: PortalCall[Any]) -> None:
        context = copy_context()
        try:
            self._loop.soon_from_thread(lambda: context.run(self._start, call))
        except RuntimeError:  # the loop was closed around the scheduler
            raise SchedulerClosedError(call.wanted) from None

    def _start(self, call: PortalCall[Any]) -> None:
        if not self._closed:  # else it is answered
            task = self._tasks[call] = self._loop.spawn(self._run, call, copy_context(), "jobcancel call")
            self._loop.when_ended(task, partial(self._ended, call))

    async def _run(self, call: PortalCall[Any]) -> None:
        try:
            with anyio.CancelScope() as call.scope:
                if call.given_up:  # before this first step
                    call.scope.cancel()
                call.answer.set_result(await call.method())
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001  # raised in the thread that waits; here it would end the loop
            call.answer.set_exception(error)
        finally:
            self._ended(call)

    def _ended(self, call: PortalCall[Any]) -> None:
        """Forget a call whose task has ended, and answer it if the task could not."""
        if self._tasks.pop(call, None) is not None:
            self._answer(call)
            if self._last_ended is not None and not self._tasks:
                self._last_ended.set()

    def _answer(self, call: PortalCall[Any]) -> None:
        self._calls.pop(call, None)
        if not call.answer.done():
            call.answer.set_exception(SchedulerClosedError(call.wanted))

    async def close(self) -> None:
        """Take no more calls, cancel those in flight, wait for their tasks, and answer all that are left."""
        with self._lock:
            self._closed = True
        for call in [*self._tasks]:
            call.cancel()
        if self._tasks:
            self._last_ended = self._loop.wakeup()
            await self._last_ended.wait_uninterrupted()
        for call in [*self._calls]:
            self._answer(call)


class BlockingJobs:
    """A ``JobService`` whose methods block; arguments, results and errors are those that ``JobService`` documents.

    Once the scheduler has closed they raise ``SchedulerClosedError``, calls in flight included.
    """

    def __init__(self, jobs: JobService, portal: Callable[[], Portal | None]) -> None:
        self._jobs, self._portal = jobs, portal

    def call(self, wanted: str, method: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await ``method()`` in the scheduler's loop.

        Raises:
            SchedulerClosedError: The scheduler is not running, or closed meanwhile.
            RuntimeError: This is the thread of the scheduler's loop.
        """
        portal = self._portal()
        if portal is None:
            raise SchedulerClosedError(wanted)
        return portal.call(wanted, method)

    @overload
    def submit(
        self,
        call: Call[R],
        /,
        *,
        key: str | None = None,
        owner: str | None = None,
        labels: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        compensations: Iterable[AnyUndo] = (),
    ) -> BlockingHandle[R]: ...
    @overload
    def submit(
        self,
        call: str,
        /,
        *args: Any,
        key: str | None = None,
        owner: str | None = None,
        labels: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        compensations: Iterable[AnyUndo] = (),
        **kwargs: Any,
    ) -> BlockingHandle[Any]: ...
    def submit(self, call: Any, /, *args: Any, **options: Any) -> BlockingHandle[Any]:
        """Submit a job."""
        handle = self.call("submit", partial(self._jobs.submit, call, *args, **options))
        return BlockingHandle(handle, self)

    def cancel(
        self,
        job_id: str,
        *,
        owner: str | None = None,
        by: str | None = None,
        reason: str | None = None,
        defer: bool = False,
        force: bool = False,
    ) -> Verdict:
        """Ask for a cancel."""
        cancel = partial(self._jobs.cancel, job_id, owner=owner, by=by, reason=reason, defer=defer, force=force)
        return self.call("cancel", cancel)

    def cancel_many(
        self,
        *,
        owner: str | None = None,
        kind: str | None = None,
        state: StateValue | None = None,
        labels: Mapping[str, str] | None = None,
        by: str | None = None,
        reason: str | None = None,
        defer: bool = False,
        force: bool = False,
    ) -> dict[str, Verdict]:
        """Ask for a cancel of every unsettled job that passes."""
        wanted = partial(self._jobs.cancel_many, owner=owner, kind=kind, state=state, labels=labels)
        return self.call("cancel", partial(wanted, by=by, reason=reason, defer=defer, force=force))

    def can_cancel(self, job_id: str, *, owner: str | None = None, defer: bool = False, force: bool = False) -> Verdict:
        """Return what ``cancel`` would answer now."""
        return self.call("ask", partial(self._jobs.can_cancel, job_id, owner=owner, defer=defer, force=force))

    def get(self, job_id: str, *, owner: str | None = None) -> Snapshot[Any]:
        """Return the job as it is now."""
        return self.call("read", partial(self._jobs.get, job_id, owner=owner))

    def find(
        self,
        *,
        owner: str | None = None,
        kind: str | None = None,
        state: StateValue | None = None,
        labels: Mapping[str, str] | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Return a page of jobs, newest first."""
        wanted = partial(self._jobs.find, owner=owner, kind=kind, state=state, labels=labels)
        return self.call("read", partial(wanted, cursor=cursor, limit=limit))

    def wait(self, job_id: str, *, owner: str | None = None, timeout_s: float | None = None) -> Snapshot[Any]:
        """Wait until the job is settled or the time is up."""
        return self.call("wait", partial(self._jobs.wait, job_id, owner=owner, timeout_s=timeout_s))

    @contextmanager
    def watch(self, job_id: str, *, owner: str | None = None) -> Generator[Iterator[Snapshot[Any]]]:
        """Give the job as it is, then after each change, until it is settled."""

        async def opened() -> AbstractAsyncContextManager[AsyncIterator[Snapshot[Any]]]:
            return self._jobs.watch(job_id, owner=owner)

        view = self.call("watch", opened)
        snapshots = self.call("watch", view.__aenter__)
        try:
            yield self._each(snapshots)
        finally:
            with suppress(SchedulerClosedError):  # then there is nothing left to end
                self.call("watch", partial(view.__aexit__, None, None, None))

    def _each(self, snapshots: AsyncIterator[Snapshot[Any]]) -> Iterator[Snapshot[Any]]:
        async def newest() -> Snapshot[Any] | None:
            return await anext(snapshots, None)

        while (snapshot := self.call("watch", newest)) is not None:
            yield snapshot

    def shutdown(self, drain_s: float = 0) -> None:
        """Take no more jobs and end all."""
        self.call("shut down", partial(self._jobs.shutdown, drain_s))


class BlockingHandle(Generic[R_co]):
    """A ``JobHandle`` whose methods block."""

    __slots__ = ("_handle", "_jobs")

    def __init__(self, handle: JobHandle[R_co], jobs: BlockingJobs) -> None:
        self._handle, self._jobs = handle, jobs

    @property
    def id(self) -> str:
        """The job's id."""
        return self._handle.id

    @property
    def kind(self) -> str:
        """Its kind's name."""
        return self._handle.kind

    @property
    def created(self) -> bool:
        """False if an idempotency key led to a job that existed."""
        return self._handle.created

    def cancel(
        self, *, by: str | None = None, reason: str | None = None, defer: bool = False, force: bool = False
    ) -> Verdict:
        """Ask for a cancel."""
        ask = partial(self._handle.cancel, by=by, reason=reason, defer=defer, force=force)
        return self._jobs.call("cancel", ask)

    def wait(self, *, timeout_s: float | None = None) -> Snapshot[R_co]:
        """Wait until the job is settled or the time is up."""
        return self._jobs.call("wait", partial(self._handle.wait, timeout_s=timeout_s))

    def result(self) -> R_co:
        """Wait until the job is settled and return its value; see ``JobHandle.result``."""
        return self._jobs.call("wait", self._handle.result)
