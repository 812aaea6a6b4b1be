"""From a journal's entries back to the job; ``journal`` encodes them."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from .decision import Cancellation, Outcome
from .endings import Failure
from .job import NO_ORIGIN, JobRecord, Origin, ProgressRecord
from .journal import Body
from .policies import CancelCause, FailureCode
from .specs import KindSpec, Stage
from .states import JobState


@define(eq=False, weakref_slot=False)
class Replay:
    """A job, decoded from its entries.

    Attributes:
        job_id: Its id.
        fields: The last value of each field, by name.
        history: Its history; None while that is implied.
        undo: Its compensations, oldest first.
        results: The results of ``run_stage``: stage, passage, value.
        children: The ids of its batches' children.
    """

    job_id: str
    fields: Body = field(factory=dict[str, Any], init=False)
    history: list[list[Any]] | None = field(default=None, init=False)
    undo: list[list[Any]] = field(factory=list[list[Any]], init=False)
    results: list[tuple[str, int, Any]] = field(factory=list[tuple[str, int, Any]], init=False)
    children: list[str] = field(factory=list[str], init=False)

    def take(self, body: Body) -> None:
        """Apply the next entry."""
        if "history" in body:
            self.history = self.history or []
            self.history += body["history"]
        if "undo" in body:
            same, added = body["undo"]
            self.undo = [*self.undo[:same], *added]
        self.results += [(stage, passage, value) for stage, passage, value in body.get("results", ())]
        self.children += body.get("children", ())
        self.fields |= body

    @property
    def kind(self) -> str:
        """The name of its kind."""
        name: str = self.fields["kind"]
        return name

    @property
    def state(self) -> JobState:
        """Its state."""
        return JobState(self.fields["state"])

    @property
    def origin(self) -> Origin:
        """Its owner, labels, key and parent."""
        origin = Origin(*(self.fields.get(name) for name in Origin._fields))
        return NO_ORIGIN if origin == NO_ORIGIN else origin

    @property
    def requests(self) -> list[Cancellation]:
        """Cancel requests that were committed and never decided."""
        return [Cancellation(CancelCause.USER, *request) for request in self.fields.get("asked") or ()]

    @property
    def final(self) -> bool:
        """Whether it has settled, and its one entry has all that is kept of it."""
        return "final" in self.fields

    def record(self, spec: KindSpec, offset: float) -> JobRecord:
        """Return the job without its compensations.

        Args:
            spec: Its kind.
            offset: Seconds to add to seconds since 1970 to get the monotonic clock.
        """
        at = self.fields["created_at"]
        job = JobRecord(self.job_id, self.fields["seq"], spec, at, at + offset, self.origin)
        self.fill(job)
        return job

    def fill(self, job: JobRecord) -> None:
        """Set the fields of a new job to what its entries have, without its compensations."""
        fields, created = self.fields, job.created
        job.state, job.attempt = self.state, fields["attempt"]
        job.started, job.settled = _at(created, fields.get("started")), _at(created, fields.get("settled"))
        job.undos = fields.get("undos") or 0
        if self.history is not None:
            job.history = [(step, created + at, *rest) for step, at, *rest in self.history]
        if fields.get("stage") is not None:
            name, at, commits = fields["stage"]
            declared = [stage for stage in job.spec.stages if stage.name == name]
            job.stage, job.stage_at = declared[0] if declared else Stage(name, commits=commits), created + at
        if fields.get("progress") is not None:
            done, total, message, *counts = fields["progress"]
            job.progress = ProgressRecord(done, total, message, list(self.children), *counts)
        if fields.get("cancel") is not None:
            job.cancel = _cancellation(fields["cancel"], created)
        if fields.get("failure") is not None:
            code, message, details = fields["failure"]
            job.failure = Failure(FailureCode(code), message, details)
        job.result = fields.get("result")


def _cancellation(fields: list[Any], created: float) -> Cancellation:
    cause, by, reason, requested, outcome, delivered, marks = fields
    cancel = Cancellation(CancelCause(cause), by, reason)
    cancel.requested_at, cancel.outcome = created + requested, Outcome(outcome)
    cancel.delivered_at = _at(created, delivered)
    for mark in marks:
        setattr(cancel, mark, True)
    return cancel


def _at(created: float, since: float | None) -> float | None:
    return None if since is None else created + since
