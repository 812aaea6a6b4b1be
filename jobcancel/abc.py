"""Protocols: what a host, a contract or an engine may rely on, and what a host may replace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from ._core.calls import Call
from ._core.compensations import AnyUndo
from ._core.context import JobContext, JobHandle
from ._core.decision import Verdict
from ._core.journal import Entry
from ._core.states import StateValue

if TYPE_CHECKING:
    from ._core.snapshot import Page, Snapshot

__all__ = ("Clock", "Entry", "JobContext", "JobHandle", "JobService", "Store")

R = TypeVar("R")


class Clock(Protocol):
    """The source of a scheduler's time. Tests give one of their own."""

    def time(self) -> float:
        """Return seconds since 1970 (UTC), for the record."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back, for durations and deadlines."""
        ...

    async def sleep_until(self, deadline: float) -> None:
        """Return when ``monotonic()`` has reached ``deadline``; ``inf`` sleeps until cancelled."""
        ...


class Store(Protocol):
    """The storage of a scheduler's journal: entries that tell each change of its jobs, in order.

    A scheduler calls it from threads of its own, one call at a time and never from the loop's thread, so that every
    method may block. ``open`` comes first, then ``read`` once, then ``append`` and ``compact`` as often as needed,
    then ``close``; afterwards it may be opened again. ``jobcancel.testing.store_conformance`` tests whether an
    implementation does all that is promised here.
    """

    def open(self) -> None:
        """Open the journal for this scheduler alone; create it if there is none. No effect if it raises.

        Raises:
            StoreInUseError: Another scheduler has it open, in this process or in another.
            StoreFormatError: It has the format of a newer version, is damaged, or is no journal. It is unchanged.
            StoreError: It cannot be opened.
        """
        ...

    def read(self) -> Iterable[Entry]:
        """Return the entries; those of one job come in the order in which they were appended.

        ``Entry.final`` need not be stored: a body has it too.

        Raises:
            StoreFormatError: An entry cannot be read; raised during the iteration.
        """
        ...

    def append(self, entries: Sequence[Entry]) -> None:
        """Persist the entries, all of them or none, before returning.

        A ``final`` entry replaces the earlier entries of its job; one without a body removes the job.

        Raises:
            StoreError: None were persisted. The scheduler retries with entries that no caller waits for.
        """
        ...

    def compact(self) -> None:
        """Free space that entries no longer need. What ``read`` returns does not change.

        Raises:
            StoreError: It cannot be written; no entry is lost.
        """
        ...

    def close(self) -> None:
        """Close the journal, so that another scheduler can open it; no effect if it is not open."""
        ...


class JobService(Protocol):
    """Jobs, from the host's side; the in-process ``Scheduler`` is one, an engine or a remote client may be another.

    Every ``owner`` argument narrows to that owner's jobs: a job of another owner is not found.
    """

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
        ...

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
        ...

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
        ...

    async def can_cancel(
        self, job_id: str, *, owner: str | None = None, defer: bool = False, force: bool = False
    ) -> Verdict:
        """Return what ``cancel`` would answer now; nothing changes, nothing is recorded.

        Raises:
            JobNotFoundError: No such job.
        """
        ...

    async def get(self, job_id: str, *, owner: str | None = None) -> Snapshot[Any]:
        """Return the job as it is now.

        Raises:
            JobNotFoundError: No such job.
        """
        ...

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
        ...

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
        ...

    def watch(
        self, job_id: str, *, owner: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Snapshot[Any]]]:
        """Return a context manager whose iterator gives the job as it is, then after each change, until it is settled.

        A slow reader may skip changes, but never the last one.

        Raises:
            JobNotFoundError: No such job (at once).
        """
        ...

    async def shutdown(self, drain_s: float = 0) -> None:
        """Refuse new jobs, let running ones finish for ``drain_s`` seconds, cancel the rest, and wait for all.

        With ``inf`` all of them finish.

        Raises:
            DeadlockError: A job of this scheduler calls it.
            TypeError: ``drain_s`` is no number; nothing has happened.
            ValueError: ``drain_s`` is negative, ``nan``, or above a hundred years; nothing has happened.
        """
        ...
