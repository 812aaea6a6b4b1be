"""The journal of a scheduler with a store: commit, then apply.

A submit and a cancel are decided twice. The first decision changes nothing: it finds out whether there is anything to
commit. Its possible result is committed, and then, in the step in which the commit is known, it is decided again and
applied. After a failed commit nothing has to be taken back.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final, TypeVar

from jobcancel._core.arguments import safe_repr
from jobcancel._core.calls import Call
from jobcancel._core.decision import Cancellation, Outcome, Verdict
from jobcancel._core.journal import Entry
from jobcancel._core.packing import Packed, Settled
from jobcancel._core.plain import plain
from jobcancel._core.policies import OnRestart
from jobcancel._core.states import JobState
from jobcancel.abc import Store
from jobcancel.errors import SchedulerClosedError, StoreError

from .dispatcher import Dispatcher
from .exceptions import interrupts
from .idempotency import Keys, plain_arguments
from .job import CURRENT, Job, Slot
from .job_persistence import JobPersistence, persistence_of
from .journal import Applied, Pending
from .journal_writer import JournalWriter, PendingCommit
from .log import log_job
from .recovery import Recovered, resume
from .threads import StoreThread

T = TypeVar("T")

_LATER: Final = (Outcome.CANCELING, Outcome.DEFERRED)  # the job goes on until the cancel reaches its code
_CHANGES: Final = (Outcome.CANCELED, *_LATER)


class DurableJournal:
    """Commits the submits, cancels and ends of one scheduler's jobs to a store; see ``Journal``.

    Args:
        dispatcher: The scheduler's dispatcher.
        store: The store.
    """

    commits: bool = True

    def __init__(self, dispatcher: Dispatcher, store: Store) -> None:
        self._dispatcher, self._store = dispatcher, store
        self._writer: JournalWriter | None = None
        self._open = False  # the store

    @property
    def writer(self) -> JournalWriter:
        """Writes the entries; there is one from the first ``begin`` on."""
        assert self._writer is not None  # noqa: S101  # for type checkers
        return self._writer

    @property
    def closed(self) -> bool:
        """Whether nothing is written any more."""
        return self.writer.closed

    def begin(self) -> None:
        """See ``Journal``: all jobs are cleared; ``load`` gets them from the store."""
        self._dispatcher.reset(Keys(plain_arguments, self._forget_key), self._forget)
        self._thread = StoreThread(self._dispatcher.loop)
        self._writer = JournalWriter(self._dispatcher, self._store, self._thread)

    async def run(self) -> None:
        """See ``Journal``."""
        await self.writer.run()

    async def load(self) -> None:
        """See ``Journal``."""
        dispatcher, store = self._dispatcher, self._store
        await self._thread.run(store.open)
        try:
            recovered = Recovered(dispatcher.registry, dispatcher.now() - dispatcher.clock.time())
            await self._thread.run(lambda: recovered.read(store.read()))
            resume(dispatcher, self.writer, recovered)
        except BaseException:
            await self._thread.run(store.close)
            raise
        self._open = True

    async def close(self) -> StoreError | None:
        """See ``Journal``: no job has a task left, and none can have changes afterwards."""
        if not self._open:
            return None
        self._open = False
        while True:
            problem = await self.writer.close()
            if not self._dispatcher.tasks:
                break
            await self._dispatcher.idle()  # a cancel that came last has compensations to run
        self.writer.closed = True
        for job in self._dispatcher.table.live.values():
            persistence_of(job).detach()
        try:
            await self.writer.call(self._store.close)
        except StoreError as error:
            problem = problem or error
        return problem

    def stop(self) -> None:
        """See ``Journal``."""
        self.writer.stop()
        self._thread.close()

    def plain_call(self, call: Call[T]) -> Call[T]:
        """See ``Journal``."""
        return call.with_plain_arguments()

    def submit(self, job: Job) -> Pending[None]:
        """See ``Journal``."""
        dispatcher = self._dispatcher
        assert job.call is not None  # noqa: S101  # for type checkers: it is new
        persistence = JobPersistence(job, self.writer, job.call.args, job.call.kwargs)
        persistence.starting = job.slot is not Slot.WAITING
        job.persistence, job.observed = persistence, True
        dispatcher.uncommitted[job.id] = False

        def apply() -> None:
            dispatcher.enter_committed(job)

        def give_up() -> None:
            self.writer.drop(job.id)
            dispatcher.drop(job)

        return self.writer.commit(persistence, apply, give_up)

    def request(self, job: Job | Settled, request: Cancellation) -> Pending[Verdict]:
        """See ``Journal``."""
        verdict = job.verdict(request)
        if isinstance(job, Settled) or verdict.outcome not in _CHANGES:
            return PendingVerdict(self, job, Applied(verdict), changes=False)
        if self.closed:
            raise SchedulerClosedError("cancel")
        persistence = persistence_of(job)
        persistence.add_request(request)

        def apply() -> Verdict:
            persistence.remove_request(request)
            self.writer.write(persistence)
            return self._dispatcher.cancel(job, request)

        commit = self.writer.commit(persistence, apply, lambda: persistence.remove_request(request))
        return PendingVerdict(self, job, commit, changes=True)

    def retain_for_restart(self, job: Job) -> bool:
        """See ``Journal``: a waiting job goes on waiting, and a job that can run again is interrupted."""
        persistence = persistence_of(job)
        if job.state is JobState.PENDING:
            if persistence.starting:
                persistence.starting = False
                self.writer.write(persistence)
            self._dispatcher.leave_queue(job)  # a child may wait for its slot
            persistence.detach()
            return True
        if job.spec.on_restart is OnRestart.RERUN and job.cancel is None and not persistence.committed_stage:
            persistence.stop()
            return True
        return False

    def commit_end(self, job: Job) -> None:
        """See ``Journal``: the job's final entry replaces all others, unless another attempt follows."""
        if job.settled is None:
            persistence_of(job).detach()
        else:
            self.writer.replace(self._final(job))

    def _final(self, job: Job) -> Entry:
        now = self._dispatcher.now()
        try:
            result = plain(job.result, "result")
        except (TypeError, ValueError, RecursionError, KeyboardInterrupt) as error:
            job.interrupted, result = job.interrupted or interrupts(error), None
            job.log().append(("result_not_kept", now, None, "noted", {"repr": safe_repr(job.result)}))
            log_job(logging.WARNING, job, "has a result that is no plain data: after a restart it is gone")
        return persistence_of(job).final(result, self._dispatcher.keys.arguments_of(job, now))

    def _forget(self, job_id: str, packed: Packed) -> None:
        """Forget a settled job whose retention is over; its key, if it has one, stays as long as was promised."""
        tombstone = self._dispatcher.keys.tombstone(Settled(job_id, packed), self._dispatcher.now())
        self.writer.replace(Entry(job_id, tombstone, final=True))

    def _forget_key(self, job_id: str) -> None:
        if job_id not in self._dispatcher.table and job_id not in self._dispatcher.uncommitted:
            self.writer.replace(Entry(job_id, None, final=True))

    def is_current(self, job_id: str) -> bool:
        """See ``Journal``."""
        return self.writer.is_current(job_id)

    async def wait_current(self, job_id: str) -> None:
        """See ``Journal``."""
        if not self.is_current(job_id):
            await self.wait_attempt(job_id)

    async def wait_attempt(self, job_id: str) -> None:
        """See ``Journal``."""
        await self.writer.next_commit(job_id).done()


class PendingVerdict:
    """A verdict that has to be committed first; see ``Pending``.

    Args:
        journal: The scheduler's journal.
        job: The job.
        decided: The decision, perhaps after a commit.
        changes: Whether there is such a commit.
    """

    def __init__(
        self,
        journal: DurableJournal,
        job: Job | Settled,
        decided: Applied[Verdict] | PendingCommit[Verdict],
        *,
        changes: bool,
    ) -> None:
        self._journal, self._job, self._decided, self._changes = journal, job, decided, changes

    async def answer(self) -> Verdict:
        """Return the verdict when it is committed, with the compensations that were registered before it."""
        job, writer = self._job, self._journal.writer
        verdict = await self._decided.answer()
        current = CURRENT.get()
        if current is not None and current is job and verdict.outcome is Outcome.CANCELING:
            current.host.deliver(
                current
            )  # a job that cancels itself: its next checkpoint may come before the loop's turn
        if not self._changes or verdict.outcome not in _CHANGES:
            await writer.commit_all(job.id)
        while self._changes and self._has_new_undos(verdict):
            with suppress(StoreError):  # the cancel is applied: no error is due
                await writer.next_commit(job.id).answer()
        return verdict

    def _has_new_undos(self, verdict: Verdict) -> bool:
        """Return whether the job has registered compensations that must be committed before its cancel is answered.

        The job goes on, and may have ended by now. Another process would decide the request again, and undo only
        the compensations in the journal.
        """
        job = self._job
        if verdict.outcome not in _LATER or self._journal.is_current(job.id) or not isinstance(job, Job):
            return False
        return not persistence_of(job).undos_committed
