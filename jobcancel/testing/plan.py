"""Name the points of a job at which its cancel can be requested, and the plan of a run: which requests, and where."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

from attrs import frozen

from jobcancel._core.decision import Cancellation
from jobcancel._core.policies import CancelCause

from .frames import Location

UNCANCELED: Final = "uncanceled"
"""The text of the plan without a request."""
_STEP: Final = re.compile(r"([a-z]+)@(job(?:/[0-9]+)*):([0-9]+)(?:\.([0-9]+))?")


class Request(StrEnum):
    """One cancel request of a run.

    ``CANCEL`` is a user's, ``DEFER`` and ``FORCE`` are a user's with that option. ``TIMEOUT`` and ``SHUTDOWN`` are the
    requests that the job's ``timeout_s`` and the scheduler's shutdown make.
    """

    CANCEL = "cancel"
    DEFER = "defer"
    FORCE = "force"
    TIMEOUT = "timeout"
    SHUTDOWN = "shutdown"

    def to_cancellation(self) -> Cancellation:
        """Return the request in the form that the scheduler decides on."""
        if self is Request.TIMEOUT:
            return Cancellation(CancelCause.TIMEOUT)
        if self is Request.SHUTDOWN:
            return Cancellation(CancelCause.SHUTDOWN)
        return Cancellation(CancelCause.USER, defer=self is Request.DEFER, force=self is Request.FORCE)


class Moment(StrEnum):
    """What happens at a point of a job."""

    BEGINS = "before its first step"
    AWAITS = "awaits"
    ENTERS = "has entered the stage"
    LEAVES = "has left the stage"
    RETURNED = "after its last step"


class Phase(StrEnum):
    """The part of a job's life that a point belongs to."""

    CODE = "code"
    UNWINDING = "unwinding"
    COMPENSATING = "compensating"


class PointId(NamedTuple):
    """The name of a point: the task, the number of the point in that task, and the repetition.

    The job's own task is ``job``. A task or a child that another one starts has that one's name and a number:
    ``job/1``. The order in which tasks run has no part in a name. A task that is suspended at the same await several
    times in a row has one point there, with repetitions: the number of pieces in which an answer arrives, for example,
    differs from run to run, and is not another path.
    """

    task: str
    number: int
    repetition: int = 1

    def __str__(self) -> str:
        name = f"{self.task}:{self.number}"
        return name if self.repetition == 1 else f"{name}.{self.repetition}"


@frozen
class Point:
    """One point of a job.

    Attributes:
        id: Its name.
        moment: What happens there.
        location: The line of the host's code.
        stage: The open stage of the job that the task belongs to, or None.
        phase: The part of the job's life that it belongs to.
    """

    id: PointId
    moment: Moment
    location: Location
    stage: str | None
    phase: Phase

    def __str__(self) -> str:
        stage = f" [{self.stage}]" if self.stage else ""
        phase = "" if self.phase is Phase.CODE else f" ({self.phase})"
        return f"{self.id} {self.location}{stage} {self.moment}{phase}"


class Step(NamedTuple):
    """One step of a plan: a request and the point at which it is made."""

    request: Request
    point: PointId

    def __str__(self) -> str:
        return f"{self.request}@{self.point}"


Plan = tuple[Step, ...]


def format_plan(plan: Plan) -> str:
    """Return a plan as text for ``parse_plan``: ``cancel@job:5+force@job:9``, or ``uncanceled``."""
    return "+".join(map(str, plan)) or UNCANCELED


def parse_plan(text: str) -> Plan:
    """Return the plan that ``format_plan`` turned into this text.

    Raises:
        ValueError: The text is no plan.
    """
    if text == UNCANCELED:
        return ()
    plan: list[Step] = []
    for part in text.split("+"):
        match = _STEP.fullmatch(part)
        if match is None or match[1] not in set(Request):
            raise ValueError(
                f"only: {text!r} is not a plan; pass one from a report, for example 'cancel@job:5' or "
                f"'cancel@job:5+force@job:9' (the requests are {', '.join(Request)}), or {UNCANCELED!r} for the run "
                "without a request"
            )
        plan.append(Step(Request(match[1]), PointId(match[2], int(match[3]), int(match[4] or 1))))
    return tuple(plan)
