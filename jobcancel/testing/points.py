"""Points: the moments of a job at which somebody may ask for its cancel."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

from attrs import frozen

from .asks import Ask
from .places import Spot

UNCANCELED: Final = "uncanceled"
"""The plan of the run in which nobody asks."""
_STEP: Final = re.compile(r"([a-z]+)@(job(?:/[0-9]+)*):([0-9]+)(?:\.([0-9]+))?")


class Moment(StrEnum):
    """What a job is about to do at a point."""

    BEGINS = "before its first step"
    AWAITS = "awaits"
    ENTERS = "has entered the stage"
    LEAVES = "has left the stage"
    RETURNED = "after its last step"


class Phase(StrEnum):
    """Which part of a job's life a point belongs to."""

    CODE = "code"
    UNWINDING = "unwinding"
    COMPENSATING = "compensating"


class Place(NamedTuple):
    """Names a point: the task, the how-manieth of its moments it is, and which time in a row.

    The job's own task is ``job``; the tasks and children that a task starts have its name and a number: ``job/1``.
    How tasks take turns does not matter to it. A task that stands at the same await again and again has one moment
    there: how many pieces an answer comes in, say, differs from run to run, and is not another path.
    """

    task: str
    number: int
    time: int = 1

    def __str__(self) -> str:
        return f"{self.task}:{self.number}" if self.time == 1 else f"{self.task}:{self.number}.{self.time}"


@frozen
class Point:
    """One moment of a job.

    Attributes:
        place: Its name.
        moment: What happens there.
        spot: Where in the host's code.
        stage: The open stage of the job whose task it is, or None.
        phase: Which part of the job's life it belongs to.
    """

    place: Place
    moment: Moment
    spot: Spot
    stage: str | None
    phase: Phase

    def __str__(self) -> str:
        stage = f" [{self.stage}]" if self.stage else ""
        phase = "" if self.phase is Phase.CODE else f" ({self.phase})"
        return f"{self.place} {self.spot}{stage} {self.moment}{phase}"


class Step(NamedTuple):
    """One request of a plan: what is asked, and at which point."""

    ask: Ask
    place: Place

    def __str__(self) -> str:
        return f"{self.ask}@{self.place}"


Plan = tuple[Step, ...]


def spelled(plan: Plan) -> str:
    """Return a plan in words that ``parsed`` reads: ``cancel@job:5+force@job:9``, or ``uncanceled``."""
    return "+".join(map(str, plan)) or UNCANCELED


def parsed(text: str) -> Plan:
    """Return the plan that a report spelled.

    Raises:
        ValueError: It is none.
    """
    if text == UNCANCELED:
        return ()
    plan: list[Step] = []
    for part in text.split("+"):
        match = _STEP.fullmatch(part)
        if match is None or match[1] not in set(Ask):
            asks = ", ".join(Ask)
            raise ValueError(
                f"only: {text!r} is no plan; pass one from a report, as 'cancel@job:5' or 'cancel@job:5+force@job:9' "
                f"(what is asked is one of {asks}), or {UNCANCELED!r} for the run in which nobody asks"
            )
        plan.append(Step(Ask(match[1]), Place(match[2], int(match[3]), int(match[4] or 1))))
    return tuple(plan)
