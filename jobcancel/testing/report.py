"""The report of an exploration: as a table for people, as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from jobcancel._core.decision import Outcome
from jobcancel._core.states import JobState

from .findings import Fault
from .frames import Location
from .plan import Point


@frozen
class Finding:
    """One fault at one line of the host's code.

    Attributes:
        fault: What is wrong.
        location: The line to look at.
        stage: The stage that was open at the request; None between stages and in a run without a request.
        message: Details; may be empty.
        verdicts: The answers to the requests.
        state: The state in which the job ended.
        replay: The run's plan, for ``explore(only=...)``; ``uncanceled`` for the run without a request.
        times: How many runs show the fault; the other attributes are those of the first one.
    """

    fault: Fault
    location: Location
    stage: str | None
    message: str
    verdicts: tuple[Outcome, ...]
    state: JobState
    replay: str
    times: int = 1

    @property
    def file(self) -> str:
        """The file of the line to look at; empty if there is none."""
        return self.location.file

    @property
    def line(self) -> int:
        """The number of the line to look at; 0 if there is none."""
        return self.location.line


@frozen
class Divergence:
    """A run that left the recorded path: it does not show what it was planned to show.

    Attributes:
        replay: Its plan.
        planned: The point of the plan at which the request could not be made.
        expected: The point that was recorded; None if the recorded run has no such point.
        actual: The point that the job reached instead; None if it ended before.
    """

    replay: str
    planned: str
    expected: Point | None
    actual: Point | None

    def __str__(self) -> str:
        missing = f"{self.planned}, which is not a point of the job"
        expected = missing if self.expected is None else str(self.expected)
        actual = "the job ended before it" if self.actual is None else f"reached {self.actual}"
        return f"{self.replay}: expected {expected}; {actual}"


@frozen
class Report:
    """What an exploration did and found.

    Attributes:
        points: How many points the job has without a request.
        runs: How many runs were made.
        visited: How many points all runs had together: a measure of the work.
        covered: At how many points a request was made.
        findings: What is wrong, each fault once.
        diverged: Runs that left the recorded path.
        skipped: How many runs were not made: the budget was used up, or the job is endless without a request.
    """

    points: int
    runs: int
    visited: int
    covered: int
    findings: tuple[Finding, ...]
    diverged: tuple[Divergence, ...]
    skipped: int

    @property
    def ok(self) -> bool:
        """Whether every point was covered and nothing was found."""
        return not (self.findings or self.diverged or self.skipped)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.covered} of {self.points} points covered in {self.runs} runs: {len(self.findings)} findings"
        for finding in self.findings:
            times = f" ({finding.times} runs)" if finding.times > 1 else ""
            stage = f" [{finding.stage}]" if finding.stage else ""
            yield f"  {finding.fault}: {finding.location}{stage}{times}"
            if finding.message:
                yield f"    {finding.message}"
            verdicts = ", ".join(finding.verdicts) or "no request"
            yield f"    {verdicts}; it ended {finding.state}; replay: only={finding.replay!r}"
        for divergence in self.diverged:
            yield f"  diverged, not covered: {divergence}"
        if self.skipped:
            yield f"  not covered: {self.skipped} more runs were skipped"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "points": self.points,
            "runs": self.runs,
            "visited": self.visited,
            "covered": self.covered,
            "skipped": self.skipped,
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
