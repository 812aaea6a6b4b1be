"""One run of a job, as it is recorded: every moment of all its tasks, and what is asked of it there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
from attrs import frozen

from jobcancel._core.decision import Outcome, Verdict
from jobcancel._runtime.watch import attach

from .places import NOWHERE, Places, Spot, in_flight
from .points import Moment, Phase, Place, Plan, Point

if TYPE_CHECKING:
    from jobcancel._core.specs import Stage
    from jobcancel._runtime.job import Job

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
        task: What the loop knows it by, if the job's code started it.
    """

    def __init__(self, trace: Trace, name: str, job: Job, spot: Spot, *, own: bool) -> None:
        self.trace: Trace = trace
        self.name: str = name
        self.job: Job = job
        self.own: bool = own
        self.started_at: Spot = spot
        self._undoes = job.code_ended
        self.arrivals: list[Arrival] = []
        self.stopped = self.ended = self.outlived = False
        self.task: Any = None
        self._place = Place(name, 0)
        self._last: tuple[Moment, Spot, Phase] | None = None
        self._children = 0
        self._stage: Stage | None = None
        self._suspended: tuple[Spot, object] = (NOWHERE, None)

    @property
    def phase(self) -> Phase:
        """Which part of the job's life its next moment belongs to; a task that was left behind undoes nothing."""
        if self.job.code_ended and (self.own or self._undoes):
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
        self.trace.at(self, Moment.AWAITS, self._suspended[0])
        self.trace.running = None
        return Endless() if self.trace.endless else None

    def meets(self, coroutine: object, thrown: BaseException | None, sent: object) -> None:
        """See ``Notices``. trio sends an outcome that holds the exception."""
        error = thrown if thrown is not None else getattr(sent, "error", None)
        if isinstance(error, self.trace.cancelled):
            self.stopped = True
            if self.trace.delivered:
                self.arrivals.append(Arrival(error, *self._suspended, in_flight(coroutine)))

    def ends(self) -> None:
        """See ``Notices``."""
        self.ended = True
        self.trace.running = None

    def change(self) -> None:
        """The job has changed; that may be its stage, in one of its tasks, or its end."""
        if self.job is self.trace.root and self.job.settled is not None:
            for track in self.trace.tracks:
                track.outlived = not (track.own or track.ended)
        left, self._stage = self._stage, self.job.stage
        if left is self._stage:
            return
        track = self.trace.running or self
        spot = self.trace.places.here()
        if left is not None:
            self.trace.at(track, Moment.LEAVES, spot, left.name)
        if self._stage is not None:
            self.trace.at(track, Moment.ENTERS, spot)


class Trace:
    """The record of one run.

    Args:
        places: Knows the host's code.
        plan: What to ask, and where.
        expected: The moments of the run that the plan was made from.
        limit: How many moments a run may have.

    Attributes:
        points: The moments, in order.
        tracks: The tasks.
        running: The task that runs now, if it is one of these.
        root: The job that was submitted; None before.
        verdicts: What the requests were answered.
        asked: Where they were made.
        diverged: What was expected and what came instead, if the run left the path.
        endless: Whether it went past its limit.
    """

    def __init__(self, places: Places, plan: Plan, expected: Mapping[Place, Point], limit: float) -> None:
        self.places: Places = places
        self.cancelled: type[BaseException] = anyio.get_cancelled_exc_class()
        self.points: dict[Place, Point] = {}
        self.tracks: list[Track] = []
        self.running: Track | None = None
        self.root: Job | None = None
        self.verdicts: list[Verdict] = []
        self.asked: list[Point] = []
        self.diverged: tuple[Point | None, Point | None] | None = None
        self.endless: bool = False
        self._plan, self._expected, self._limit = plan, expected, limit

    @property
    def delivered(self) -> bool:
        """Whether the job's cancel has reached it."""
        root = self.root
        return root is not None and root.cancel is not None and root.cancel.delivered_at is not None

    def reached(self) -> Spot:
        """Return where the last request reached the task that it was made in, or else where that task then was."""
        if not self.asked:
            return NOWHERE
        point = self.asked[-1]
        arrivals = next(track.arrivals for track in self.tracks if track.name == point.place.task)
        return arrivals[0].spot if arrivals else point.spot

    def job_starts(self, job: Job) -> Track:
        """Return the track of a job that starts: the one that was submitted, or a child of it."""
        parent = next((track for track in self.tracks if track.own and track.job is job.parent), None)
        if parent is None:
            self.root = job
            track = Track(self, "job", job, self.places.begin, own=True)
        else:
            track = Track(self, parent.next_child(), job, self.places.here(), own=True)
        attach(job, track)
        return self._add(track)

    def task_starts(self, job: Job) -> Track:
        """Return the track of a task that a job's code starts."""
        starter = self.running or next(track for track in self.tracks if track.job is job)
        return self._add(Track(self, starter.next_child(), job, self.places.here(), own=False))

    def _add(self, track: Track) -> Track:
        self.tracks.append(track)
        return track

    def at(self, track: Track, moment: Moment, spot: Spot, stage: str | None = None) -> None:
        """Record a moment, and ask for a cancel there if the plan says so."""
        point = Point(track.next_place(moment, spot), moment, spot, stage or track.job.stage_name, track.phase)
        self.points[point.place] = point
        self.endless = self.endless or len(self.points) > self._limit
        if self.diverged is not None or len(self.asked) == len(self._plan):
            return
        step = self._plan[len(self.asked)]
        if point.place.task != step.place.task:
            return
        expected = self._expected.get(point.place._replace(time=1))
        if point.place > step.place or expected is None or not same(expected, point, own=track.own):
            self.diverged = (expected, point)
        elif point.place == step.place:
            self._ask(point)

    def _ask(self, point: Point) -> None:
        """Decide the next request now; one that is accepted is delivered now, whoever's turn it would be."""
        job = self.root
        assert job is not None  # noqa: S101  # for type checkers: it has a track
        step = self._plan[len(self.asked)]
        self.asked.append(point)
        verdict = job.kernel.cancel(job, step.ask.request())
        self.verdicts.append(verdict)
        if verdict.outcome is Outcome.CANCELING and job.scope is not None:
            job.kernel.deliveries.deliver(job)


def same(expected: Point, point: Point, *, own: bool) -> bool:
    """Return whether a task came where it was expected.

    The stage is the job's; another task may come to the same line before or after the job enters or leaves it, as
    they take turns, and trio throws dice for that.
    """
    return (expected.moment, expected.spot) == (point.moment, point.spot) and (
        not own or (expected.stage, expected.phase) == (point.stage, point.phase)
    )
