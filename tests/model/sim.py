"""One simulated job: the record of the core, and what the runtime keeps beside it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, TypeVar

from attrs import fields

from jobcancel._core.decision import Cancellation
from jobcancel._core.endings import Ending, Failure
from jobcancel._core.job import JobRecord
from jobcancel._core.specs import KindSpec
from jobcancel._core.states import Event

from .trace import Entry

T = TypeVar("T")

NOW: Final = 0.0  # the model has no time: whatever may happen, may happen now


class Code(StrEnum):
    """Where a job's code is."""

    AHEAD = "ahead"
    RUNNING = "running"
    UNWINDING = "unwinding"
    ENDED = "ended"
    UNDOING = "undoing"
    GONE = "gone"


class Sim(JobRecord):
    """A job.

    Attributes:
        role: ``parent`` or ``child``.
        code: Where its code is.
        queued: Its delivery waits for the loop's next turn.
        cut: Its scope was cancelled: the next checkpoint raises.
        ending_without_code: How it ends without having begun, or None.
        end: How its code ended, and then the event and failure that it comes to.
        registered: How many compensations it has registered.
        entries: What happened to it in this step.
    """

    __slots__ = ("code", "cut", "end", "ending_without_code", "entries", "queued", "registered", "role")

    def __init__(self, role: str, spec: KindSpec, undo: list[Any] | None, entries: list[Entry]) -> None:
        super().__init__(role, 0, spec, NOW, NOW, undo=undo)
        self.role, self.entries = role, entries
        self.code = Code.AHEAD
        self.queued = self.cut = False
        self.ending_without_code: Ending | None = None
        self.end: Ending | tuple[Event, Failure | None] | None = None
        self.registered = len(undo or ())

    def apply(self, event: Event, now: float) -> None:
        super().apply(event, now)
        self.entries.append(Entry(self.role, "moved", event, state=self.state))

    def record(self, what: str, name: str = "") -> None:
        self.entries.append(Entry(self.role, what, name))

    def twin(self, entries: list[Entry]) -> Sim:
        """Return a copy that shares nothing with this job but what never changes."""
        other = _copy(self, _SLOTS)
        other.cancel = None if self.cancel is None else _copy(self.cancel, _REQUEST)
        other.entries = entries
        other.undo = None if self.undo is None else list(self.undo)
        other.history = []  # nothing reads it, so it distinguishes no two states
        return other

    def facts(self) -> tuple[Any, ...]:
        """Return everything that may make a difference to what comes, hashable."""
        cancel, failure = self.cancel, self.failure
        return (
            self.state,
            self.stage_name,
            None if self.undo is None else tuple(self.undo),
            self.children_canceled,
            self.started is None,
            self.settled is None,
            None if failure is None else failure.code,
            None
            if cancel is None
            else (
                cancel.cause, cancel.by, cancel.outcome, cancel.held, cancel.delivered_at is None,
                cancel.forced, cancel.pierced, cancel.compensated,  # defer and force are spent with the decision
            ),
        )  # fmt: skip

    def identity(self) -> tuple[Any, ...]:
        """Return what distinguishes this job from one in another state, the driver's part included."""
        end = self.end if self.end is None or isinstance(self.end, Ending) else self.end[0]
        return (*self.facts(), self.code, self.queued, self.cut, self.ending_without_code, end, self.registered)


_SLOTS: Final = (*(attribute.name for attribute in fields(JobRecord)), *Sim.__slots__)
_REQUEST: Final = tuple(attribute.name for attribute in fields(Cancellation))


def _copy(record: T, names: Iterable[str]) -> T:
    """Return a shallow copy; ``copy.copy`` takes ten times as long, and a search makes a million."""
    other = object.__new__(type(record))
    for name in names:
        setattr(other, name, getattr(record, name))
    return other
