"""One task of a run, as it is recorded: where it stands still, and the cancellations that enter it."""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from attrs import frozen

from .places import NOWHERE, Spot, in_flight, lost_by_python
from .points import Moment, Phase, Place

if TYPE_CHECKING:
    from jobcancel._core.specs import Stage
    from jobcancel._runtime.job import Job

    from .trace import Trace

_CLOSES = frozenset({"__aexit__", "aclose"})


class Endless(BaseException):
    """Thrown into a job that would go on for ever, so that the exploration can."""


@frozen(eq=False)
class Arrival:
    """A cancellation that entered the host's code.

    Attributes:
        error: The exception itself.
        spot: Where it was thrown in.
        awaits: What that line awaited.
        during: What the code was dealing with.
    """

    error: BaseException
    spot: Spot
    awaits: Any
    during: list[BaseException]

    @property
    def closes(self) -> bool:
        """Whether a library was just closing something: by anyio's and trio's rules that works though canceled."""
        code = getattr(self.awaits, "cr_code", None)
        return code is not None and code.co_name in _CLOSES


class Track:
    """What is recorded of one task.

    Attributes:
        name: The task's name in places.
        job: The job it belongs to.
        own: Whether it is the job's own task, not one that its code started.
        started_at: Where the host's code started it.
        arrivals: The cancellations that entered it since the job's cancel was delivered.
        stopped: Whether any cancellation entered it.
        ended: Whether it has ended.
        outlived: Whether it had not when the job settled.
        of_host: Whether the host's code runs in it, and not only a library's.
        task: The task, if it is one of asyncio's own that the job's code started, for us to end.
    """

    def __init__(self, trace: Trace, name: str, job: Job, spot: Spot, *, own: bool) -> None:
        self.trace: Trace = trace
        self.name: str = name
        self.job: Job = job
        self.own: bool = own
        self.started_at: Spot = spot
        self._undoes = job.code_ended
        self.arrivals: list[Arrival] = []
        self.stopped: bool = False
        self.ended: bool = False
        self.outlived: bool = False
        self.of_host: bool = False
        self.task: Any = None
        self._place = Place(name, 0)
        self._last: tuple[Moment, Spot, Phase] | None = None
        self._children = 0
        self._stage: Stage | None = None
        self._suspended: tuple[Spot, object] = (NOWHERE, None)

    @property
    def phase(self) -> Phase:
        """Which part of the job's life its next moment belongs to; a task that was left behind undoes nothing."""
        if self.job.code_ended and not self.job.children and (self.own or self._undoes):
            return Phase.COMPENSATING
        return Phase.UNWINDING if self.trace.delivered else Phase.CODE

    def next_place(self, moment: Moment, spot: Spot) -> Place:
        """Return the place of its next moment."""
        now = (moment, spot, self.phase)
        again, self._last = self._last == now, now
        _, number, time = self._place
        self._place = Place(self.name, number, time + 1) if again else Place(self.name, number + 1)
        return self._place

    def next_child(self) -> str:
        """Return the name of the next task it starts."""
        self._children += 1
        return f"{self.name}/{self._children}"

    def begins(self) -> None:
        """See ``Notices``."""
        if self.own:
            self.trace.at(self, Moment.BEGINS, self.started_at)

    def runs(self) -> None:
        """See ``Notices``."""
        self.trace.running = self

    def suspended(self, coroutine: object) -> BaseException | None:
        """See ``Notices``."""
        self._suspended = self.trace.places.of(coroutine)
        self.of_host = self.of_host or self._suspended[0] is not NOWHERE
        self.trace.at(self, Moment.AWAITS, self._suspended[0])
        self.trace.running = None
        return self.trace.stops()

    def meets(self, coroutine: object, thrown: BaseException | None, sent: object) -> None:
        """See ``Notices``. trio sends an outcome that holds the exception."""
        error = thrown if thrown is not None else getattr(sent, "error", None)
        if isinstance(error, self.trace.cancelled):
            self.stopped = True
            if self.trace.delivered and _may_be_the_jobs(error) and not lost_by_python(coroutine):
                self.arrivals.append(Arrival(error, *self._suspended, in_flight(coroutine)))

    def leaves(self) -> BaseException | None:
        """See ``Notices``. A job's own task has to end its job: there the job's code alone is left."""
        return None if self.own else self.trace.leaves()

    def ends(self) -> None:
        """See ``Notices``."""
        self.ended = True
        self.trace.running = None

    def changed(self) -> None:
        """The job has changed; that may be its stage, in one of its tasks, or its end."""
        if self.job is self.trace.root and self.job.settled is not None:
            for track in self.trace.tracks:
                track.outlived = track.of_host and not (track.own or track.ended)
        left, self._stage = self._stage, self.job.stage
        if left is self._stage:
            return
        track = self.trace.running or self
        spot = self.trace.places.here()
        if left is not None:
            self.trace.at(track, Moment.LEAVES, spot, left.name)
        if self._stage is not None:
            self.trace.at(track, Moment.ENTERS, spot)


def _may_be_the_jobs(error: BaseException) -> bool:
    """Return whether a cancel scope sent this, and not because its deadline has come.

    A scope with a deadline is one of the code's own timeouts (on trio ``sleep`` has one too), and asyncio's timeouts
    and task groups are no scopes: they have nothing to do with the job's cancel, which a shield may keep out
    meanwhile. On asyncio anyio names its scopes, and why they were canceled, in the message alone.
    """
    if isinstance(error, CancelledError):
        text = str(error)
        return text.startswith("Cancelled via cancel scope ") and not text.endswith("; reason: deadline exceeded")
    return getattr(error, "source", None) != "deadline"
