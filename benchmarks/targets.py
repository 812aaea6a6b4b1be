"""What the measurements must reach, and should: ratios of CPU time, from section 11 of the design."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Final

from attrs import frozen

from .rounds import Round
from .settle import JOB_WITH_STAGES, STAGES


@frozen
class Target:
    """One ratio.

    Attributes:
        row: What is measured.
        against: Against whom.
        must: The ratio that may not be exceeded; None if nothing is promised.
        aim: The one to be had if it is cheap.
        ratio: The ratio in one round.
    """

    row: str
    against: str
    must: float | None
    aim: float | None
    ratio: Callable[[Round], float]

    def figure(self, rounds: list[Round]) -> float:
        """Return the median over the rounds; both sides of a ratio come from one round, minutes do not count."""
        return median(self.ratio(one) for one in rounds)

    def verdict(self, figure: float) -> str:
        """Say whether a figure is good enough."""
        if self.must is None or self.aim is None:
            return "no target"
        if figure > self.must:
            return "MISSED"
        return "aim met" if figure <= self.aim else "must met"


def _over(other: str, one_of: str = "jobcancel") -> Callable[[Round], float]:
    return lambda one: one[one_of] / one[other]


def _floor(other: str) -> Target:
    """Return what anyio's scope alone costs, without which nothing here can be had."""
    return Target("a task and a scope", other, None, None, _over(other, "task + scope"))


def _one_stage(one: Round) -> float:
    return (one[JOB_WITH_STAGES] - one["jobcancel"]) / STAGES / one["raw task"]


SETTLE: Final = (
    Target("submit to settled", "raw task", 4.5, 3.0, _over("raw task")),
    Target("submit to settled", "anyio group + scope", 0.5, 0.35, _over("anyio group + scope")),
    Target("submit to settled", "aiojobs", 1.5, 1.0, _over("aiojobs")),
    Target("one stage", "raw task", 1.0, 0.5, _one_stage),
    _floor("raw task"),
    _floor("aiojobs"),
)
CANCEL: Final = (
    Target("cancel all", "Task.cancel", 2.5, 1.5, _over("Task.cancel")),
    Target("cancel all", "anyio scopes", None, None, _over("anyio scopes")),
    Target("cancel all", "aiojobs close", 0.8, 0.5, _over("aiojobs close")),
    _floor("Task.cancel"),
    _floor("aiojobs close"),
)
