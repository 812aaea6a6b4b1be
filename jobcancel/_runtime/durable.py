"""The inside of a scheduler with a store: what is answered is kept first.

A submit and a cancel are decided twice. The first decision costs nothing and changes nothing: it says whether there is
anything to keep. What it would lead to is kept, and then, in the step in which the commit is known, it is decided
again and applied. A failed commit has therefore nothing to take back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from jobcancel._core.arguments import described
from jobcancel._core.calls import Call
from jobcancel._core.decision import Verdict
from jobcancel._core.endings import Failure
from jobcancel._core.job import Origin
from jobcancel._core.journal import Entry
from jobcancel._core.packing import Packed, Settled
from jobcancel._core.plain import plain
from jobcancel._core.policies import OnRestart
from jobcancel._core.registry import Registry
from jobcancel._core.states import Event, JobState
from jobcancel.abc import Clock, Store
from jobcancel.errors import SchedulerClosedError, StoreError

from .admission import Admission
from .clock import Timers
from .closing import close
from .durable_cancel import cancel_durably
from .durable_job import DurableJob, durable
from .durable_keys import DurableKeys
from .durable_stage import DurableStage
from .durable_table import DurableTable
from .failure import interrupts
from .job import Job
from .journal import Journal
from .kernel import Kernel
from .keys import Keys
from .log import say
from .recovery import load
from .stage import StageScope
from .table import JobTable
from .threads import StoreThread
from .ticket import Ticket


class DurableKernel(Kernel):
    """The state of one scheduler with a store, where its ``journal`` is kept."""

    seq: int

    stage_type: type[StageScope] = DurableStage

    def __init__(
        self,
        registry: Registry,
        app: Any,
        max_running: int | None,
        clock: Clock,
        new_id: Callable[[], str],
        store: Store,
    ) -> None:
        super().__init__(registry, app, max_running, clock, new_id)
        self.durable: DurableKernel | None = self
        self.store: Store = store
        self._max_running = max_running
        self._reset()

    def begin_anew(self) -> None:
        """Forget everything: the store knows it all. To be called in the loop."""
        self._reset()
        self.store_thread: StoreThread = StoreThread(self.loop)

    def _reset(self) -> None:
        self.timers: Timers = Timers(self.clock)
        self.table: JobTable = DurableTable(self.timers, self._forget)
        self.journal: Journal = Journal(self, self.store)
        self.admission: Admission = Admission(self._max_running)
        self._kept_keys = DurableKeys(self._key_gone)
        self.keys: Keys = self._kept_keys
        self._limbo: set[str] = set()
        self.closing: bool = False

    async def load(self) -> None:
        """Open the store and let its jobs go on; see ``recovery``."""
        await load(self)

    async def close(self) -> StoreError | None:
        """Write what is left and let the store go; see ``closing``."""
        return await close(self)

    async def cancel_all(
        self, jobs: Iterable[Job | Settled], by: str | None, reason: str | None, *, defer: bool, force: bool
    ) -> dict[str, Verdict]:
        """Let a user ask for the cancel of jobs; see ``durable_cancel``."""
        return await cancel_durably(self, jobs, by, reason, defer=defer, force=force)

    async def submit_once(
        self, call: Call[Any], key: str, origin: Origin, timeout_s: float | None, undo: list[Any] | None
    ) -> tuple[str, bool]:
        """Take a job with an idempotency key, or find the key's first one; return its id, and whether it is new.

        It returns when that is kept.

        Raises:
            UnknownKindError: The call is one of another registry's kinds.
            QueueFullError: Too many of the kind are waiting; nothing was taken.
            IdempotencyConflictError: The key was used with other arguments.
            TypeError: An argument is no plain data.
            StoreError: It was not kept; nothing was taken.
            SchedulerClosedError: The scheduler was left while the key's first submit was on its way.
        """
        call = call.plainly()
        while (first := self.keys.find(origin.owner, call, key, self.now())) is not None:
            if first not in self._limbo:
                return first, False
            await self.journal.attempt(first).done()  # if that submit fails, the key is free again
        job = await self.reserve(call, None, origin, timeout_s, undo).answer()
        return job.id, True

    def reserve(
        self,
        call: Call[Any],
        parent: Job | None,
        origin: Origin,
        timeout_s: float | None,
        undo: list[Any] | None,
        *,
        in_batch: bool = False,
    ) -> Ticket[DurableJob]:
        """Take a new job into limbo: it has its place and its key, and neither starts nor is seen before it is kept.

        Args:
            call: With plain arguments.
            parent: The job that submits it, or None.
            origin: What is said of it.
            timeout_s: Seconds it may run, or None for its kind's.
            undo: Its first compensations, or None.
            in_batch: Whether it counts in its parent's progress.

        Raises:
            UnknownKindError: The call is one of another registry's kinds.
            QueueFullError: Too many of the kind are waiting; nothing was taken.
            SchedulerClosedError: The store was closed while the caller waited for the key's first submit.
        """
        if self.journal.closed:
            raise SchedulerClosedError("submit")
        self.check_kind(call)
        self.seq += 1
        job = DurableJob(
            self, call, parent, self._new_id(), self.seq, self._time(), self.now(), origin, timeout_s, undo
        )
        if job.id in self.table or job.id in self._limbo:
            raise ValueError(f"the id factory gave {job.id!r} twice; ids must be unique")
        job.in_batch = in_batch
        job.limbo, job.admitted = True, self.admission.admit(job)
        if origin.key is not None:
            self.keys.remember(job, call, origin.key, job.created)
        job.keep(self.journal, call.args, call.kwargs)
        job.pages.starting = job.admitted
        self._limbo.add(job.id)
        if parent is not None:
            parent.adopt(job)  # at once: the parent does not settle while it is on its way
        return self.journal.promise(job.pages, Submitted(self, job))

    def taken(self, job: Job) -> None:
        """Let a job that is kept out of limbo."""
        self._limbo.remove(job.id)
        durable(job).limbo = False
        self.table.add(job)
        parent = job.parent
        if parent is not None and job.in_batch:
            parent.enlist(job)  # now: it may settle before its parent's code hears of it
        if parent is not None and durable(job).unwanted:
            self._leave_line(job)
            job.cancel_for(parent)
        elif parent is None and self.closing:
            self._leave_pending(durable(job))
        elif durable(job).admitted:
            self.start(job, self.now())
        else:
            self.expect(job)

    def _leave_line(self, job: Job) -> None:
        """Take a job that has not begun out of its line, or give back the slot that it got."""
        if job.queue is not None and job in job.queue.holders:
            for next_job in self.admission.release(job):
                self.start(next_job, self.now())
        else:
            self.admission.withdraw(job)

    def dropped(self, job: Job) -> None:
        """Take back the place and the key of a job that was not kept."""
        self._limbo.remove(job.id)
        self.journal.drop(job)
        if job.origin.key is not None:
            self.keys.drop(job, job.origin.key)
        self._leave_line(job)
        if job.parent is not None:
            self.child_gone(job.parent, job)

    def start(self, job: Job, now: float) -> None:
        """Start a job that has its slot; one whose submit is not committed yet starts with the commit."""
        if durable(job).limbo:
            durable(job).admitted = True
        else:
            super().start(job, now)

    def _leave_pending(self, job: DurableJob) -> None:
        """Leave a job that the next start will run; who waits for it here waits no longer."""
        if job.pages.starting:
            job.pages.starting = False
            self.journal.write(job.pages)
        self._leave_line(job)  # its slot may be what a child waits for
        job.part()

    def stop(self, job: Job) -> None:
        """Stop a job for a shutdown: what waits goes on waiting, and what can be run again is interrupted."""
        if job.state is JobState.PENDING:
            self._leave_pending(durable(job))
            return
        if job.spec.on_restart is OnRestart.RERUN and job.cancel is None and not durable(job).committed:
            durable(job).stop()
        else:
            super().stop(job)

    def end(self, job: Job, event: Event, failure: Failure | None, value: Any = None) -> None:
        """Settle a job, or make it wait for its next attempt."""
        if event is Event.INTERRUPTED:
            job.apply(event, self.now())
        else:
            super().end(job, event, failure, value)

    def let_go(self, job: Job) -> None:
        """Let a job go whose code has ended: what the journal says of it is final, unless another attempt follows."""
        if job.settled is None:
            durable(job).part()
        else:
            self.journal.replace(self._final(durable(job)))
        super().let_go(job)

    def _final(self, job: DurableJob) -> Entry:
        try:
            result = plain(job.result, "result")
        except (TypeError, ValueError, RecursionError, KeyboardInterrupt) as error:
            job.interrupted, result = job.interrupted or interrupts(error), None
            job.log().append(("result_not_kept", self.now(), None, "noted", {"repr": described(job.result)}))
            say(logging.WARNING, job, "has a result that is no plain data: a restart will not know it")
        return job.pages.final(result, self._kept_keys.arguments_of(job.id, job.facts, job.origin.key, self.now()))

    def _forget(self, job_id: str, packed: Packed) -> None:
        """Have a job forgotten whose retention is over; its key, if it has one, is kept as long as was promised."""
        self.journal.replace(Entry(job_id, self._kept_keys.remains(Settled(job_id, packed), self.now()), final=True))

    def _key_gone(self, job_id: str) -> None:
        if job_id not in self.table and job_id not in self._limbo:
            self.journal.replace(Entry(job_id, None, final=True))


class Submitted(Ticket[DurableJob]):
    """Somebody waits for a job to be taken."""

    __slots__ = ("_job", "_taker")

    def __init__(self, kernel: DurableKernel, job: DurableJob) -> None:
        super().__init__(kernel)
        self._taker, self._job = kernel, job

    def apply(self) -> DurableJob:
        """Take it."""
        self._taker.taken(self._job)
        return self._job

    def give_up(self) -> None:
        """Take back what it had."""
        self._taker.dropped(self._job)
