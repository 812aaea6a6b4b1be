"""A live job: the pure record and what the loop needs beside it; and what a job asks of whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import Context, ContextVar, copy_context
from enum import Enum
from threading import get_ident
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio

from jobcancel._core.calls import Call
from jobcancel._core.context import JobHandle
from jobcancel._core.decision import Cancellation, Verdict
from jobcancel._core.endings import Ending, Failure
from jobcancel._core.job import JobRecord, Origin, ProgressRecord
from jobcancel._core.packing import Facts, Settled, facts_of
from jobcancel._core.policies import CancelCause
from jobcancel._core.registry import Registry
from jobcancel._core.states import Event, JobState

from .clock import Timer, Timers
from .journal import IN_MEMORY, Journal, Persistence
from .loops import Loop

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Snapshot

R = TypeVar("R")


class JobHost(Protocol):
    """What runs jobs, as the parts of a running job know it: the scheduler's dispatcher, or an engine.

    Attributes:
        app: The host's object for its handlers.
        registry: The kinds and compensations.
        now: Reads the monotonic clock, in seconds.
        timers: Timers on that clock.
        loop: The event loop.
        thread: The identity of the loop's thread.
        limiter: Limits the threads that run at once.
        scope_type: anyio's cancel scope for the loop, looked up once: the look-up costs half of making one.
        event_type: anyio's event for the loop, likewise.
        journal: The journal.
        deliver: Delivers an accepted cancel to the job's code now.
        cancel_children: Requests a cancel of every unsettled child; each child's own policy decides.
    """

    app: Any
    registry: Registry
    now: Callable[[], float]
    timers: Timers
    loop: Loop
    thread: int
    limiter: anyio.CapacityLimiter
    scope_type: type[anyio.CancelScope]
    event_type: type[anyio.Event]
    journal: Journal[Job]
    deliver: Callable[[Job], None]
    cancel_children: Callable[[Job], None]

    def get(self, job_id: str, owner: str | None = None) -> Job | Settled:
        """Return a job, or raise ``JobNotFoundError``."""
        ...

    def cancel(self, job: Job, request: Cancellation) -> Verdict:
        """Decide a request and apply the decision, in one step."""
        ...

    async def request_cancels(
        self, jobs: Iterable[Job | Settled], by: str | None, reason: str | None, *, defer: bool, force: bool
    ) -> dict[str, Verdict]:
        """Return the verdicts on a user's cancel requests, by job id."""
        ...

    async def submit_child(self, parent: Job, call: Call[R], labels: dict[str, str] | None) -> JobHandle[R]:
        """Submit a child of a job."""
        ...

    async def run_batch(
        self, parent: Job, calls: Iterable[Call[R]], labels: dict[str, str] | None
    ) -> list[Snapshot[R]]:
        """Submit children of a job, all or none, and wait for all of them."""
        ...

    def end(self, job: Job, event: Event, failure: Failure | None, value: Any = None) -> None:
        """Settle a job by ``event``, or make it wait for its next attempt."""
        ...

    def retire(self, job: Job) -> None:
        """Free what a job holds whose code has ended."""
        ...


class JobObserver(Protocol):
    """An object that is notified of one job's changes."""

    def changed(self) -> None:
        """Take note of a change, in the step that makes it. Must not attach or detach an observer."""
        ...


class Slot(Enum):
    """Where a job stands in its kind's queue."""

    NONE = "not queued: the kind has no limit, or the job is out of the queue"
    WAITING = "waits for a slot"
    HELD = "has a slot"


class Job(JobRecord):
    """A live job.

    Attributes:
        host: What runs the job.
        call: The handler and its arguments; None once the code has ended.
        context: The submitter's context variables.
        parent: The job that submitted it, or None.
        children: Its unsettled children by id, in order; None until it has one.
        in_batch: Whether it counts in its parent's progress.
        scope: The one scope around its code, entered when the code begins.
        task: The loop's object for its task.
        slot: Where it stands in its kind's queue.
        ending_without_code: Set if its code must not begin: how the job ends instead.
        timeout_s: Seconds it may run.
        timers: Its timers, or None.
        polite_scopes: The library's own scopes that a force opens, or None.
        waiters: The events of the tasks that wait for its settlement, or None.
        observers: The observers of its changes, or None.
        children_settled: Set when its last child has settled, while the job waits for that.
        cancel_count: How often its task was cancelled at the watchdog's last sample, or None.
        grace_ends: When its grace is over, until a timer is set for that.
        persistence: What it persists beside its record.
    """

    progress: ProgressRecord | None
    children_canceled: int  # the record's, declared again for type checkers, since methods here set them

    __slots__ = (
        "call",
        "cancel_count",
        "children",
        "children_settled",
        "context",
        "ending_without_code",
        "grace_ends",
        "host",
        "in_batch",
        "observers",
        "parent",
        "persistence",
        "polite_scopes",
        "scope",
        "slot",
        "task",
        "timeout_s",
        "timers",
        "waiters",
    )

    def __init__(
        self,
        host: JobHost,
        call: Call[Any],
        parent: Job | None,
        job_id: str,
        seq: int,
        created_at: float,
        created: float,
        origin: Origin,
        timeout_s: float | None,
        undo: list[Any] | None,
    ) -> None:
        spec = call.kind.spec
        JobRecord.__init__(self, job_id, seq, spec, created_at, created, origin, undo)
        self.host: JobHost = host
        self.call: Call[Any] | None = call
        self.parent: Job | None = parent
        self.context: Context = copy_context()
        self.timeout_s: float = spec.timeout_s if timeout_s is None else timeout_s
        self.children: dict[str, Job] | None = None
        self.in_batch: bool = False
        self.scope: anyio.CancelScope | None = None
        self.task: object = None
        self.slot: Slot = _NONE
        self.ending_without_code: Ending | None = None
        self.timers: list[Timer] | None = None
        self.polite_scopes: set[anyio.CancelScope] | None = None
        self.waiters: dict[anyio.Event, None] | None = None
        self.observers: dict[JobObserver, None] | None = None
        self.children_settled: anyio.Event | None = None
        self.cancel_count: int | None = None
        self.grace_ends: float | None = None
        self.persistence: Persistence = IN_MEMORY

    @property
    def facts(self) -> Facts:
        """What jobs are searched by."""
        return facts_of(self)

    def adopt(self, child: Job) -> None:
        """Add a child that has been submitted."""
        if self.children is None:
            self.children = {}
        self.children[child.id] = child

    def enlist(self, child: Job) -> None:
        """Count a child in the progress, as one of a batch."""
        child.in_batch = True
        if self.progress is None:
            self.progress = ProgressRecord()
        self.progress.children.append(child.id)

    def release(self, child: Job) -> None:
        """Remove a child that has settled, or that was not submitted after all, and count how it ended."""
        if self.children is None or self.children.pop(child.id, None) is None or child.settled is None:
            return
        if child.state is JobState.CANCELED and self._has_stopped(child):
            self.children_canceled += 1
        if child.in_batch and self.progress is not None:
            self.progress.child_settled(child.state)
            if self.observed:
                self.changed()

    def _has_stopped(self, child: Job) -> bool:
        """Return whether a canceled child is canceled because of this job, or since this job's cancel was accepted.

        A host that cancels parent and child at once cancels the work of both, whichever request reaches the child. A
        child of an earlier attempt says nothing about this one.
        """
        if child.persistence.from_earlier_attempt:
            return False
        by_parent = child.cancel is not None and child.cancel.cause is CancelCause.PARENT
        return by_parent or (self.cancel is not None and not self.cancel.held)

    def changed(self) -> None:
        """Write a change to the journal, and notify the observers."""
        self.persistence.changed()
        for observer in self.observers or ():
            observer.changed()

    def attach(self, observer: JobObserver) -> None:
        """Notify an observer of every change from now on, until the job has settled."""
        if self.observers is None:
            self.observers = {}
            self.observed = True
        self.observers[observer] = None

    def detach(self, observer: JobObserver) -> None:
        """Notify an observer no longer; no effect if the job has settled."""
        if self.observers is not None:
            self.observers.pop(observer, None)

    def arm(self, timer: Timer) -> None:
        """Keep a timer, so that it is cancelled when the job ends."""
        if self.timers is None:
            self.timers = []
        self.timers.append(timer)

    def disarm(self) -> None:
        """Cancel all its timers."""
        if self.timers is not None:
            for timer in self.timers:
                timer.cancel()
            self.timers = None

    def wake(self) -> None:
        """Wake every task that waits for the settled or detached job, and notify its observers for the last time."""
        for event in self.waiters or ():
            event.set()
        self.changed()
        self.waiters = self.observers = None


# Reading a member through its enum costs some 190 ns on CPython 3.11, a global 15; every job passes here.
_NONE = Slot.NONE

CURRENT: ContextVar[Job | None] = ContextVar("jobcancel_current_job", default=None)


def snapshot_of(job: Job | Settled) -> Snapshot[Any]:
    """Return what a job looks like now."""
    # At the first call: importing the records takes a third of the time that all other imports take.
    from jobcancel._core.view import snapshot_of as view_of  # noqa: PLC0415

    return view_of(job)


def check_thread(host: JobHost, wanted: str) -> None:
    """Refuse another thread than the loop's: its own loop would not be woken, and this one not in time.

    Raises:
        RuntimeError: It is another.
    """
    if get_ident() != host.thread:
        raise RuntimeError(
            f"cannot {wanted} from another thread than that of the scheduler's loop; "
            "scheduler.from_thread has the same methods for other threads"
        )
