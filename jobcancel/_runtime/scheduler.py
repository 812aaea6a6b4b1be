"""The scheduler: jobs inside one process, on asyncio, uvloop or trio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import getpid
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, overload

from jobcancel._core.arguments import COUNT, PATIENCE, TIMEOUT, excerpt, lacks, refusal
from jobcancel._core.calls import Call
from jobcancel._core.compensations import AnyUndo
from jobcancel._core.context import JobHandle
from jobcancel._core.decision import Verdict
from jobcancel._core.job import NO_ORIGIN, Origin
from jobcancel._core.plain import labels as plain_labels
from jobcancel._core.plain import text
from jobcancel._core.registry import Registry
from jobcancel._core.states import StateValue
from jobcancel._core.submission import call_of
from jobcancel.abc import Clock, Store
from jobcancel.errors import SchedulerClosedError

from .clock import SystemClock
from .compensation import checked as checked_undos
from .dispatcher import Dispatcher
from .from_thread import BlockingJobs, Portal
from .handle import user_request
from .ids import Ids, checked, ulids
from .job import check_thread, snapshot_of
from .observers import Watcher, wait_persisted
from .session import Session, end_jobs, refuse_own
from .table import Filters, find

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Page, Snapshot

R = TypeVar("R")

_STORE: Final = ("open", "read", "append", "compact", "close")  # the methods of a Store


class Scheduler:
    """Runs jobs of a registry's kinds and decides every request for their cancel.

    Constructing it needs no loop. It runs inside ``async with scheduler:``, entered and left in one task; leaving
    is a shutdown. Afterwards it still reads, and may be entered again, on another loop too. All methods belong to
    the thread of its loop; ``from_thread`` is for the others. Without a store ``submit`` and ``cancel`` have no
    checkpoint: a caller that is cancelled loses no handle.

    However its host ends, it ends too: by an error in the body, a cancelled scope, a native ``Task.cancel()``, Ctrl-C,
    or ``asyncio.run`` that cancels every task when its main coroutine has returned. If the host's task has ended
    without leaving the scheduler, the end of the loop leaves it.

    Args:
        registry: The kinds. More may be added while the scheduler runs.
        app: For the handlers, as ``job.app``: pools, clients, settings.
        max_running: How many jobs run at once, children aside; None for no limit.
        max_threads: How many threads ``job.run_sync`` uses at once.
        drain_s: Seconds that leaving lets running jobs finish before it cancels them; 0 if the body raised, ``inf`` to
            let them all finish.
        clock: The source of time; the system's clocks if None.
        new_id: Returns a new id at each call, a string that UTF-8 can hold; ``job_`` and a ULID if None.
        store: Persists the jobs (``jobcancel.stores``); if None they live in memory alone. With a store, every
            argument of a job is plain data, submits and cancels are answered when they are committed, and entering
            the scheduler resumes the jobs of the journal.

    Raises:
        TypeError: The registry is no ``Registry``, the store no ``Store``, or a number has the wrong type.
        ValueError: A number makes no sense.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        app: Any = None,
        max_running: int | None = None,
        max_threads: int = 40,
        drain_s: float = 0,
        clock: Clock | None = None,
        new_id: Callable[[], str] | None = None,
        store: Store | None = None,
    ) -> None:
        if not isinstance(cast("object", registry), Registry):
            raise TypeError(refusal("registry", "a Registry, in which the kinds are declared", registry))
        if store is not None:
            _require_store(store)
        if max_running is not None:
            max_running = COUNT.check(max_running, "max_running", "None for no limit")
        self._registry = registry
        self._max_threads, self._drain_s = COUNT.check(max_threads, "max_threads"), PATIENCE.check(drain_s, "drain_s")
        clock = clock or SystemClock()
        self.ids: Ids = Ids(ulids(clock.time) if new_id is None else checked(new_id))
        self._dispatcher = Dispatcher(registry, app, max_running, clock, self.ids)
        if store is not None:
            from .durable_journal import DurableJournal  # noqa: PLC0415  # a scheduler without a store does not load it

            self._dispatcher.journal = DurableJournal(self._dispatcher, store)
        self._session: Session | None = None
        self._accepting = False

    async def __aenter__(self) -> Scheduler:
        if self._session is not None:
            raise RuntimeError("the scheduler is entered already; make another one for another place")
        self._session = Session(self._dispatcher, self._max_threads, self._forget)
        try:
            await self._session.begin()
        except BaseException:
            self._session = None
            raise
        self._accepting = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session = self._session
        if session is None:
            raise SchedulerClosedError("leave")
        session.check_task()
        self._accepting = False
        interruption = await end_jobs(self._dispatcher, self._drain_s if error is None else 0)
        self._session = None
        await session.end(interruption, quiet=error is not None)

    def _forget(self) -> None:
        """Take no more: the loop has ended around the scheduler."""
        self._accepting, self._session = False, None

    @overload
    async def submit(
        self,
        call: Call[R],
        /,
        *,
        key: str | None = None,
        owner: str | None = None,
        labels: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        compensations: Iterable[AnyUndo] = (),
    ) -> JobHandle[R]: ...
    @overload
    async def submit(
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
    ) -> JobHandle[Any]: ...
    async def submit(
        self,
        call: Call[Any] | str,
        /,
        *args: Any,
        key: str | None = None,
        owner: str | None = None,
        labels: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        compensations: Iterable[AnyUndo] = (),
        **kwargs: Any,
    ) -> JobHandle[Any]:
        """Submit a job.

        With a store it returns when the job is committed. A caller that is cancelled meanwhile, by a scope, by
        ``asyncio.wait_for`` or natively, gets its handle first and is cancelled at its next checkpoint.

        Args:
            call: What calling a kind gave, or, for names that come from data, a kind's name.
            *args: With a name: the handler's arguments.
            key: Idempotency key: the same key for the same owner and kind returns the first job, in any state, for the
                kind's ``key_ttl_s``.
            owner: The job's owner.
            labels: Strings by string, for ``find``.
            timeout_s: Seconds it may run, in place of the kind's ``timeout_s``; ``inf`` for no limit.
            compensations: Undos, oldest first, registered before the job can run, so that a job canceled while it
                waits is compensated too. Async functions or plain ones, without arguments (``functools.partial``).
            **kwargs: With a name: the handler's arguments by keyword.

        Raises:
            SchedulerClosedError: The scheduler is not running.
            UnknownKindError: No such kind, or a call of another registry's.
            MissingHandlerError: The kind has no handler.
            TypeError: It is no call of a kind (a kind that was not called, a coroutine); or the arguments do not fit,
                or, with a store, are no plain data.
            ValueError: ``timeout_s`` is not above 0, is ``nan``, or above a hundred years; or, with a store,
                the arguments hold themselves or are nested deeper than a hundred levels.
            QueueFullError: The kind's ``max_pending`` jobs are waiting.
            IdempotencyConflictError: The key was used with other arguments.
            StoreError: The job could not be committed; nothing was submitted.
        """
        call = call_of(self._registry, call, args, kwargs)
        if not self._accepting:
            raise SchedulerClosedError("submit")
        check_thread(self._dispatcher, "submit")
        origin = NO_ORIGIN
        if owner is not None or labels is not None or key is not None:
            origin = Origin(text(owner, "owner"), plain_labels(labels), text(key, "key"))
        if timeout_s is not None:
            timeout_s = TIMEOUT.check(timeout_s, "timeout_s", "None for that of the kind")
        undo = checked_undos(self._registry, compensations) if compensations else None
        return await self._dispatcher.submit(call, origin, timeout_s, undo)

    async def cancel(
        self,
        job_id: str,
        *,
        owner: str | None = None,
        by: str | None = None,
        reason: str | None = None,
        defer: bool = False,
        force: bool = False,
    ) -> Verdict:
        """Request a cancel; it is decided, recorded and answered in one step.

        With a store it returns when the answer is committed, and a caller that is cancelled meanwhile gets its verdict
        first, as in ``submit``.

        Args:
            job_id: The job.
            owner: Only this owner's.
            by: Name of the requester, given by the host; recorded.
            reason: Why; recorded.
            defer: Where the stage would refuse, let the cancel wait for the stage's end instead.
            force: Override refuse and defer, and deliver a held cancel at once. For operators; recorded.

        Raises:
            JobNotFoundError: No such job.
            TypeError: ``defer`` or ``force`` is not True or False, or another argument is no string; nothing was
                requested.
            StoreError: It could not be committed; nothing was requested.
        """
        job = self._dispatcher.table.get(job_id, owner)
        verdicts = await self._dispatcher.request_cancels([job], by, reason, defer=defer, force=force)
        return verdicts[job_id]

    async def cancel_many(
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
        """Request a cancel of every unsettled job that passes all filters; return the verdicts by id."""
        filters = Filters(owner=owner, kind=kind, state=state, labels=labels)
        user_request(by, reason, defer=defer, force=force)  # bad arguments are refused though no job matches
        live = self._dispatcher.table.live.values()
        jobs = [job for job in live if job.settled is None and filters.match(job.facts)]
        return await self._dispatcher.request_cancels(jobs, by, reason, defer=defer, force=force)

    async def can_cancel(
        self, job_id: str, *, owner: str | None = None, defer: bool = False, force: bool = False
    ) -> Verdict:
        """Return what ``cancel`` would answer now; nothing changes, nothing is recorded.

        Raises:
            JobNotFoundError: No such job.
        """
        request = user_request(None, None, defer=defer, force=force)
        return self._dispatcher.table.get(job_id, owner).verdict(request)

    async def get(self, job_id: str, *, owner: str | None = None) -> Snapshot[Any]:
        """Return the job as it is now.

        Raises:
            JobNotFoundError: No such job.
        """
        return snapshot_of(self._dispatcher.table.get(job_id, owner))

    async def find(
        self,
        *,
        owner: str | None = None,
        kind: str | None = None,
        state: StateValue | None = None,
        labels: Mapping[str, str] | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Return the jobs that pass all filters, newest first, ``limit`` at most.

        Other tasks run meanwhile: a job that changes is on the page as it was when it was read.

        Args:
            owner: Only this owner's.
            kind: Only of this kind.
            state: Only in this state.
            labels: Only with all of these labels.
            cursor: The earlier page's ``cursor``.
            limit: How many at most, from 1.

        Raises:
            TypeError: A cursor, an owner or a kind that is no string, a limit that is no whole number, labels that
                are no mapping.
            ValueError: A cursor that no page gave, a state that does not exist, or a limit below 1.
        """
        filters = Filters(owner=owner, kind=kind, state=state, labels=labels)
        return await find(self._dispatcher.table, filters, cursor, limit)

    async def wait(self, job_id: str, *, owner: str | None = None, timeout_s: float | None = None) -> Snapshot[Any]:
        """Wait until the job is settled or ``timeout_s`` seconds are over; return it as it is then.

        With a store, ``wait``, a handle's ``result`` and ``watch`` report a job's end only once it is committed: no
        restart changes it. If it cannot be committed, which is logged, or not within ``timeout_s``, they report the
        job as it is, as ``get`` and ``find`` always do.

        Args:
            job_id: The job.
            owner: Only this owner's.
            timeout_s: Seconds; 0 returns at once, None or ``inf`` is no limit.

        Raises:
            JobNotFoundError: No such job.
            TypeError: ``timeout_s`` is no number.
            ValueError: ``timeout_s`` is negative, ``nan``, or above a hundred years.
            DeadlockError: A job would wait for itself or for an ancestor.
        """
        job = self._dispatcher.table.get(job_id, owner)
        await wait_persisted(self._dispatcher, job, timeout_s)
        return snapshot_of(job)

    def watch(self, job_id: str, *, owner: str | None = None) -> Watcher:
        """Return a context manager whose iterator gives the job as it is, then after each change, until it is settled.

        A slow reader may skip changes, but never the last one.

        Raises:
            JobNotFoundError: No such job (at once).
        """
        return Watcher(self._dispatcher, self._dispatcher.table.get(job_id, owner))

    async def shutdown(self, drain_s: float = 0) -> None:
        """Refuse new jobs, let running ones finish for ``drain_s`` seconds, cancel the rest, and wait for all.

        With ``inf`` all of them finish.

        Raises:
            DeadlockError: A job of this scheduler calls it.
            TypeError: ``drain_s`` is no number; nothing has happened.
            ValueError: ``drain_s`` is negative, ``nan``, or above a hundred years; nothing has happened.
        """
        refuse_own(self._dispatcher, "shut down the scheduler that runs it")
        drain_s = PATIENCE.check(drain_s, "drain_s")
        self._accepting = False
        if self._session is not None:
            interruption = await end_jobs(self._dispatcher, drain_s)
            if interruption is not None:
                raise interruption

    @property
    def from_thread(self) -> BlockingJobs:
        """The same methods without ``await``, for threads other than the loop's; see ``BlockingJobs``."""
        return BlockingJobs(self, self._portal)

    def _portal(self) -> Portal | None:
        """Return the way in for other threads, or None while the scheduler does not run in this process."""
        session = self._session
        return None if session is None or session.pid != getpid() else session.portal  # no thread survives a fork


def dispatcher_of(scheduler: Scheduler) -> Dispatcher:
    """Return a scheduler's dispatcher, for the package's own modules."""
    return scheduler._dispatcher  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # of this module


def _require_store(store: object) -> None:
    """Refuse what is no ``Store``: a journal's path, above all."""
    if lacks(store, _STORE):
        example = excerpt(store) if isinstance(store, str) else "path"
        raise TypeError(
            refusal("store", f"a Store, as jobcancel.stores.SqliteStore({example}) is one, or None for memory", store)
        )
