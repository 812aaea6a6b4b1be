"""What an exploration found: as a table for people, as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from jobcancel._core.decision import Outcome
from jobcancel._core.states import JobState

from .findings import Fault
from .places import Spot
from .points import Point


@frozen
class Finding:
    """One fault at one point of the job.

    Attributes:
        fault: What is wrong.
        spot: The line to look at.
        stage: The stage that was open at the request; None between stages, and where nobody asked.
        message: What there is to say beside it.
        verdicts: What the requests were answered.
        state: How the job ended.
        replay: The run's plan, for ``explore(only=...)``; ``uncanceled`` for the run in which nobody asked.
        times: How many runs show it; this one is the first.
    """

    fault: Fault
    spot: Spot
    stage: str | None
    message: str
    verdicts: tuple[Outcome, ...]
    state: JobState
    replay: str
    times: int = 1

    @property
    def file(self) -> str:
        """The file of the line to look at."""
        return self.spot.file

    @property
    def line(self) -> int:
        """The number of the line to look at."""
        return self.spot.line


@frozen
class Divergence:
    """A run that left the path that was recorded, so that what it was to show is not known.

    Attributes:
        replay: Its plan.
        planned: The point of that plan at which no request could be made.
        expected: Where the job should have been; None if the run that was recorded has no such point.
        came: Where it was; None if it never got so far.
    """

    replay: str
    planned: str
    expected: Point | None
    came: Point | None

    def __str__(self) -> str:
        missing = f"{self.planned}, which is no point of the job"
        expected = missing if self.expected is None else str(self.expected)
        came = "the job ended before" if self.came is None else f"came {self.came}"
        return f"{self.replay}: expected {expected}, {came}"


@frozen
class Report:
    """What an exploration did and found.

    Attributes:
        points: How many moments the job has when nobody cancels it.
        runs: How many runs were made.
        moments: How many moments these had in all: the work that was done.
        covered: How many points a request was made at.
        findings: What is wrong, each once.
        diverged: Runs that show nothing.
        left: Plans of runs that were not made: the budget was used up, or the job is endless though nobody asks.
    """

    points: int
    runs: int
    moments: int
    covered: int
    findings: tuple[Finding, ...]
    diverged: tuple[Divergence, ...]
    left: int

    @property
    def ok(self) -> bool:
        """Whether every point was covered and nothing was found."""
        return not (self.findings or self.diverged or self.left)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.covered} of {self.points} points covered in {self.runs} runs: {len(self.findings)} findings"
        for finding in self.findings:
            times = f" ({finding.times} runs)" if finding.times > 1 else ""
            stage = f" [{finding.stage}]" if finding.stage else ""
            yield f"  {finding.fault}: {finding.spot}{stage}{times}"
            if finding.message:
                yield f"    {finding.message}"
            asked = ", ".join(finding.verdicts) or "nobody asked"
            yield f"    {asked}; it ended {finding.state}; replay: only={finding.replay!r}"
        for divergence in self.diverged:
            yield f"  diverged, not covered: {divergence}"
        if self.left:
            yield f"  not covered: {self.left} more runs were not made"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "points": self.points,
            "runs": self.runs,
            "moments": self.moments,
            "covered": self.covered,
            "left": self.left,
            "findings": [
                {
                    "fault": finding.fault.value,
                    "file": finding.file,
                    "line": finding.line,
                    "stage": finding.stage,
                    "message": finding.message,
                    "verdicts": [str(outcome) for outcome in finding.verdicts],
                    "state": finding.state.value,
                    "replay": finding.replay,
                    "times": finding.times,
                }
                for finding in self.findings
            ],
            "diverged": [str(divergence) for divergence in self.diverged],
        }

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), indent=2)
