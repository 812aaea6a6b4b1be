"""Findings: what a run shows to be wrong with a job. One function a fault, each from the record of one run."""

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

from .places import NOWHERE, Spot
from .points import Moment
from .trace import Trace
from .track import Arrival

_FINISHED = (JobState.SUCCEEDED, JobState.PARTIALLY_SUCCEEDED)
_RAISED = (FailureCode.HANDLER_ERROR, FailureCode.FOREIGN_CANCEL)
_CLEANUP_FAILED = FailureCode.CLEANUP_FAILED.value


class Fault(StrEnum):
    """What can be wrong."""

    SWALLOWED = "swallowed the cancel"
    KILLED = "cleanup awaited unshielded and was killed"
    FINISHED = "finished though canceled"
    FAILED = "failed though canceled"
    UNDO = "a compensation failed"
    TASK = "left a task running"
    THREAD = "left a thread running"
    RESOURCE = "resource warning"
    ENDLESS = "did not end"
    CHECK = "the check failed"
    PROMISE = "broke a promise of the scheduler"


@frozen
class Symptom:
    """One fault as one run shows it.

    Attributes:
        fault: What is wrong.
        spot: The line to look at; ``NOWHERE`` for the one at which the request reached the job.
        message: What there is to say beside it.
    """

    fault: Fault
    spot: Spot = NOWHERE
    message: str = ""


def of_the_code(trace: Trace, job: Snapshot[Any], usual: JobState) -> Iterator[Symptom]:
    """Give what the job's code did with its cancel.

    Args:
        trace: The run.
        job: The job at its end.
        usual: How the job ends when nobody cancels it.
    """
    if trace.endless or trace.forced:
        yield Symptom(Fault.ENDLESS, _last(trace), "it was stopped, or forced to end")
        return
    for track in trace.tracks:
        yield from _of_a_task(track.arrivals)
    own = trace.tracks[0].arrivals
    if own and job.state in _FINISHED:
        yield Symptom(Fault.FINISHED, own[0].spot, f"it ended {job.state}")
    failure = job.failure
    if trace.asked and usual is not JobState.FAILED and failure is not None and failure.code in _RAISED:
        yield Symptom(Fault.FAILED, message=f"{failure.code}: {failure.message}")
    for entry in job.history:
        if entry.status == _CLEANUP_FAILED:
            yield Symptom(Fault.UNDO, message=f"{entry.step}: {entry.details.get('error', '')}")


def _last(trace: Trace) -> Spot:
    return next(reversed(trace.points.values())).spot


def _of_a_task(arrivals: list[Arrival]) -> Iterator[Symptom]:
    """Give what one task did: every cancellation after its first shows that it went on after the one before.

    Either it was still dealing with that one, or has lost it. Where a library waits on, the same await goes on.
    """
    for earlier, later in pairwise(arrivals):
        if later.awaits is earlier.awaits:
            continue
        if earlier.error not in _with_contexts(later.during):
            yield Symptom(Fault.SWALLOWED, earlier.spot, f"it went on to {later.spot}")
        elif not later.closes:
            yield Symptom(Fault.KILLED, later.spot)


def _with_contexts(errors: list[BaseException]) -> list[BaseException]:
    """Return exceptions, and what was being dealt with when each came, and what they hold."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [*errors]
    while todo:
        each = todo.pop()
        if each is not None and each not in found:
            found.append(each)
            todo += [each.__context__, each.__cause__]
            if isinstance(each, BaseExceptionGroup):
                todo += cast("BaseExceptionGroup[BaseException]", each).exceptions
    return found


def of_the_tasks(trace: Trace) -> Iterator[Symptom]:
    """Give the tasks that the job's code has left behind, some turns of the loop after the job has settled.

    One that has ended since was left behind all the same, unless it was canceled. Python's own that close a generator
    have no line that starts them, and are done at once.
    """
    for track in trace.tracks:
        if track.own:
            continue
        if not track.ended:
            yield Symptom(Fault.TASK, track.started_at, "it was started there")
        elif track.outlived and not track.stopped and track.started_at is not NOWHERE:
            yield Symptom(Fault.TASK, track.started_at, "it was started there, and ended after the job")


def of_the_promises(trace: Trace, job: Snapshot[Any]) -> Iterator[Symptom]:
    """Give which of the scheduler's promises the run breaks: none, unless the library is at fault."""
    accepted = [verdict for verdict in trace.verdicts if verdict.accepted]
    if not job.settled:
        yield Symptom(Fault.PROMISE, message=f"the job is {job.state} and nothing of it runs")
    if trace.forced:
        return  # that was a request too
    if accepted and job.cancel is None:
        yield Symptom(Fault.PROMISE, message="an accepted cancel is not on record")
    if trace.verdicts and not accepted and (job.cancel is not None or any(track.arrivals for track in trace.tracks)):
        yield Symptom(Fault.PROMISE, message="a refused cancel canceled")
    if job.cancel is not None and accepted and job.cancel.outcome is not accepted[0].outcome:
        yield Symptom(Fault.PROMISE, message="the record has another outcome than the verdict")
    if any(verdict.outcome is Outcome.REFUSED for verdict in trace.verdicts[1:]) and accepted[:1] == trace.verdicts[:1]:
        yield Symptom(Fault.PROMISE, message="refused after an accepted cancel")
    begun = _stages_begun_after_acceptance(trace)
    if begun:
        yield Symptom(Fault.PROMISE, begun[0], "a stage began after an accepted cancel")


def _stages_begun_after_acceptance(trace: Trace) -> list[Spot]:
    first = next((at for at, verdict in zip(trace.asked, trace.verdicts, strict=True) if verdict.accepted), None)
    if first is None:
        return []
    points = list(trace.points.values())
    after = points[points.index(first) + 1 :]
    return [point.spot for point in after if point.moment is Moment.ENTERS and point.place.task == "job"]
