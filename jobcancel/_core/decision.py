"""The one place where a cancel request is decided.

What may live in this file: requests, outcomes, verdicts, and the pure and total function that leads from one to the
other. A live ``cancel()`` and a dry ``can_cancel()`` both call it; no other code accepts or refuses a request.
"""

from enum import StrEnum
from typing import Any, Final, NamedTuple

from attrs import define, field

from .policies import CancelCause, OnCancel
from .states import Event, JobState


class Outcome(StrEnum):
    """The answer to a cancel request."""

    CANCELED = "canceled"
    CANCELING = "canceling"
    DEFERRED = "deferred"
    REFUSED = "refused"
    ALREADY_CANCELING = "already_canceling"
    ALREADY_TERMINAL = "already_terminal"


@define(eq=False, weakref_slot=False)  # two equal requests are two requests
class Cancellation:
    """A cancel request, and, once it is accepted, the record of how it went.

    The first accepted request stays the job's cancellation: its cause, requester and reason never change.

    Attributes:
        cause: Who asked.
        by: Name of the requester, given by the host.
        reason: Why, in the requester's words.
        defer: Turn a refusal into a deferral.
        force: Override refuse and defer, and interrupt the stage that holds a cancel.
        requested_at: Seconds on the monotonic clock, set when the request is accepted.
        outcome: The verdict's outcome, set when the request is accepted.
        held: Accepted, and waiting for the end of what shields the job.
        delivered_at: When the job's scope was cancelled, in seconds on the monotonic clock.
        forced: Forced, by this request or by a later one.
        ignored: The job's code returned a value after the delivery: the work was done all the same.
        abandoned: The job was settled while its code still ran.
        pierced: A cancellation that was not requested tore the job while this one was held.
        tear: That cancellation, while it is on its way out of the job's code.
        compensated: Everything that was to be undone has been undone.
        stuck: ``grace_s`` ran out under ``on_grace_expired="wait"``.
        unresponsive: The job's code keeps swallowing the cancellation.
    """

    cause: CancelCause
    by: str | None = None
    reason: str | None = None
    defer: bool = False
    force: bool = False
    requested_at: float = field(default=0.0, init=False)
    outcome: Outcome = field(default=Outcome.CANCELING, init=False)
    delivered_at: float | None = field(default=None, init=False)
    held: bool = field(default=False, init=False)
    forced: bool = field(default=False, init=False)
    ignored: bool = field(default=False, init=False)
    abandoned: bool = field(default=False, init=False)
    pierced: bool = field(default=False, init=False)
    tear: BaseException | None = field(default=None, init=False)
    compensated: bool = field(default=False, init=False)
    stuck: bool = field(default=False, init=False)
    unresponsive: bool = field(default=False, init=False)


def shutdown_request() -> Cancellation:
    """Return the request of a scheduler that shuts down."""
    return Cancellation(CancelCause.SHUTDOWN, reason="the scheduler shuts down")


class Decision(NamedTuple):
    """What a request leads to.

    Attributes:
        outcome: The answer.
        event: What happens to the job, or None if its state does not change.
    """

    outcome: Outcome
    event: Event | None


WITHDRAW: Final = Decision(Outcome.CANCELED, Event.WITHDRAWN)
CANCEL: Final = Decision(Outcome.CANCELING, Event.CANCEL_ACCEPTED)
HOLD: Final = Decision(Outcome.DEFERRED, Event.CANCEL_ACCEPTED)
OPEN_SHIELD: Final = Decision(Outcome.CANCELING, None)  # a forced request ends the wait of a held cancel
REFUSE: Final = Decision(Outcome.REFUSED, None)  # without effect
REPEAT: Final = Decision(Outcome.ALREADY_CANCELING, None)
TOO_LATE: Final = Decision(Outcome.ALREADY_TERMINAL, None)


# Reading a member through its enum costs some 190 ns on CPython 3.11, a global 15; every request passes here.
_RUNNING: Final = JobState.RUNNING
_INTERRUPT: Final = OnCancel.INTERRUPT


def decide_cancel(
    state: JobState,
    on_cancel: OnCancel,
    request: Cancellation,
    earlier: Cancellation | None,
    undo: list[Any] | None,
) -> Decision:
    """Decide a cancel request.

    Args:
        state: The job's state.
        on_cancel: The policy of the job's stage, or of its kind between stages.
        request: The request.
        earlier: The accepted request, if there is one.
        undo: The compensations; empty once they have run, None if none were registered.
    """
    if state is _RUNNING:
        if request.force or on_cancel is _INTERRUPT:
            return CANCEL
        may_refuse = request.cause is CancelCause.USER and not request.defer
        return REFUSE if may_refuse and on_cancel is OnCancel.REFUSE else HOLD
    if state is JobState.PENDING:
        return WITHDRAW if undo is None else CANCEL
    if state is JobState.CANCELING:
        return OPEN_SHIELD if request.force and earlier is not None and earlier.held else REPEAT
    return TOO_LATE


_ACCEPTED: Final = (Outcome.CANCELED, Outcome.CANCELING, Outcome.DEFERRED, Outcome.ALREADY_CANCELING)


class Verdict(NamedTuple):
    """The recorded answer to a cancel request; true in a boolean context if it was accepted.

    Attributes:
        job_id: The job.
        outcome: The answer.
        state: The job's state after the decision.
        stage: The stage that the request met, or None between stages.
    """

    job_id: str
    outcome: Outcome
    state: JobState
    stage: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether a cancel is, or was already, under way because of a request."""
        return self.outcome in _ACCEPTED

    def __bool__(self) -> bool:
        return self.accepted
