"""One run of a job, as it is recorded: every moment of all its tasks, and what is asked of it there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio

from jobcancel._core.decision import Outcome, Verdict

from .places import NOWHERE, Places, Spot
from .points import Moment, Place, Plan, Point
from .track import Endless, Track

if TYPE_CHECKING:
    from jobcancel._runtime.job import Job


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
        endless: Whether it went past its limit: what stands still now is thrown out.
        stubborn: Whether code was left where it stood.
        forced: Whether it made no step any more, and was forced to end.
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
        self.forced: bool = False
        self.stubborn: bool = False
        self._plan, self._expected, self._limit = plan, expected, limit

    @property
    def delivered(self) -> bool:
        """Whether the job's cancel has reached it."""
        root = self.root
        return root is not None and root.cancel is not None and root.cancel.delivered_at is not None

    def stops(self) -> Endless | None:
        """Return what to throw into code that stands still, if the run is to end."""
        return Endless() if self.endless else None

    def leaves(self) -> Endless | None:
        """Return what to raise in place of code that has swallowed all that was thrown into it."""
        if len(self.points) <= 2 * self._limit:
            return None
        self.stubborn = True
        return Endless()

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
        job.attach(track)
        return self._add(track)

    def task_starts(self, job: Job, coroutine: object) -> Track:
        """Return the track of a task that a job's code starts."""
        starter = self.running or next(track for track in self.tracks if track.job is job)
        track = self._add(Track(self, starter.next_child(), job, self.places.here(), own=False))
        code = getattr(coroutine, "cr_code", None)
        track.of_host = code is not None and self.places.is_host(code)
        return track

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
        if point.place > step.place:  # it stood at the moment before, but fewer times than the plan says
            self.diverged = (self._expected.get(step.place), point)
            return
        expected = self._expected.get(point.place._replace(time=1))
        if expected is None or not same(expected, point, own=track.own):
            self.diverged = (expected, point)
        elif point.place == step.place:
            self._ask(point)

    def _ask(self, point: Point) -> None:
        """Decide the next request now; one that is accepted is delivered now, whoever's turn it would be."""
        job = self.root
        assert job is not None  # noqa: S101  # for type checkers: it has a track
        step = self._plan[len(self.asked)]
        self.asked.append(point)
        verdict = job.host.cancel(job, step.ask.request())
        self.verdicts.append(verdict)
        if verdict.outcome is Outcome.CANCELING and job.scope is not None:
            job.host.deliver(job)


def same(expected: Point, point: Point, *, own: bool) -> bool:
    """Return whether a task came where it was expected.

    The stage is the job's; another task may come to the same line before or after the job enters or leaves it: which
    of them comes first may depend on what they wait for.
    """
    return (expected.moment, expected.spot) == (point.moment, point.spot) and (
        not own or (expected.stage, expected.phase) == (point.stage, point.phase)
    )
