"""Writing the journal: one commit at a time, and all changes that arrive meanwhile go into the next one.

Nothing here decides anything. Jobs report that they have changed; when the store is free, their changes are written and
the tasks that wait for the commit are woken. While the store fails, changes without a waiting task are retried.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, Generic, TypeVar, TypeVarTuple, Unpack, cast

from jobcancel._core.journal import Entry, JobJournal
from jobcancel.abc import Store
from jobcancel.errors import SchedulerClosedError, StoreError

from .job import JobHost
from .log import log_scheduler
from .loops import Wakeup
from .threads import StoreThread

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_COMMIT: Final = 1000  # jobs in one commit: encoding more of them would hold up the loop
_LINGER_S: Final = 0.02  # how long a change without a waiting task waits for others to be written with it
_RETRY_S: Final = 1.0  # between two tries while the store fails
_COMPACT: Final = 10_000  # final entries between two compactions


class PendingCommit(Generic[T]):
    """A task that waits for a commit, and what follows from the commit.

    Attributes:
        patient: Whether the task waits until the store works again.

    Args:
        wakeup: What the task waits for.
        apply: Does what follows at once from the commit, and returns the result.
        give_up: Does what follows from its failure.
        patient: See above.
    """

    __slots__ = ("_apply", "_error", "_give_up", "_result", "_wakeup", "patient")

    def __init__(
        self,
        wakeup: Wakeup,
        apply: Callable[[], T] | None = None,
        give_up: Callable[[], object] | None = None,
        *,
        patient: bool = False,
    ) -> None:
        self._wakeup, self._apply, self._give_up = wakeup, apply, give_up
        self.patient: bool = patient
        self._result: T | None = None
        self._error: BaseException | None = None

    def committed(self) -> None:
        """Apply what has been committed, and wake the task."""
        try:
            self._result = None if self._apply is None else self._apply()
        except Exception as error:  # noqa: BLE001  # the host's clock may raise anything
            self._error = error
        self._wakeup.set()

    def failed(self, error: StoreError) -> None:
        """Give up what could not be committed, and wake the task."""
        self._error = error
        try:
            if self._give_up is not None:
                self._give_up()
        except Exception as raised:  # noqa: BLE001  # as above
            self._error = raised
        self._wakeup.set()

    async def done(self) -> None:
        """Wait until the commit has succeeded or failed; a cancellation ends the wait."""
        await self._wakeup.wait()

    async def answer(self) -> T:
        """Wait for the commit, whatever cancels the caller meanwhile, and return the result.

        Raises:
            StoreError: It failed, and nothing has changed.
        """
        await self._wakeup.wait_uninterrupted()
        if self._error is not None:
            raise self._error
        return cast("T", self._result)


class _Item:
    """What has to be written of one job, and the commits that tasks wait for."""

    __slots__ = ("final", "journal", "pending")

    def __init__(self, journal: JobJournal | None) -> None:
        self.journal = journal
        self.final: Entry | None = None
        self.pending: list[PendingCommit[Any]] = []

    def entry(self) -> Entry | None:
        """Return the entry to write, or None."""
        if self.final is not None or self.journal is None or self.journal.finished:
            return self.final
        entry = self.journal.changes()
        return entry if entry.body else None

    def take_impatient(self) -> list[PendingCommit[Any]]:
        """Remove and return the commits whose tasks do not wait until the store works again."""
        impatient = [each for each in self.pending if not each.patient]
        self.pending = [each for each in self.pending if each.patient]
        return impatient


class JournalWriter:
    """Writes the journal of one scheduler, while that is entered.

    Attributes:
        closed: Whether nothing is written any more.

    Args:
        host: What runs the jobs.
        store: The store.
        thread: The thread for the store's calls.
    """

    def __init__(self, host: JobHost, store: Store, thread: StoreThread) -> None:
        self._host, self._store, self._thread = host, store, thread
        self._todo: dict[str, _Item] = {}
        self._flight: dict[str, _Item] = {}
        self._work: Wakeup | None = None  # while ``run`` waits for something to write
        self._due = False
        self._stopped = False
        self._lingers = False
        self._finals = 0
        self._idle: Wakeup | None = None
        self._problem: StoreError | None = None
        self.closed: bool = False

    async def call(self, method: Callable[[Unpack[Ts]], None], *args: *Ts) -> None:
        """Call a method of the store in its thread.

        Raises:
            StoreError: Whatever the method raised.
        """
        try:
            await self._thread.run(lambda: method(*args))
        except StoreError:
            raise
        except BaseException as error:  # the store may be the host's
            raise StoreError(repr(self._store), repr(error)) from error

    @property
    def busy(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._todo or self._flight)

    def write(self, journal: JobJournal) -> None:
        """Write a job's changes soon; no effect after its final entry was made, or the writer closed."""
        if journal.finished or self.closed:
            return
        self._item(journal.job.id, journal)
        self._linger()

    def commit(
        self,
        journal: JobJournal,
        apply: Callable[[], T] | None = None,
        give_up: Callable[[], object] | None = None,
        *,
        patient: bool = False,
    ) -> PendingCommit[T]:
        """Write a job's changes in the next commit, and return that; see ``PendingCommit`` for the arguments."""
        pending = PendingCommit(self._host.loop.wakeup(), apply, give_up, patient=patient)
        self._item(journal.job.id, journal).pending.append(pending)
        self._wake()
        return pending

    def replace(self, entry: Entry) -> None:
        """Replace all entries of a job by its final entry."""
        item = self._todo.pop(entry.job_id, None) or _Item(None)
        item.final = entry
        self._todo[entry.job_id] = item  # after its children's final entries: no commit has it without theirs
        self._linger()

    def _item(self, job_id: str, journal: JobJournal) -> _Item:
        item = self._todo.get(job_id)
        if item is None:
            item = self._todo[job_id] = _Item(journal)
        return item

    def _linger(self) -> None:
        """Begin the next commit soon; a waiting task makes it begin at once."""
        if not self._lingers:
            self._lingers = True
            delay = _LINGER_S if self._problem is None else _RETRY_S
            self._host.timers.add(self._host.now() + delay, self._begin)

    def _begin(self) -> None:
        self._lingers = False
        self._wake()

    def _wake(self) -> None:
        """Make ``run`` begin the next commit."""
        self._due = True
        if self._work is not None:
            self._work.set()

    def stop(self) -> None:
        """End ``run``."""
        self._stopped = True
        self._wake()

    async def commit_all(self, job_id: str) -> None:
        """Wait until all that is known of a job now is committed.

        Raises:
            StoreError: The commit failed; it is tried again.
        """
        if job_id not in self._todo and job_id not in self._flight:
            return
        if self.closed:
            raise self._problem or SchedulerClosedError("write to its journal")
        await self.next_commit(job_id).answer()

    def is_current(self, job_id: str) -> bool:
        """Return whether all that is known of a job now is committed, or cannot be while the store fails."""
        committed = job_id not in self._todo and job_id not in self._flight
        return committed or self.closed or self._problem is not None

    def next_commit(self, job_id: str) -> PendingCommit[None]:
        """Return the next commit of a job that has uncommitted changes."""
        pending = PendingCommit[None](self._host.loop.wakeup())
        (self._todo.get(job_id) or self._flight[job_id]).pending.append(pending)
        self._wake()
        return pending

    async def run(self) -> None:
        """Write what there is to write, until ``stop``; a cancellation of this task changes nothing."""
        while not self._stopped:
            if not self._due:
                self._work = self._host.loop.wakeup()
                await self._work.wait_uninterrupted()
            self._due = False
            while self._has_more() and await self._write():
                if self._finals >= _COMPACT:
                    await self._compact()
            if self._idle is not None:
                self._due = False  # ``close`` looks at the rest first
                self._idle.set()

    def _has_more(self) -> bool:
        return bool(self._todo) and not self._stopped

    async def _write(self) -> bool:
        """Commit what has changed; return whether the next commit may follow at once."""
        flight = self._flight = dict(islice(self._todo.items(), _COMMIT))
        for job_id in flight:
            del self._todo[job_id]
        entries = self._entries(flight)
        try:
            if entries:
                await self.call(self._store.append, entries)
        except StoreError as error:
            return self._failed(error)
        self._flight, self._problem = {}, None
        self._finals += sum(entry.final for entry in entries)
        for item in flight.values():
            if item.journal is not None:
                item.journal.mark_committed()
        for item in flight.values():
            for pending in item.pending:
                pending.committed()
        return True

    def _entries(self, flight: dict[str, _Item]) -> list[Entry]:
        """Return the entries to write; a job that cannot be encoded has none, and its waiting tasks get the error."""
        entries: list[Entry] = []
        for job_id, item in flight.items():
            try:
                entry = item.entry()
            except Exception as error:  # noqa: BLE001  # one job's bad value costs no other job its commit
                log_scheduler(logging.ERROR, "the journal of job %s cannot be written", job_id, error=error)
                problem, waiting, item.pending = StoreError(repr(self._store), repr(error)), item.pending, []
                for pending in waiting:
                    pending.failed(problem)
            else:
                if entry is not None:
                    entries.append(entry)
        return entries

    async def _compact(self) -> None:
        """Let the store free the room of entries that are no longer needed."""
        self._finals = 0
        try:
            await self.call(self._store.compact)
        except StoreError as error:  # nothing is lost by that
            log_scheduler(logging.WARNING, "not compacted: %s", error)

    def _failed(self, problem: StoreError) -> bool:
        """Fail the commits that tasks wait for, keep all other changes, and try these again later.

        Commits that were requested meanwhile fail too, unless the next commit covers them: return whether there are
        such, so that it begins at once.
        """
        if self._problem is None:
            log_scheduler(logging.ERROR, "%s; changes of the running jobs are written when it works again", problem)
        self._problem = problem
        flight, self._flight = self._flight, {}
        impatient: list[PendingCommit[Any]] = []
        for job_id, item in flight.items():
            impatient += item.take_impatient()
            later = self._todo.get(job_id)
            if later is not None:
                later.final = later.final or item.final
                later.pending = [*item.pending, *later.pending]
        self._todo = {job_id: item for job_id, item in flight.items() if job_id not in self._todo} | self._todo
        for item in islice(self._todo.values(), _COMMIT, None):
            impatient += item.take_impatient()
        covered = any(not pending.patient for item in self._todo.values() for pending in item.pending)
        for pending in impatient:
            pending.failed(problem)
        if self._todo:
            self._linger()
        return covered

    def drop(self, job_id: str) -> None:
        """Forget the changes of a job of which nothing was committed."""
        self._todo.pop(job_id, None)

    async def close(self) -> StoreError | None:
        """Write the rest; return why that was not possible, or None."""
        tries = 2  # the commit on its way may fail, and is then tried once more
        while self._flight or (self._todo and tries > 0):
            self._idle = self._host.loop.wakeup()
            if not self._flight:
                self._wake()
            await self._idle.wait_uninterrupted()
            tries -= self._problem is not None
        self._idle = None
        if self._todo and self._problem is not None:
            log_scheduler(
                logging.ERROR, "the last changes of %d jobs could not be written: %s", len(self._todo), self._problem
            )
            for item in [*self._todo.values()]:
                for pending in item.pending:  # patient ones: the others have failed already
                    pending.failed(self._problem)
            return self._problem
        if self._finals:
            await self._compact()
            return await self.close()  # something may have changed meanwhile
        return None
