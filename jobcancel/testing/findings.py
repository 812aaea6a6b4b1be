"""Find what is wrong with a job in the record of one run: one function for each group of faults."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from typing import Any, cast

from attrs import frozen

from jobcancel._core.decision import Outcome
from jobcancel._core.policies import FailureCode
from jobcancel._core.snapshot import Snapshot
from jobcancel._core.states import JobState

from .frames import UNKNOWN, Location
from .plan import Moment
from .recording import Arrival, RunRecord

_FINISHED = (JobState.SUCCEEDED, JobState.PARTIALLY_SUCCEEDED)
_RAISED = (FailureCode.HANDLER_ERROR, FailureCode.FOREIGN_CANCEL)
_CLEANUP_FAILED = FailureCode.CLEANUP_FAILED.value


class Fault(StrEnum):
    """What the explorer can find.

    ``GUARANTEE`` is a fault of jobcancel itself: please report it. All others are faults of the job.
    """

    SWALLOWED = "swallowed the cancel"
    CLEANUP = "cleanup without a shield was interrupted"
    FINISHED = "finished though canceled"
    FAILED = "failed though canceled"
    COMPENSATION = "a compensation failed"
    TASK = "left a task running"
    THREAD = "left a thread running"
    RESOURCE = "resource warning"
    ENDLESS = "did not end"
    CHECK = "the check failed"
    GUARANTEE = "the scheduler broke a guarantee"


@frozen
class Symptom:
    """One fault as one run shows it.

    Attributes:
        fault: What is wrong.
        location: The line to look at; ``UNKNOWN`` for the line at which the request arrived.
        message: Details; may be empty.
    """

    fault: Fault
    location: Location = UNKNOWN
    message: str = ""


def find_code_faults(run: RunRecord, job: Snapshot[Any], usual: JobState) -> Iterator[Symptom]:
    """Yield the faults in how the job's code treats its cancel.

    Args:
        run: The record of the run.
        job: The job at its end.
        usual: The state in which the job ends without a request.
    """
    if run.over_limit or run.forced:
        last = next(reversed(run.points.values()))
        yield Symptom(Fault.ENDLESS, last.location, "it was stopped, or forced to end")
        return
    for task in run.tasks:
        yield from _find_task_faults(task.arrivals)
    own = run.tasks[0].arrivals
    if own and job.state in _FINISHED:
        yield Symptom(Fault.FINISHED, own[0].location, f"it ended {job.state}")
    failure = job.failure
    if run.requested_at and usual is not JobState.FAILED and failure is not None and failure.code in _RAISED:
        yield Symptom(Fault.FAILED, message=f"{failure.code}: {failure.message}")
    for entry in job.history:
        if entry.status == _CLEANUP_FAILED:
            yield Symptom(Fault.COMPENSATION, message=f"{entry.step}: {entry.details.get('error', '')}")


def _find_task_faults(arrivals: list[Arrival]) -> Iterator[Symptom]:
    """Yield the faults of one task.

    A second cancellation shows that the task awaited again after the first one: it either still handles the first
    one, or has swallowed it. If a library awaits again, the host's await is still the same one.
    """
    for earlier, later in pairwise(arrivals):
        if later.awaited is earlier.awaited:
            continue
        if earlier.error not in _with_related(later.in_flight):
            yield Symptom(Fault.SWALLOWED, earlier.location, f"it continued to {later.location}")
        elif not later.in_closing:
            yield Symptom(Fault.CLEANUP, later.location)


def _with_related(errors: list[BaseException]) -> list[BaseException]:
    """Return exceptions with their contexts, their causes and the members of their groups."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [*errors]
    while todo:
        error = todo.pop()
        if error is not None and error not in found:
            found.append(error)
            todo += [error.__context__, error.__cause__]
            if isinstance(error, BaseExceptionGroup):
                todo += cast("BaseExceptionGroup[BaseException]", error).exceptions
    return found


def find_leaked_tasks(run: RunRecord) -> Iterator[Symptom]:
    """Yield the tasks that the job's code left running, some turns of the loop after the job settled.

    A task that has ended since was left running too, unless it was canceled. Python's own tasks that close a
    generator have no line that starts them and end at once: they do not count.
    """
    for task in run.tasks:
        if task.is_job:
            continue
        if not task.ended:
            yield Symptom(Fault.TASK, task.started_at, "it was started there")
        elif task.outlived_job and not task.canceled and task.started_at is not UNKNOWN:
            yield Symptom(Fault.TASK, task.started_at, "it was started there, and ended after the job")


def find_broken_guarantees(run: RunRecord, job: Snapshot[Any]) -> Iterator[Symptom]:
    """Yield the guarantees of the scheduler that the run breaks: none, unless jobcancel has a bug."""
    accepted = [verdict for verdict in run.verdicts if verdict.accepted]
    if not job.settled:
        yield Symptom(Fault.GUARANTEE, message=f"the job is {job.state}, but none of its code is running")
    if run.forced:
        return  # the force was one more request, which no verdict here belongs to
    if accepted and job.cancel is None:
        yield Symptom(Fault.GUARANTEE, message="an accepted cancel is not recorded")
    if run.verdicts and not accepted and (job.cancel is not None or any(task.arrivals for task in run.tasks)):
        yield Symptom(Fault.GUARANTEE, message="a refused request canceled the job")
    if job.cancel is not None and accepted and job.cancel.outcome is not accepted[0].outcome:
        yield Symptom(Fault.GUARANTEE, message="the recorded outcome is not the verdict's")
    if any(verdict.outcome is Outcome.REFUSED for verdict in run.verdicts[1:]) and accepted[:1] == run.verdicts[:1]:
        yield Symptom(Fault.GUARANTEE, message="a request was refused after an accepted one")
    entered = _stages_entered_after_acceptance(run)
    if entered:
        yield Symptom(Fault.GUARANTEE, entered[0], "a stage began after an accepted cancel")


def _stages_entered_after_acceptance(run: RunRecord) -> list[Location]:
    requests = zip(run.requested_at, run.verdicts, strict=True)
    first = next((point for point, verdict in requests if verdict.accepted), None)
    if first is None:
        return []
    points = list(run.points.values())
    later = points[points.index(first) + 1 :]
    return [point.location for point in later if point.moment is Moment.ENTERS and point.id.task == "job"]
