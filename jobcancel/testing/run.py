"""The result of a job's run in a test: the answers to its cancel requests and the settled job.

``cancel_at`` returns it, and ``explore`` passes it to the host's check.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from attrs import frozen

from jobcancel._core.decision import Verdict
from jobcancel._core.snapshot import Snapshot

from .timeline import timeline

R_co = TypeVar("R_co", covariant=True)


@frozen
class Run(Generic[R_co]):
    """One run of a job to its end. ``str()`` of it gives verdicts and timeline, for assertion messages.

    Attributes:
        verdicts: The answers to the cancel requests, in order.
        snapshot: The settled job.
        app: The handler's ``job.app``.
    """

    verdicts: tuple[Verdict, ...]
    snapshot: Snapshot[R_co]
    app: Any = None

    @property
    def verdict(self) -> Verdict:
        """The answer to the first request.

        Raises:
            LookupError: No cancel was requested in this run.
        """
        if not self.verdicts:
            raise LookupError(f"no cancel of job {self.snapshot.id} was requested in this run, so it has no verdict")
        return self.verdicts[0]

    def __str__(self) -> str:
        return "\n".join([*map(_verdict_line, self.verdicts), timeline(self.snapshot)])


def _verdict_line(verdict: Verdict) -> str:
    where = "between stages" if verdict.stage is None else f"in stage {verdict.stage}"
    return f"verdict {verdict.outcome}: {where}, state then {verdict.state}"
