"""A job as the running process knows it: one mutable record, sans I/O.

What may live in this file: what changes in a job, and ``apply``, the one method that changes its state. The journal,
the history and observers attach to it and nowhere else. Times are arguments, in seconds on a monotonic clock.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

from attrs import define, field

from .compensations import number
from .decision import Cancellation, Outcome, Verdict, decide_cancel
from .endings import MESSAGES, Ending, Failure, decide_ending
from .errors import IllegalTransitionError, StageActiveError, StageUnavailableError
from .policies import OnCancel
from .specs import KindSpec, Stage
from .states import TERMINAL, Event, JobState, next_state


class Origin(NamedTuple):
    """What a job was submitted with, beside its call.

    Attributes:
        owner: Its owner, or None.
        labels: Its labels, strings by string, or None for none.
        key: Its idempotency key, or None.
        parent_id: Its parent's id, or None.
    """

    owner: str | None = None
    labels: dict[str, str] | None = None
    key: str | None = None
    parent_id: str | None = None


NO_ORIGIN: Final = Origin()  # most jobs share it


class Release(Enum):
    """What happens to a held cancel when a stage ends."""

    NOTHING = "nothing is held"
    DELIVER = "deliver it, raise nothing here"
    RAISE = "deliver it and raise it here"


# step, at, duration in seconds, status, details; ``HistoryEntry`` is its view
RawEntry: TypeAlias = tuple[str, float, float | None, str, "dict[str, Any] | None"]


def implied_history(
    state: JobState,
    started: float | None,
    settled: float | None,
    requested: float | None = None,
    delivered: float | None = None,
) -> list[RawEntry]:
    """Return the history of a job that has only started, been canceled and ended.

    Args:
        state: Its state.
        started: When it left the queue, or None.
        settled: When it settled, or None.
        requested: When its cancel was accepted, or None.
        delivered: When that cancel reached its code, or None.
    """
    history: list[RawEntry] = []
    if started is not None:
        history.append(("started", started, None, "running", None))
    if requested is not None:
        history.append(("cancel_accepted", requested, None, "canceling", None))
    if delivered is not None:
        history.append(("delivered", delivered, None, "noted", None))
    if settled is not None:
        ending = "unwound" if state is JobState.CANCELED else state._value_
        history.append((ending, settled, None, state._value_, None))
    return history


# The events that ``implied_history`` tells of: a job with no others keeps no history.
IMPLIED: Final = frozenset(
    {
        Event.STARTED,
        Event.CANCEL_ACCEPTED,
        Event.UNWOUND,
        Event.SUCCEEDED,
        Event.PARTIALLY_SUCCEEDED,
        Event.FAILED,
    }
)


@define(eq=False, weakref_slot=False)
class ProgressRecord:
    """The progress of a running job; ``Progress`` is its view.

    Attributes:
        done: Units done, or None if the job has reported none.
        total: Units in all, or None.
        message: One line for a person, or None.
        children: The ids of its batches' children, in the order of the calls.
        succeeded: How many of them have succeeded or partially succeeded.
        failed: How many have failed.
        canceled: How many were canceled.
    """

    done: float | None = None
    total: float | None = None
    message: str | None = None
    children: list[str] = field(factory=list[str])
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0

    def child_settled(self, state: JobState) -> None:
        """Count a child of a batch that settled in ``state``."""
        if state is JobState.FAILED:
            self.failed += 1
        elif state is JobState.CANCELED:
            self.canceled += 1
        else:
            self.succeeded += 1

    def plain(self) -> tuple[Any, ...]:
        """Return the fields as plain data."""
        return (
            self.done,
            self.total,
            self.message,
            tuple(self.children),
            self.succeeded,
            self.failed,
            self.canceled,
        )


# Reading a member through its enum costs some 190 ns on CPython 3.11, a global 15; every job passes here.
_PENDING: Final = JobState.PENDING
_STARTED: Final = Event.STARTED
_WITHDRAWN: Final = Event.WITHDRAWN
_CANCELING: Final = Outcome.CANCELING
_DEFERRED: Final = Outcome.DEFERRED


@define(eq=False, repr=False, weakref_slot=False)
class JobRecord:
    """One job.

    Attributes:
        id: Its id.
        seq: Its place in the order of submission.
        spec: Its kind, as data.
        origin: Its owner, labels, key and parent.
        attempt: Which run of the handler this is, from 1.
        state: Its state; only ``apply`` sets it.
        stage: The open stage, or None.
        stage_at: When the open stage began.
        created_at: When it was submitted, in seconds since 1970 (UTC); the anchor of all other times.
        created: The same instant on the monotonic clock.
        started: When it left the queue.
        settled: When it reached a terminal state.
        history: Its history, oldest first; None while ``implied_history`` gives the same.
        progress: Its progress, or None.
        cancel: The accepted request, or None.
        undo: Compensations, oldest first; None if there are none, and empty once they have run.
        undos: How many compensations by name it has had.
        code_ended: Whether its code has ended. Nothing shields the job then, and no cancellation reaches code.
        children_canceled: Children that ended canceled because of this job's cancel.
        failure: Why it failed, or None.
        result: What the handler returned.
        observed: Whether the job has had an observer: ``changed`` is called after each change that one can see.
        interrupted: Whether the host's code raised a ``KeyboardInterrupt`` in it, which belongs to the host.
    """

    id: str
    seq: int
    spec: KindSpec
    created_at: float
    created: float
    origin: Origin = NO_ORIGIN
    undo: list[Any] | None = None
    attempt: int = field(default=1, init=False)
    state: JobState = field(default=JobState.PENDING, init=False)
    stage: Stage | None = field(default=None, init=False)
    stage_at: float = field(default=0.0, init=False)
    started: float | None = field(default=None, init=False)
    settled: float | None = field(default=None, init=False)
    history: list[RawEntry] | None = field(default=None, init=False)
    progress: ProgressRecord | None = field(default=None, init=False)
    cancel: Cancellation | None = field(default=None, init=False)
    undos: int = field(default=0, init=False)
    children_canceled: int = field(default=0, init=False)
    code_ended: bool = field(default=False, init=False)
    failure: Failure | None = field(default=None, init=False)
    result: Any = field(default=None, init=False)
    observed: bool = field(default=False, init=False)
    interrupted: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        if self.undo is not None:
            self.undos = number(self.undo)

    def apply(self, event: Event, now: float) -> None:
        """Apply an event; the only method that changes ``state``.

        Raises:
            IllegalTransitionError: The table has no such transition; nothing has changed.
        """
        state = next_state(self.state, event)
        if state is None:
            raise IllegalTransitionError(self.id, self.state, event)
        if self.history is not None or event not in IMPLIED:
            self.log().append((event._value_, now, None, state._value_, None))
        self.state = state
        if state in TERMINAL:
            self.settled = now
        elif event is _STARTED:
            self.started = now
        elif event is Event.INTERRUPTED:
            self.attempt, self.started = self.attempt + 1, None
        if self.observed:
            self.changed()

    def changed(self) -> None:
        """Notify the observers; a record by itself has none. Called only if ``observed`` is set."""

    def log(self) -> list[RawEntry]:
        """Return the history, to add to."""
        if self.history is None:
            cancel = None if self.state is _PENDING else self.cancel  # the withdrawal under way is the next entry
            times = () if cancel is None else (cancel.requested_at, cancel.delivered_at)
            self.history = implied_history(self.state, self.started, self.settled, *times)
        return self.history

    @property
    def on_cancel(self) -> OnCancel:
        """The policy in force: the stage's, or the kind's between stages; once the code has ended, none shields."""
        if self.code_ended:
            return OnCancel.INTERRUPT
        return self.spec.on_cancel if self.stage is None else self.stage.on_cancel

    @property
    def stage_name(self) -> str | None:
        """The open stage's name, or None."""
        return None if self.stage is None else self.stage.name

    def verdict(self, request: Cancellation) -> Verdict:
        """Return what the answer to ``request`` would be now; nothing changes."""
        outcome, event = decide_cancel(self.state, self.on_cancel, request, self.cancel, self.undo)
        after = None if event is None else next_state(self.state, event)
        return Verdict(self.id, outcome, after or self.state, self.stage_name)

    def request_cancel(self, request: Cancellation, now: float) -> Verdict:
        """Decide ``request`` and apply the decision to this record, in one step."""
        outcome, event = decide_cancel(self.state, self.on_cancel, request, self.cancel, self.undo)
        if event is not None:
            request.requested_at, request.outcome = now, outcome
            request.held, request.forced = outcome is _DEFERRED, request.force
            self.cancel = request
            self.apply(event, now)
            if event is _WITHDRAWN:
                request.compensated = True
        elif outcome is _CANCELING and self.cancel is not None:
            self.cancel.held, self.cancel.forced = False, True
            self.note("forced", now, "noted", {"by": request.by, "reason": request.reason})
        return Verdict(self.id, outcome, self.state, self.stage_name)

    def deliver(self, now: float) -> bool:
        """Record that the accepted cancel reaches the job's code now; False without one, a second time, or too late."""
        cancel = self.cancel
        if cancel is None or cancel.delivered_at is not None or self.settled is not None:
            return False
        cancel.held, cancel.delivered_at = False, now
        if self.history is not None:  # otherwise ``delivered_at`` implies the entry
            self.history.append(("delivered", now, None, "noted", None))
        if self.observed:
            self.changed()
        return True

    def enter_stage(self, stage: Stage, now: float) -> None:
        """Begin ``stage``; a stage that commits drops the compensations registered so far.

        Raises:
            StageActiveError: Another stage is open.
            StageUnavailableError: A cancel was accepted: no stage begins.
        """
        if self.stage is not None:
            raise StageActiveError(self.id, stage.name, self.stage.name)
        if self.cancel is not None:
            raise StageUnavailableError(self.id, stage.name)
        if stage.commits:
            self.undo = None
        self.stage, self.stage_at = stage, now
        if self.observed:
            self.changed()

    def leave_stage(self, status: str, now: float, *, raised: bool) -> Release:
        """End the open stage and return what happens to a held cancel.

        A stage that commits releases it without raising, and the next checkpoint delivers it. Any other stage raises
        it at its end, unless an exception is already leaving the stage: the exception wins.
        """
        stage = self.stage
        if stage is None:
            return Release.NOTHING
        self.stage = None
        self.log().append((stage.name, self.stage_at, now - self.stage_at, status, None))
        if self.observed:
            self.changed()
        if self.cancel is None or not self.cancel.held:
            return Release.NOTHING
        return Release.DELIVER if raised or stage.commits else Release.RAISE

    def register(self, undo: Any) -> None:
        """Register a compensation."""
        if self.undo is None:
            self.undo = []
        self.undo.append(undo)
        self.undos = number([undo], self.undos)
        if self.observed:
            self.changed()

    def note(self, name: str, now: float, status: str = "noted", details: dict[str, Any] | None = None) -> None:
        """Add an entry to the history."""
        self.log().append((name, now, None, status, details))
        if self.observed:
            self.changed()

    def ending(
        self, ending: Ending, message: str = "", details: dict[str, Any] | None = None
    ) -> tuple[Event, Failure | None]:
        """Return the event of an ending, and its failure if it is one; ``message`` and ``details`` are an error's."""
        cause = None if self.cancel is None else self.cancel.cause
        event, code = decide_ending(ending, cause, self.children_canceled)
        if code is None:
            return event, None
        return event, Failure(code, MESSAGES.get(code, message), details or {})

    def compensates(self, event: Event) -> bool:
        """Return whether compensations run after ``event``, or, of a settled job, after the end that it had."""
        return (next_state(self.state, event) or self.state) in self.spec.compensate_on
