"""The dispatcher: where submits, cancels and ends of jobs meet, each in one step without an await.

Everything here runs in the loop's thread. The parts beside it (admission, deliveries, keys, timers, the table of jobs,
the journal) do one thing each and call each other only through it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextvars import Context
from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio

from jobcancel._core.calls import Call
from jobcancel._core.decision import Cancellation, Outcome, Verdict, shutdown_request
from jobcancel._core.endings import Ending, Failure
from jobcancel._core.job import NO_ORIGIN, Origin
from jobcancel._core.packing import Packed, Settled
from jobcancel._core.policies import CancelCause
from jobcancel._core.registry import Registry
from jobcancel._core.states import Event
from jobcancel.abc import Clock
from jobcancel.errors import SchedulerClosedError

from . import children
from .admission import Admission
from .clock import Timers
from .delivery import Deliveries
from .handle import Handle, user_request
from .idempotency import Keys
from .job import Job, Slot, check_thread
from .journal import Journal, NoJournal, Pending
from .log import log_scheduler
from .loops import Loop, Main, Wakeup
from .runner import run
from .table import JobTable

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Snapshot

R = TypeVar("R")

_NO_CONTEXT: Final = Context()
# Reading a member through its enum costs some 190 ns on CPython 3.11, a global 15; every job passes here.
_STARTED: Final = Event.STARTED
_CANCELING: Final = Outcome.CANCELING
_WAITING: Final = Slot.WAITING
_HAS_RESULT: Final = (Event.SUCCEEDED, Event.PARTIALLY_SUCCEEDED)


class Dispatcher:
    """The state of one scheduler, and the ``JobHost`` of its jobs.

    Attributes:
        registry: The kinds and compensations.
        app: The host's object for its handlers.
        clock: The source of time.
        now: Reads the monotonic clock, in seconds.
        timers: Timeouts, expiry, grace, retention.
        table: The jobs.
        deliveries: The cancels on their way to the jobs' code.
        deliver: Delivers an accepted cancel now.
        cancel_children: Requests a cancel of every unsettled child of a job; each child's own policy decides.
        admission: The queues of the kinds.
        keys: The idempotency keys.
        journal: The journal.
        seq: The newest job's place in the order of submission.
        loop: The loop it runs on; set while it is entered.
        scope_type: anyio's cancel scope for that loop, looked up once: the look-up costs half of making one.
        event_type: anyio's event for that loop, likewise.
        thread: The identity of the loop's thread.
        limiter: Limits the threads that run at once.
        main: The coroutine function of a job's task.
        tasks: How many jobs have a task that has not ended.
        closing: Whether a shutdown has begun.
        on_idle: Wakeups that are set when the last task has ended.
        uncommitted: Ids of reserved jobs whose submit is not committed; True if the job is to be canceled at once.
    """

    loop: Loop
    scope_type: type[anyio.CancelScope]
    event_type: type[anyio.Event]
    thread: int
    limiter: anyio.CapacityLimiter
    timers: Timers
    table: JobTable
    admission: Admission
    keys: Keys

    def __init__(
        self, registry: Registry, app: Any, max_running: int | None, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self.registry = registry
        self._new_id, self._time = new_id, clock.time
        self._max_running = max_running
        self.app = app
        self.clock = clock
        self.now: Callable[[], float] = clock.monotonic
        self.deliveries: Deliveries = Deliveries(self, self._cancel_child)
        self.deliver: Callable[[Job], None] = self.deliveries.deliver
        self.cancel_children: Callable[[Job], None] = self.deliveries.cancel_children
        self.seq: int = 0
        self.main: Main[Job] = run
        self.tasks: int = 0
        self.on_idle: set[Wakeup] = set()
        self.journal: Journal[Job] = NoJournal(self.enter, self.cancel)
        self.reset(Keys())

    def reset(self, keys: Keys, on_dropped: Callable[[str, Packed], None] | None = None) -> None:
        """Forget all jobs, and replace the keys by ``keys``; for ``on_dropped`` see ``JobTable``."""
        self.timers = Timers(self.clock)
        self.table = JobTable(self.timers, on_dropped)
        self.admission = Admission(self._max_running)
        self.keys = keys
        self.uncommitted: dict[str, bool] = {}
        self.closing: bool = False

    async def submit(self, call: Call[R], origin: Origin, timeout_s: float | None, undo: list[Any] | None) -> Handle[R]:
        """Submit a job, or find the first job of its idempotency key; return its handle when it is committed.

        Raises:
            IdempotencyConflictError: The key was used with other arguments.
            TypeError: An argument is no plain data, and there is a store.
            StoreError: The job could not be committed; nothing was submitted.
            UnknownKindError: The call is one of another registry's kinds.
            JobCancelError: See ``reserve``.
        """
        call = self.journal.plain_call(call)
        if origin.key is not None:
            first = await self._first_job_of_key(call, origin)
            if first is not None:
                return Handle(self, first, call.kind.name, False)
        self.registry.require_own(call)
        job = self.reserve(call, None, origin, timeout_s, undo)
        await self.journal.submit(job).answer()
        return Handle(self, self.reference(job), call.kind.name)

    async def _first_job_of_key(self, call: Call[Any], origin: Origin) -> Job | Settled | str | None:
        """Return the first job of a key, only its id if its retention is over, or None for a new key."""
        assert origin.key is not None  # noqa: S101  # for type checkers
        while (first := self.keys.find(origin.owner, call, origin.key, self.now())) is not None:
            if first not in self.uncommitted:
                return first if self.journal.commits else self.table.find(first) or first
            await self.journal.wait_attempt(first)  # if that submit fails, the key is free again
        return None

    def reference(self, job: Job) -> Job | str:
        """Return what a handle stores of a job: with a store, which knows the job after a restart too, the id alone."""
        return job.id if self.journal.commits else job

    def reserve(
        self,
        call: Call[Any],
        parent: Job | None,
        origin: Origin,
        timeout_s: float | None,
        undo: list[Any] | None,
        *,
        in_batch: bool = False,
    ) -> Job:
        """Return a new job that has its place in its kind's queue and its key, and is neither visible nor started.

        ``journal.submit`` has to follow. ``timeout_s`` None stands for the kind's; ``in_batch`` counts the job in its
        parent's progress.

        Raises:
            QueueFullError: Too many jobs of the kind are waiting; nothing was reserved.
            SchedulerClosedError: The store was closed while the caller waited for the key's first submit.
            ValueError: The host's id factory returned an id twice.
        """
        if self.journal.closed:
            raise SchedulerClosedError("submit")
        self.seq += 1
        job = Job(self, call, parent, self._new_id(), self.seq, self._time(), self.now(), origin, timeout_s, undo)
        if job.id in self.table or job.id in self.uncommitted:
            raise ValueError(f"the id factory gave {job.id!r} twice; ids must be unique")
        job.in_batch = in_batch
        self.admission.admit(job)
        if origin is not NO_ORIGIN and origin.key is not None:
            self.keys.remember(job, call, origin.key, job.created)
        if parent is not None:
            parent.adopt(job)  # at once: the parent does not settle before the submit is committed
        return job

    def enter(self, job: Job, now: float | None = None) -> None:
        """Make a reserved job visible, and start it if it may start; ``now`` is None for the time of its submit."""
        self._make_visible(job)
        if job.slot is _WAITING:
            self.expect(job)
        else:
            self.start(job, job.created if now is None else now)

    def enter_committed(self, job: Job) -> None:
        """Make a job visible whose submit is committed, and start it unless its end has been requested meanwhile."""
        cancel_requested, parent = self.uncommitted.pop(job.id), job.parent
        if not (self.closing if parent is None else cancel_requested):
            self.enter(job, self.now())
            return
        self._make_visible(job)
        if parent is None:
            self.journal.retain_for_restart(job)
        else:
            self.leave_queue(job)
            self._cancel_child(job, parent)

    def _make_visible(self, job: Job) -> None:
        self.table.add(job)
        if job.in_batch and job.parent is not None:
            job.parent.enlist(job)  # now: it may settle before its parent's code resumes

    def drop(self, job: Job) -> None:
        """Take back the place and the key of a reserved job whose commit failed."""
        del self.uncommitted[job.id]
        if job.origin.key is not None:
            self.keys.drop(job, job.origin.key)
        self.leave_queue(job)
        if job.parent is not None:
            self._child_gone(job.parent, job)

    def leave_queue(self, job: Job) -> None:
        """Take a job that has not begun out of its queue, or take back the slot that it got."""
        self.admission.withdraw(job)
        for next_job in self.admission.release(job):
            self.start(next_job, self.now())

    def expect(self, job: Job) -> None:
        """Let a job wait for its start, as long as its kind allows."""
        if job.spec.expires_s != inf:
            job.arm(self.timers.add(job.created + job.spec.expires_s, lambda: self._expire(job)))

    def _expire(self, job: Job) -> None:
        if job.undo and job.compensates(Event.FAILED):
            self._end_pending(job, Ending.EXPIRED)
        else:
            self.admission.withdraw(job)
            self.end(job, *job.ending(Ending.EXPIRED))
            self.retire(job)

    async def submit_child(self, parent: Job, call: Call[R], labels: dict[str, str] | None) -> Handle[R]:
        """Submit a child of a job; see ``children``."""
        return await children.submit_child(self, parent, call, labels)

    async def run_batch(
        self, parent: Job, calls: Iterable[Call[R]], labels: dict[str, str] | None
    ) -> list[Snapshot[R]]:
        """Submit children of a job and wait for them; see ``children``."""
        return await children.run_batch(self, parent, calls, labels)

    def start(self, job: Job, now: float) -> None:
        """Start a job that may start; an uncommitted one that got its slot starts when its submit is committed."""
        if self.uncommitted and job.id in self.uncommitted:
            return
        job.apply(_STARTED, now)
        if job.timers is not None:
            job.disarm()
        if job.timeout_s != inf:
            job.arm(self.timers.add(now + job.timeout_s, lambda: self._time_out(job)))
        self._spawn(job)

    def _spawn(self, job: Job) -> None:
        self.tasks += 1
        job.task = self.loop.spawn(self.main, job, job.context, job.id)

    def _end_pending(self, job: Job, ending: Ending) -> None:
        """End a job that waits and has compensations: its task runs them and nothing else, and takes no slot."""
        if job.ending_without_code is None:
            self.admission.withdraw(job)
            job.disarm()  # it does not expire while its compensations run
            self.end_without_code(job, ending)

    def end_without_code(self, job: Job, ending: Ending) -> None:
        """End a job whose code does not begin: its task runs its compensations and nothing else."""
        job.ending_without_code = ending
        if job.context is _NO_CONTEXT:  # it ran, and was interrupted for its next attempt
            job.context = Context()
        self._spawn(job)

    def _time_out(self, job: Job) -> None:
        reason = f"timeout_s={job.timeout_s:g} is over"
        self.cancel(job, Cancellation(CancelCause.TIMEOUT, reason=reason))

    async def request_cancels(
        self, jobs: Iterable[Job | Settled], by: str | None, reason: str | None, *, defer: bool, force: bool
    ) -> dict[str, Verdict]:
        """Return the verdicts on a user's cancel requests by job id, when they are committed.

        Raises:
            TypeError: ``by`` or ``reason`` is no string, or ``defer`` or ``force`` no bool.
            StoreError: A request could not be committed: nothing has changed in that job.
            SchedulerClosedError: A request would change something, and the store is closed.
        """
        asked = [(job.id, self._request(job, user_request(by, reason, defer=defer, force=force))) for job in jobs]
        return {job_id: await pending.answer() for job_id, pending in asked}

    def _request(self, job: Job | Settled, request: Cancellation) -> Pending[Verdict]:
        if isinstance(job, Job):
            check_thread(self, "cancel")
        return self.journal.request(job, request)

    def cancel(self, job: Job, request: Cancellation) -> Verdict:
        """Decide a request and apply the decision, in one step."""
        verdict = job.request_cancel(request, self.now())
        if verdict.outcome is _CANCELING:
            if job.started is None:
                self._end_pending(job, Ending.UNWOUND)
            else:
                self.deliveries.queue(job)
        elif verdict.outcome is Outcome.CANCELED:
            self.admission.withdraw(job)
            self._settled(job)
            self.retire(job)
        return verdict

    def _cancel_child(self, child: Job, parent: Job) -> None:
        """Request the cancel of a child because its parent's children are canceled; the child's policy decides."""
        if child.id in self.uncommitted:
            self.uncommitted[child.id] = True  # canceled when its submit is committed
        else:
            self.cancel(child, Cancellation(CancelCause.PARENT, by=parent.id))

    def stop(self, job: Job) -> None:
        """End a job for a shutdown, unless the next start resumes it."""
        if not self.journal.retain_for_restart(job):
            self.cancel(job, shutdown_request())

    def end(self, job: Job, event: Event, failure: Failure | None, value: Any = None) -> None:
        """Settle a job by ``event``, wake its waiters, and notify its parent; or make it wait for its next attempt."""
        if event is Event.INTERRUPTED:
            job.apply(event, self.now())
            return
        job.failure = failure
        if event in _HAS_RESULT:
            job.result = value
        job.apply(event, self._now_or(job.created if job.started is None else job.started))
        self._settled(job)

    def _now_or(self, earlier: float) -> float:
        """Return the time, or an earlier one while the host's clock raises: a job ends all the same."""
        try:
            return self.now()
        except Exception as error:  # noqa: BLE001  # the host's
            log_scheduler(logging.ERROR, "the clock has failed; an earlier time is used", error=error)
            return earlier

    def _settled(self, job: Job) -> None:
        if job.timers is not None:
            job.disarm()
        if job.origin is not NO_ORIGIN and job.origin.key is not None:
            self.keys.settled(job, job.origin.key)
        if job.waiters is not None or job.observers is not None:
            job.wake()
        if job.parent is not None:
            self._child_gone(job.parent, job)

    def _child_gone(self, parent: Job, child: Job) -> None:
        """Update a parent whose child has settled, or was not submitted after all."""
        parent.release(child)
        if not parent.children:
            if parent.children_settled is not None:
                parent.children_settled.set()
            if parent.cancel is not None and parent.cancel.delivered_at is not None:
                self.deliveries.start_grace(parent)

    def retire(self, job: Job) -> None:
        """Free what a job holds whose code has ended: its slot, its code's objects; pack it if it has settled."""
        try:
            self.journal.commit_end(job)
            for next_job in self.admission.release(job):
                self.start(next_job, self._now_or(next_job.created))
            job.code_ended = True
            job.call = job.scope = job.parent = None
            job.context = _NO_CONTEXT
            if job.settled is not None:
                self.table.settle(job)
        finally:
            if job.task is not None:
                job.task = None
                self.tasks -= 1
                if not self.tasks:
                    for idle in self.on_idle:
                        idle.set()

    async def idle(self) -> None:
        """Wait until no job has a task any more, whatever cancels the caller."""
        while self.tasks:
            idle = self.loop.wakeup()
            self.on_idle.add(idle)
            await idle.wait_uninterrupted()
            self.on_idle.discard(idle)

    def get(self, job_id: str, owner: str | None = None) -> Job | Settled:
        """Return a job, or raise ``JobNotFoundError``; see ``JobTable.get``."""
        return self.table.get(job_id, owner)
