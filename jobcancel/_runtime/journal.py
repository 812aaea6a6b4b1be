"""The way of what changes to the store: one commit at a time, and all that has come up meanwhile goes with the next.

Nothing here decides anything. Jobs say that they have changed; when the store is free their changes are written, and
whoever waits for that is told. While the store fails, what nobody waits for is kept and tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, Unpack

from jobcancel._core.journal import Entry, JobJournal
from jobcancel.abc import Store
from jobcancel.errors import SchedulerClosedError, StoreError

from .log import tell
from .loops import Signal
from .ticket import Ticket

if TYPE_CHECKING:
    from .durable import DurableKernel
    from .job import Job

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_COMMIT: Final = 1000  # jobs in one commit: writing down more of them would hold up the loop
_LINGER_S: Final = 0.02  # how long a change that nobody waits for may wait for others to be written with it
_RETRY_S: Final = 1.0  # between two tries while the store fails
_COMPACT: Final = 10_000  # jobs that have become one entry, or none, between two compactions


class _Item:
    """What has to be written of one job, and who waits for that."""

    __slots__ = ("final", "pages", "tickets")

    def __init__(self, pages: JobJournal | None) -> None:
        self.pages = pages
        self.final: Entry | None = None
        self.tickets: list[Ticket[Any]] = []

    def entry(self) -> Entry | None:
        """Return what to write, if there is anything."""
        if self.final is not None or self.pages is None or self.pages.finished:
            return self.final
        entry = self.pages.entry()
        return entry if entry.body else None

    def give_up(self) -> list[Ticket[Any]]:
        """Take out the tickets of those who do not wait until the store is well again."""
        given_up = [ticket for ticket in self.tickets if not ticket.patient]
        self.tickets = [ticket for ticket in self.tickets if ticket.patient]
        return given_up


async def call(kernel: DurableKernel, method: Callable[[Unpack[Ts]], None], *args: *Ts) -> None:
    """Call a store's method in its thread.

    Raises:
        StoreError: Whatever it raised.
    """
    try:
        await kernel.store_thread.run(lambda: method(*args))
    except StoreError:
        raise
    except BaseException as error:  # the store may be the host's
        raise StoreError(repr(kernel.store), repr(error)) from error


class Journal:
    """The journal of one scheduler, while it runs.

    Attributes:
        closed: Whether nothing is written any more.

    Args:
        kernel: The scheduler's inside.
        store: Where it is kept.
    """

    def __init__(self, kernel: DurableKernel, store: Store) -> None:
        self._kernel, self._store = kernel, store
        self._todo: dict[str, _Item] = {}
        self._flight: dict[str, _Item] = {}
        self._wanted: Signal | None = None  # while ``run`` waits for something to write
        self._due = False
        self._stopped = False
        self._lingers = False
        self._finals = 0
        self._idle: Signal | None = None
        self._problem: StoreError | None = None
        self.closed: bool = False

    @property
    def busy(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._todo or self._flight)

    def write(self, pages: JobJournal) -> None:
        """Have a job's changes written soon; no effect once its final entry was made, or all is closed."""
        if pages.finished or self.closed:
            return
        self._item(pages.job.id, pages)
        self._linger()

    def promise(self, pages: JobJournal, ticket: Ticket[T]) -> Ticket[T]:
        """Have a job's changes written, and somebody told of it."""
        self._item(pages.job.id, pages).tickets.append(ticket)
        self._wake()
        return ticket

    def replace(self, entry: Entry) -> None:
        """Have all that was written of a job replaced by its final entry."""
        item = self._todo.pop(entry.job_id, None) or _Item(None)
        item.final = entry
        self._todo[entry.job_id] = item  # behind its children's final entries: no commit has it without theirs
        self._linger()

    def _item(self, job_id: str, pages: JobJournal | None) -> _Item:
        item = self._todo.get(job_id)
        if item is None:
            item = self._todo[job_id] = _Item(pages)
        return item

    def _linger(self) -> None:
        """Begin the next commit soon, unless somebody who waits makes it begin at once."""
        if not self._lingers:
            self._lingers = True
            delay = _LINGER_S if self._problem is None else _RETRY_S
            self._kernel.timers.add(self._kernel.now() + delay, self._begin)

    def _begin(self) -> None:
        self._lingers = False
        self._wake()

    def _wake(self) -> None:
        """Have ``run`` begin the next commit."""
        self._due = True
        if self._wanted is not None:
            self._wanted.set()

    def stop(self) -> None:
        """End ``run``."""
        self._stopped = True
        self._wake()

    async def commit(self, job_id: str) -> None:
        """Return when everything that is known of a job now is kept.

        Raises:
            StoreError: It was not kept; it is tried again.
        """
        if job_id not in self._todo and job_id not in self._flight:
            return
        if self.closed:
            raise self._problem or SchedulerClosedError("write to its journal")
        await self.attempt(job_id).answer()

    def was_tried(self, job_id: str) -> bool:
        """Return whether everything that is known of a job now is kept, or cannot be while the store fails."""
        kept = job_id not in self._todo and job_id not in self._flight
        return kept or self.closed or self._problem is not None

    async def tried(self, job_id: str) -> None:
        """Return when that is so."""
        if not self.was_tried(job_id):
            await self.attempt(job_id).done()

    def attempt(self, job_id: str) -> Ticket[None]:
        """Return a ticket for that, of a job of which it is not so."""
        ticket = Ticket[None](self._kernel)
        (self._todo.get(job_id) or self._flight[job_id]).tickets.append(ticket)
        self._wake()
        return ticket

    async def run(self) -> None:
        """Write what there is to write, until it is stopped; a cancellation of this task changes nothing."""
        while not self._stopped:
            if not self._due:
                self._wanted = self._kernel.loop.signal()
                await self._wanted.wait_uninterrupted()
            self._due = False
            while self._has_more() and await self._write():
                if self._finals >= _COMPACT:
                    await self._compact()
            if self._idle is not None:
                self._due = False  # whoever closes it looks at what is left first
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
                await call(self._kernel, self._store.append, entries)
        except StoreError as error:
            return self._failed(error)
        self._flight, self._problem = {}, None
        self._finals += sum(entry.final for entry in entries)
        for item in flight.values():
            if item.pages is not None:
                item.pages.kept()
        for item in flight.values():
            for ticket in item.tickets:
                ticket.kept()
        return True

    def _entries(self, flight: dict[str, _Item]) -> list[Entry]:
        """Return what to write; of a job that cannot be encoded nothing, and who waits for it gets the error."""
        entries: list[Entry] = []
        for job_id, item in flight.items():
            try:
                entry = item.entry()
            except Exception as error:  # noqa: BLE001  # one job's bad value costs no other job its commit
                tell(logging.ERROR, "the journal of job %s cannot be written", job_id, error=error)
                problem, tickets, item.tickets = StoreError(repr(self._store), repr(error)), item.tickets, []
                for ticket in tickets:
                    ticket.lost(problem)
            else:
                if entry is not None:
                    entries.append(entry)
        return entries

    async def _compact(self) -> None:
        """Have the store give back the room of what it need not keep any longer."""
        self._finals = 0
        try:
            await call(self._kernel, self._store.compact)
        except StoreError as error:  # nothing is lost by that
            tell(logging.WARNING, "not compacted: %s", error)

    def _failed(self, problem: StoreError) -> bool:
        """Tell everyone who waits for the commit that failed, keep what nobody waits for, and try again later.

        Who has come meanwhile is told too, unless the next commit has it: return whether that is so, and it is due.
        """
        if self._problem is None:
            tell(logging.ERROR, "%s; what the running jobs do is written when it can be", problem)
        self._problem = problem
        flight, self._flight = self._flight, {}
        given_up: list[Ticket[Any]] = []
        for job_id, item in flight.items():
            given_up += item.give_up()
            later = self._todo.get(job_id)
            if later is not None:
                later.final = later.final or item.final
                later.tickets = [*item.tickets, *later.tickets]
        self._todo = {job_id: item for job_id, item in flight.items() if job_id not in self._todo} | self._todo
        for item in islice(self._todo.values(), _COMMIT, None):
            given_up += item.give_up()
        others = any(not ticket.patient for item in self._todo.values() for ticket in item.tickets)
        for ticket in given_up:
            ticket.lost(problem)
        if self._todo:
            self._linger()
        return others

    def drop(self, job: Job) -> None:
        """Forget a job of which nothing was kept."""
        self._todo.pop(job.id, None)

    async def close(self) -> StoreError | None:
        """Write the rest; return why that was not possible, or None."""
        tries = 2  # what is on its way now may fail, and is then tried once more
        while self._flight or (self._todo and tries > 0):
            self._idle = self._kernel.loop.signal()
            if not self._flight:
                self._wake()
            await self._idle.wait_uninterrupted()
            tries -= self._problem is not None
        self._idle = None
        if self._todo and self._problem is not None:
            tell(logging.ERROR, "the last changes of %d jobs could not be written: %s", len(self._todo), self._problem)
            for item in [*self._todo.values()]:
                for ticket in item.tickets:  # of those who would wait until the store is well again
                    ticket.lost(self._problem)
            return self._problem
        if self._finals:
            await self._compact()
            return await self.close()  # something may have changed meanwhile
        return None
