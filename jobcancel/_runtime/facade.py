"""The methods of a scheduler without ``await``, for threads other than its loop's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from anyio.from_thread import BlockingPortal

from jobcancel._core.compensations import AnyUndo
from jobcancel._core.context import JobHandle
from jobcancel._core.decision import Verdict
from jobcancel._core.kinds import Call
from jobcancel._core.states import JobState
from jobcancel.abc import JobService
from jobcancel.errors import SchedulerClosedError

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Page, Snapshot

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class BlockingJobs:
    """A ``JobService`` whose methods block; arguments, results and errors are those that ``JobService`` documents.

    Once the scheduler has closed they raise ``SchedulerClosedError``, calls in flight included.
    """

    def __init__(self, jobs: JobService, portal: Callable[[], tuple[BlockingPortal, int] | None]) -> None:
        self._jobs, self._portal = jobs, portal

    def call(self, wanted: str, method: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await ``method()`` in the scheduler's loop.

        Raises:
            SchedulerClosedError: The scheduler is not running, or closed meanwhile.
            RuntimeError: This is the thread of the scheduler's loop.
        """
        portal = self._way_in(wanted)
        try:
            future: Future[T] = portal.start_task_soon(method)
        except RuntimeError:  # it closed since
            raise SchedulerClosedError(wanted) from None
        try:
            return future.result()
        except CancelledError:
            raise SchedulerClosedError(wanted) from None
        except BaseException:
            future.cancel()  # Ctrl-C here: nobody waits for the answer any more
            raise

    def _way_in(self, wanted: str) -> BlockingPortal:
        found = self._portal()
        if found is None:
            raise SchedulerClosedError(wanted)
        portal, thread = found
        if thread == get_ident():
            raise RuntimeError(f"cannot {wanted} from the thread of the scheduler's loop: await the scheduler's method")
        return portal

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
        state: JobState | str | None = None,
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
        state: JobState | str | None = None,
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
