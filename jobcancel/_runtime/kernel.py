"""The inside of a scheduler: where submits, cancels and ends of jobs meet, each in one step without an await.

Everything here runs in the loop's thread. The public ``Scheduler`` awaits around it; the parts beside it (admission,
deliveries, keys, timers, the table of jobs) each do one thing and know of each other through it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import Context
from functools import partial
from math import inf
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

import anyio

from jobcancel._core.calls import Call
from jobcancel._core.decision import Cancellation, Outcome, Verdict, shutdown_request
from jobcancel._core.endings import Ending, Failure
from jobcancel._core.job import NO_ORIGIN, Origin
from jobcancel._core.packing import Settled
from jobcancel._core.policies import CancelCause
from jobcancel._core.registry import Registry
from jobcancel._core.states import Event
from jobcancel.abc import Clock
from jobcancel.errors import QueueFullError, UnknownKindError

from .admission import Admission
from .clock import Timers
from .delivery import Deliveries
from .job import Job
from .keys import Keys
from .log import tell
from .loops import Loop, Main, Signal
from .runner import run
from .stage import StageScope
from .table import JobTable

if TYPE_CHECKING:
    from .durable import DurableKernel

_NO_CONTEXT: Final = Context()
# Reading a member through its enum costs some 190 ns on CPython 3.11, a global 15; every job passes here.
_STARTED: Final = Event.STARTED
_CANCELING: Final = Outcome.CANCELING
_KEEPS_RESULT: Final = (Event.SUCCEEDED, Event.PARTIALLY_SUCCEEDED)


class Kernel:
    """The state of one scheduler.

    Attributes:
        registry: The kinds and compensations.
        app: What the host gave for its handlers.
        clock: Where time comes from.
        now: The monotonic clock's reading.
        timers: Timeouts, expiry, grace, retention.
        table: The jobs.
        deliveries: The cancels on their way.
        admission: Who waits, and who may start.
        keys: The idempotency keys.
        seq: The newest job's place in the order of submission.
        loop: The loop it runs on; set while it is entered.
        scope_type: anyio's cancel scope for that loop, looked up once: the look-up costs half of making one.
        event_type: anyio's event for that loop, likewise.
        thread: The identity of the loop's thread.
        limiter: How many threads run at once.
        stage_type: What a job enters its stages by.
        durable: Itself if it has a store, and None in memory.
        main: A job's task, from its first step to its last.
        tasks: How many jobs have a task that has not ended.
        closing: Whether a shutdown has begun.
        on_idle: Signals that are set when the last task has ended.
    """

    loop: Loop
    scope_type: type[anyio.CancelScope]
    event_type: type[anyio.Event]
    thread: int
    limiter: anyio.CapacityLimiter
    stage_type: type[StageScope] = StageScope
    durable: DurableKernel | None = None

    def __init__(
        self, registry: Registry, app: Any, max_running: int | None, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self.registry = registry
        self._new_id, self._time = new_id, clock.time
        self.app = app
        self.clock = clock
        self.now: Callable[[], float] = clock.monotonic
        self.timers: Timers = Timers(clock)
        self.table: JobTable = JobTable(self.timers)
        self.deliveries: Deliveries = Deliveries(self)
        self.admission: Admission = Admission(max_running)
        self.keys: Keys = Keys()
        self.seq: int = 0
        self.main: Main[Job] = run
        self.tasks: int = 0
        self.closing: bool = False
        self.on_idle: set[Signal] = set()

    def take_once(
        self, call: Call[Any], key: str, origin: Origin, timeout_s: float | None, undo: list[Any] | None
    ) -> tuple[Job | Settled | str, bool]:
        """Take a job with an idempotency key, or return the key's first job and False.

        Of a job that is past its retention only the id is returned.

        Raises:
            QueueFullError: Too many of the kind are waiting.
            IdempotencyConflictError: The key was used with other arguments.
        """
        now = self.now()
        first = self.keys.find(origin.owner, call, key, now)
        if first is not None:
            return (self.table.get(first) if first in self.table else first), False
        job = self.take(call, None, origin, timeout_s, undo)
        self.keys.remember(job, call, key, now)
        return job, True

    def check_thread(self, wanted: str) -> None:
        """Refuse another thread than the loop's: its own loop would not be woken, and this one not in time.

        Raises:
            RuntimeError: It is another.
        """
        if get_ident() != self.thread:
            raise RuntimeError(
                f"cannot {wanted} from another thread than that of the scheduler's loop; "
                "scheduler.from_thread has the same methods for other threads"
            )

    def check_kind(self, call: Call[Any]) -> None:
        """Refuse a call of another registry's kind; raises ``UnknownKindError``."""
        if call.kind.home is not self.registry:
            raise UnknownKindError(call.kind.name, tuple(kind.name for kind in self.registry), foreign=True)

    def take(
        self, call: Call[Any], parent: Job | None, origin: Origin, timeout_s: float | None, undo: list[Any] | None
    ) -> Job:
        """Take a new job and start it, or let it wait.

        Raises:
            UnknownKindError: The call is one of another registry's kinds.
            QueueFullError: Too many of the kind are waiting; nothing was taken.
        """
        self.check_kind(call)
        self.seq += 1
        job = Job(self, call, parent, self._new_id(), self.seq, self._time(), self.now(), origin, timeout_s, undo)
        self.table.add(job)
        try:
            starts = self.admission.admit(job)
        except QueueFullError:
            self.table.remove(job)
            raise
        if parent is not None:
            parent.adopt(job)
        if starts:
            self.start(job, job.created)
        else:
            self.expect(job)
        return job

    def expect(self, job: Job) -> None:
        """Let a job wait for its start, as long as its kind allows."""
        if job.spec.expires_s != inf:
            job.arm("expiry", self.timers.add(job.created + job.spec.expires_s, lambda: self._expire(job)))

    def stop(self, job: Job) -> None:
        """Stop a job for a shutdown."""
        self.cancel(job, shutdown_request())

    def cancel(self, job: Job, request: Cancellation) -> Verdict:
        """Decide a request and do what follows from it, in one step."""
        verdict = job.request_cancel(request, self.now())
        if verdict.outcome is _CANCELING:
            if job.started is None:
                self._doom(job, Ending.UNWOUND)
            else:
                self.deliveries.queue(job)
        elif verdict.outcome is Outcome.CANCELED:
            self.admission.withdraw(job)
            self._settled(job)
            self.let_go(job)
        return verdict

    def start(self, job: Job, now: float) -> None:
        """Start a job that has been admitted."""
        job.apply(_STARTED, now)
        if job.timers is not None:
            job.disarm()
        if job.timeout_s != inf:
            job.arm("timeout", self.timers.add(now + job.timeout_s, lambda: self._time_out(job)))
        self._spawn(job)

    def _spawn(self, job: Job) -> None:
        self.tasks += 1
        job.task = self.loop.spawn(self.main, job, job.context, job.id)

    def begin_again(self) -> None:
        """Start the jobs once more whose tasks were cancelled natively before their first step.

        asyncio runs nothing of such a task, so that nothing would settle its job. ``asyncio.run`` cancels all tasks
        like that, and so do hosts of their own accord.
        """
        for job in self.table.live.values():
            if job.task is not None:
                self.loop.when_ended(job.task, partial(self._begin_again, job))

    def _begin_again(self, job: Job) -> None:
        if job.task is not None:  # else it has run to its end, and was let go
            job.task = self.loop.spawn(self.main, job, job.context, job.id)

    def _doom(self, job: Job, ending: Ending) -> None:
        """End a job that waits and has compensations: its task runs them and nothing else, and takes no slot."""
        if job.doomed is None:
            self.admission.withdraw(job)
            job.disarm()  # it does not expire while it is undone
            self.doom(job, ending)

    def doom(self, job: Job, ending: Ending) -> None:
        """End a job whose code does not begin: its task runs its compensations and nothing else."""
        job.doomed = ending
        if job.context is _NO_CONTEXT:  # it ran, and was interrupted for its next attempt
            job.context = Context()
        self._spawn(job)

    def _time_out(self, job: Job) -> None:
        reason = f"timeout_s={job.timeout_s:g} is over"
        self.cancel(job, Cancellation(CancelCause.TIMEOUT, reason=reason))

    def _expire(self, job: Job) -> None:
        if job.undo and job.compensates(Event.FAILED):
            self._doom(job, Ending.EXPIRED)
        else:
            self.admission.withdraw(job)
            self.end(job, *job.ending(Ending.EXPIRED))
            self.let_go(job)

    def end(self, job: Job, event: Event, failure: Failure | None, value: Any = None) -> None:
        """Settle a job by ``event``, wake who waits, and tell its parent."""
        job.failure = failure
        if event in _KEEPS_RESULT:
            job.result = value
        job.apply(event, self._now_or(job.created if job.started is None else job.started))
        self._settled(job)

    def _now_or(self, earlier: float) -> float:
        """Return the time, or an earlier one while the host's clock raises: a job ends all the same."""
        try:
            return self.now()
        except Exception as error:  # noqa: BLE001  # the host's
            tell(logging.ERROR, "the clock has failed; a time is taken for another", error=error)
            return earlier

    def _settled(self, job: Job) -> None:
        if job.timers is not None:
            job.disarm()
        if job.origin is not NO_ORIGIN and job.origin.key is not None:
            self.keys.settled(job, job.origin.key)
        if job.waiters is not None or job.watchers is not None:
            job.wake()
        if job.parent is not None:
            self.child_gone(job.parent, job)

    def child_gone(self, parent: Job, child: Job) -> None:
        """Do what follows for a parent from a child that has settled, or was not taken after all."""
        parent.release(child)
        if not parent.children:
            if parent.on_children is not None:
                parent.on_children.set()
            if parent.cancel is not None and parent.cancel.delivered_at is not None:
                self.deliveries.count_grace(parent)

    def let_go(self, job: Job) -> None:
        """Let a settled job go whose code has ended: give back its slot, drop its code's objects, keep it packed."""
        try:
            if job.queue is not None:
                for next_job in self.admission.release(job):
                    self.start(next_job, self._now_or(next_job.created))
            job.code_ended = True
            job.call = job.scope = job.parent = None
            job.context = _NO_CONTEXT
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
            idle = self.loop.signal()
            self.on_idle.add(idle)
            await idle.wait_uninterrupted()
            self.on_idle.discard(idle)


def durable_kernel(*inside: Any) -> DurableKernel:
    """Return the inside of a scheduler with a store; who has none does not import what that takes."""
    from .durable import DurableKernel  # noqa: PLC0415

    return DurableKernel(*inside)
