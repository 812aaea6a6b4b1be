"""Record one run: every point of all its tasks, and make the requests of its plan there."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping
from contextvars import Context
from typing import Any

import anyio
from attrs import frozen

from jobcancel._core.decision import Outcome, Verdict
from jobcancel._core.specs import Stage
from jobcancel._runtime.job import CURRENT, Job

from .frames import UNKNOWN, HostCode, Location, dropped_by_wait_for, exceptions_in_flight
from .plan import Moment, Phase, Plan, Point, PointId

_CLOSING = frozenset({"__aexit__", "aclose"})


class EndlessRun(BaseException):  # not an Exception: the job's code must not handle it
    """Thrown into the code of a run that is over its limit of points, to end the run."""


@frozen(eq=False)
class Arrival:
    """A cancellation that was raised in the host's code.

    Attributes:
        error: The exception.
        location: The line at which it was raised.
        awaited: The object that this line awaited.
        in_flight: The exceptions that the code was handling.
    """

    error: BaseException
    location: Location
    awaited: Any
    in_flight: list[BaseException]

    @property
    def in_closing(self) -> bool:
        """Whether a library was closing something: by anyio's and trio's rules that works while canceled."""
        code = getattr(self.awaited, "cr_code", None)
        return code is not None and code.co_name in _CLOSING


class RunRecord:
    """The record of one run.

    Args:
        host_code: Distinguishes the host's code from other code.
        plan: The requests to make, and where.
        expected: The points of the run from which the plan was made.
        limit: How many points the run may have.

    Attributes:
        points: The points, in order.
        tasks: The records of the tasks, the one of the submitted job first.
        running: The record of the task that is running now, or None.
        root: The submitted job; None before it starts.
        verdicts: The answers to the requests, in order.
        requested_at: The points at which the requests were made, in order.
        divergence: The expected point and the actual one, if the run left the path of its plan.
        over_limit: Whether the run has more points than allowed: suspended code gets ``EndlessRun``.
        abandoned: Whether code was abandoned while it was suspended.
        forced: Whether the run made no progress and its job was forced to end.
    """

    def __init__(self, host_code: HostCode, plan: Plan, expected: Mapping[PointId, Point], limit: float) -> None:
        self.host_code: HostCode = host_code
        self.cancelled: type[BaseException] = anyio.get_cancelled_exc_class()
        self.points: dict[PointId, Point] = {}
        self.tasks: list[TaskRecord] = []
        self.running: TaskRecord | None = None
        self.root: Job | None = None
        self.verdicts: list[Verdict] = []
        self.requested_at: list[Point] = []
        self.divergence: tuple[Point | None, Point | None] | None = None
        self.over_limit: bool = False
        self.forced: bool = False
        self.abandoned: bool = False
        self._plan, self._expected, self._limit = plan, expected, limit

    @property
    def delivered(self) -> bool:
        """Whether the job's cancel has been delivered."""
        root = self.root
        return root is not None and root.cancel is not None and root.cancel.delivered_at is not None

    def throw_into_suspended(self) -> EndlessRun | None:
        """Return the exception to throw into suspended code if the run has to end, or None."""
        return EndlessRun() if self.over_limit else None

    def abandon_with(self) -> EndlessRun | None:
        """Return the exception to raise in place of code that swallows every ``EndlessRun``, or None."""
        if len(self.points) <= 2 * self._limit:
            return None
        self.abandoned = True
        return EndlessRun()

    def delivery_location(self) -> Location:
        """Return where the last request arrived in its task, or where that task stood if it did not arrive."""
        if not self.requested_at:
            return UNKNOWN
        point = self.requested_at[-1]
        arrivals = next(task.arrivals for task in self.tasks if task.name == point.id.task)
        return arrivals[0].location if arrivals else point.location

    def add_job(self, job: Job) -> TaskRecord:
        """Return the new record of a job that starts: the submitted one, or a child of it."""
        parent = next((task for task in self.tasks if task.is_job and task.job is job.parent), None)
        if parent is None:
            self.root = job
            task = TaskRecord(self, "job", job, self.host_code.start, is_job=True)
        else:
            task = TaskRecord(self, parent.next_name(), job, self.host_code.locate_caller(), is_job=True)
        job.attach(task)
        self.tasks.append(task)
        return task

    def add_task(self, context: Context, coroutine: object) -> TaskRecord | None:
        """Return the new record of a task that a job's code starts; None if no job of this run starts it.

        Args:
            context: The task's context variables, which name the job.
            coroutine: The task's coroutine.
        """
        job = context.get(CURRENT)
        if job is None or self.root is None or job.host is not self.root.host:
            return None
        starter = self.running or next(task for task in self.tasks if task.job is job)
        task = TaskRecord(self, starter.next_name(), job, self.host_code.locate_caller(), is_job=False)
        code = getattr(coroutine, "cr_code", None)
        task.runs_host_code = code is not None and self.host_code.contains(code)
        self.tasks.append(task)
        return task

    def add_point(self, task: TaskRecord, moment: Moment, location: Location, stage: str | None = None) -> None:
        """Record a point, and make the next request of the plan if it belongs here."""
        point = Point(task.next_point_id(moment, location), moment, location, stage or task.job.stage_name, task.phase)
        self.points[point.id] = point
        self.over_limit = self.over_limit or len(self.points) > self._limit
        if self.divergence is not None or len(self.requested_at) == len(self._plan):
            return
        planned = self._plan[len(self.requested_at)].point
        if point.id.task != planned.task:
            return
        if point.id > planned:  # the task had the planned point, but with fewer repetitions
            self.divergence = (self._expected.get(planned), point)
            return
        expected = self._expected.get(point.id._replace(repetition=1))
        if expected is None or not _is_expected(expected, point, is_job=task.is_job):
            self.divergence = (expected, point)
        elif point.id == planned:
            self._make_request(point)

    def _make_request(self, point: Point) -> None:
        """Decide the next request of the plan; deliver it at once if it is accepted."""
        job = self.root
        assert job is not None  # noqa: S101  # for type checkers: a point belongs to a started job
        step = self._plan[len(self.requested_at)]
        self.requested_at.append(point)
        verdict = job.host.cancel(job, step.request.to_cancellation())
        self.verdicts.append(verdict)
        if verdict.outcome is Outcome.CANCELING and job.scope is not None:
            job.host.deliver(job)


class TaskRecord:
    """The record of one task; an observer of its coroutine's steps and, for a job's own task, of the job.

    Attributes:
        name: The task's name in the ids of its points.
        job: The job that it belongs to.
        is_job: Whether it is the job's own task, not one that the job's code started.
        started_at: The line of the host's code that started it.
        arrivals: The cancellations that were raised in it since the job's cancel was delivered.
        canceled: Whether any cancellation was raised in it.
        ended: Whether it has ended.
        outlived_job: Whether it was still running when the job settled.
        runs_host_code: Whether it runs the host's code, and not only a library's.
        asyncio_task: The task, if it is an asyncio task that the explorer may cancel.
    """

    def __init__(self, run: RunRecord, name: str, job: Job, started_at: Location, *, is_job: bool) -> None:
        self.run: RunRecord = run
        self.name: str = name
        self.job: Job = job
        self.is_job: bool = is_job
        self.started_at: Location = started_at
        self._compensates = job.code_ended
        self.arrivals: list[Arrival] = []
        self.canceled: bool = False
        self.ended: bool = False
        self.outlived_job: bool = False
        self.runs_host_code: bool = False
        self.asyncio_task: Any = None
        self._point_id = PointId(name, 0)
        self._last: tuple[Moment, Location, Phase] | None = None
        self._started_tasks = 0
        self._stage: Stage | None = None
        self._suspended: tuple[Location, object] = (UNKNOWN, None)

    @property
    def phase(self) -> Phase:
        """The phase of the next point. A task that outlives the job's code is not part of the compensations."""
        if self.job.code_ended and not self.job.children and (self.is_job or self._compensates):
            return Phase.COMPENSATING
        return Phase.UNWINDING if self.run.delivered else Phase.CODE

    def next_point_id(self, moment: Moment, location: Location) -> PointId:
        """Return the id of the next point."""
        now = (moment, location, self.phase)
        repeated, self._last = self._last == now, now
        _, number, repetition = self._point_id
        if repeated:
            self._point_id = PointId(self.name, number, repetition + 1)
        else:
            self._point_id = PointId(self.name, number + 1)
        return self._point_id

    def next_name(self) -> str:
        """Return the name of the next task that this one starts."""
        self._started_tasks += 1
        return f"{self.name}/{self._started_tasks}"

    def on_start(self) -> None:
        """See ``StepObserver``."""
        if self.is_job:
            self.run.add_point(self, Moment.BEGINS, self.started_at)

    def on_step(self) -> None:
        """See ``StepObserver``."""
        self.run.running = self

    def on_suspend(self, coroutine: object) -> BaseException | None:
        """See ``StepObserver``."""
        self._suspended = self.run.host_code.locate(coroutine)
        self.runs_host_code = self.runs_host_code or self._suspended[0] is not UNKNOWN
        self.run.add_point(self, Moment.AWAITS, self._suspended[0])
        self.run.running = None
        return self.run.throw_into_suspended()

    def on_resume(self, coroutine: object, thrown: BaseException | None, sent: object) -> None:
        """See ``StepObserver``. trio sends an outcome that holds the exception."""
        error = thrown if thrown is not None else getattr(sent, "error", None)
        if isinstance(error, self.run.cancelled):
            self.canceled = True
            if self.run.delivered and _sent_by_a_scope(error) and not dropped_by_wait_for(coroutine):
                self.arrivals.append(Arrival(error, *self._suspended, exceptions_in_flight(coroutine)))

    def abandon_with(self) -> BaseException | None:
        """See ``StepObserver``. A job's own task has to settle the job: only the handler inside it is abandoned."""
        return None if self.is_job else self.run.abandon_with()

    def on_end(self) -> None:
        """See ``StepObserver``."""
        self.ended = True
        self.run.running = None

    def changed(self) -> None:
        """Be notified that the job has changed: perhaps its stage, in any of its tasks, or its end."""
        if self.job is self.run.root and self.job.settled is not None:
            for task in self.run.tasks:
                task.outlived_job = task.runs_host_code and not (task.is_job or task.ended)
        left, self._stage = self._stage, self.job.stage
        if left is self._stage:
            return
        task = self.run.running or self
        location = self.run.host_code.locate_caller()
        if left is not None:
            self.run.add_point(task, Moment.LEAVES, location, left.name)
        if self._stage is not None:
            self.run.add_point(task, Moment.ENTERS, location)


def _is_expected(expected: Point, point: Point, *, is_job: bool) -> bool:
    """Return whether a task is where it was expected.

    The stage and the phase are compared for a job's own task only. Another task may reach the same line before or
    after the job enters or leaves a stage: the order may depend on what both wait for.
    """
    return (expected.moment, expected.location) == (point.moment, point.location) and (
        not is_job or (expected.stage, expected.phase) == (point.stage, point.phase)
    )


def _sent_by_a_scope(error: BaseException) -> bool:
    """Return whether a cancellation comes from a cancel scope, and not from a deadline of that scope.

    A scope with a deadline is a timeout of the code's own (on trio ``sleep`` has one too); asyncio's timeouts and
    task groups are no scopes. Neither has to do with the job's cancel, which a shield may hold back meanwhile. On
    asyncio anyio names its scope, and the reason of its cancel, in the message only.
    """
    if isinstance(error, CancelledError):
        text = str(error)
        return text.startswith("Cancelled via cancel scope ") and not text.endswith("; reason: deadline exceeded")
    return getattr(error, "source", None) != "deadline"
