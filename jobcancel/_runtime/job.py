"""A live job: the pure record and what the loop needs beside it."""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import anyio

from jobcancel._core.calls import Call
from jobcancel._core.decision import Cancellation
from jobcancel._core.endings import Ending
from jobcancel._core.job import JobRecord, Origin, ProgressRecord
from jobcancel._core.packing import Facts, Settled, facts_of
from jobcancel._core.policies import CancelCause
from jobcancel._core.states import JobState

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Snapshot

    from .admission import KindQueue
    from .clock import Timer
    from .kernel import Kernel
    from .watch import Listener


class Job(JobRecord):
    """A live job.

    Attributes:
        kernel: The scheduler's inside.
        call: The handler and its arguments; None once the code has ended.
        context: The submitter's context variables.
        parent: The job that submitted it, or None.
        children: Its unsettled children, in order; None until it has one.
        interrupted: Whether its code raised the ``KeyboardInterrupt`` that belongs to the host.
        in_batch: Whether it counts in its parent's progress.
        scope: The one scope around its code, entered when the code begins.
        task: What the loop knows its task by.
        queue: Its kind's queue while it waits for or holds a slot.
        doomed: Set if its code shall not begin: how it ends instead.
        timeout_s: Seconds it may run.
        timers: Its running timers by purpose, or None.
        polite: Scopes of ours that a force opens, or None.
        waiters: Who waits for its settlement, or None.
        watchers: Who hears of its changes, or None.
        on_children: Set when its last child has settled, if it waits for that.
        strain: The watchdog's last sample, or None.
        grace_ends: When its grace is over, until a timer is set for that.
    """

    progress: ProgressRecord | None
    children_canceled: int  # the record's, said again for checkers, since methods here set them
    heard: bool
    stopped: bool = False  # what these say only a durable job can be; it has slots for them
    parted: bool = False
    lost: str = ""

    __slots__ = (
        "call",
        "children",
        "context",
        "doomed",
        "grace_ends",
        "in_batch",
        "interrupted",
        "kernel",
        "on_children",
        "parent",
        "polite",
        "queue",
        "scope",
        "strain",
        "task",
        "timeout_s",
        "timers",
        "waiters",
        "watchers",
    )

    def __init__(
        self,
        kernel: Kernel,
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
        self.kernel: Kernel = kernel
        self.call: Call[Any] | None = call
        self.parent: Job | None = parent
        self.context: Context = copy_context()
        self.timeout_s: float = spec.timeout_s if timeout_s is None else timeout_s
        self.children: dict[str, Job] | None = None
        self.in_batch: bool = False
        self.interrupted: bool = False
        self.scope: anyio.CancelScope | None = None
        self.task: object = None
        self.queue: KindQueue | None = None
        self.doomed: Ending | None = None
        self.timers: dict[str, Timer] | None = None
        self.polite: set[anyio.CancelScope] | None = None
        self.waiters: dict[anyio.Event, None] | None = None
        self.watchers: dict[Listener, None] | None = None
        self.on_children: anyio.Event | None = None
        self.strain: int | None = None
        self.grace_ends: float | None = None

    @property
    def facts(self) -> Facts:
        """What it is searched by."""
        return facts_of(self)

    def adopt(self, child: Job) -> None:
        """Take a child that has been submitted."""
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
        """Forget a child that has settled, or that was not taken after all, and count how it ended."""
        if self.children is None or self.children.pop(child.id, None) is None or child.settled is None:
            return
        if child.state is JobState.CANCELED and self._has_stopped(child):
            self.children_canceled += 1
        if child.in_batch and self.progress is not None:
            self.progress.child_settled(child.state)
            if self.heard:
                self.changed()

    def _has_stopped(self, child: Job) -> bool:
        """Return whether a canceled child is canceled because of this job, or since this job's cancel was accepted.

        Whoever cancels both at once cancels the work of both, whichever request reaches the child.
        """
        by_parent = child.cancel is not None and child.cancel.cause is CancelCause.PARENT
        return by_parent or (self.cancel is not None and not self.cancel.held)

    def cancel_for(self, parent: Job) -> None:
        """Ask for a cancel because the parent's children are canceled; the policy of this job decides."""
        self.kernel.cancel(self, Cancellation(CancelCause.PARENT, by=parent.id))

    def changed(self) -> None:
        """Tell everyone who watches of a change."""
        for listener in self.watchers or ():
            listener.change()

    async def keep_undos(self) -> None:
        """Let the compensations be kept before they run; in memory there is nothing to do."""

    async def stop_first(self, wanted: str, *, stage: bool = True) -> None:
        """Let nothing new begin in an attempt that was stopped for the next one; in memory none is, and none asks.

        Raises:
            StageUnavailableError: The cancellation cannot be delivered here, under a shield of the job's own.
        """

    def arm(self, purpose: str, timer: Timer) -> None:
        """Keep a timer, so that it ends with the job."""
        if self.timers is None:
            self.timers = {}
        self.timers[purpose] = timer

    def disarm(self) -> None:
        """Cancel all its timers."""
        if self.timers is not None:
            for timer in self.timers.values():
                timer.cancel()
            self.timers = None

    def wake(self) -> None:
        """Wake everyone who waits for the settled job or watches it."""
        for event in self.waiters or ():
            event.set()
        self.changed()
        self.waiters = self.watchers = None


CURRENT: ContextVar[Job | None] = ContextVar("jobcancel_current_job", default=None)


def snapshot_of(job: Job | Settled) -> Snapshot[Any]:
    """Return what a job looks like now."""
    from jobcancel._core import view  # noqa: PLC0415  # its records take a third of the time that all the rest does

    return view.snapshot_of(job)
