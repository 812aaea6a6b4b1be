"""What came of a job that was asked to cancel in a test."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from attrs import frozen

from jobcancel._core.decision import Verdict
from jobcancel._core.snapshot import Snapshot

from .timeline import timeline

R_co = TypeVar("R_co", covariant=True)


@frozen
class Run(Generic[R_co]):
    """One run of a job to its end; ``str()`` of it tells the story, for assertion messages.

    Attributes:
        verdicts: The answers to the cancel requests made in it, in order.
        snapshot: The settled job.
        app: What the handler had as ``job.app``.
    """

    verdicts: tuple[Verdict, ...]
    snapshot: Snapshot[R_co]
    app: Any = None

    @property
    def verdict(self) -> Verdict:
        """The answer to the first request.

        Raises:
            LookupError: Nobody asked in this run.
        """
        if not self.verdicts:
            raise LookupError(f"nobody asked for a cancel of job {self.snapshot.id} in this run: it has no verdict")
        return self.verdicts[0]

    def __str__(self) -> str:
        return "\n".join([*map(_line, self.verdicts), timeline(self.snapshot)])


def _line(verdict: Verdict) -> str:
    where = "between stages" if verdict.stage is None else f"in stage {verdict.stage}"
    return f"verdict {verdict.outcome}: {where}, state then {verdict.state}"
