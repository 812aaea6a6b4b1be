"""The journal's entries: a job as plain data, written as it changes, and read back as the same job.

What may live in this file: what an entry says, how one is made of a job, and how a job is made of its entries. An
entry says only what has changed since the last one of its job; applied in their order they give the job as it was.
Times are seconds since the job was submitted, so that they mean the same to a process with another clock.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from .causes import CancelCause, Failure, FailureCode
from .compensations import AnyUndo, Undo, name_of
from .decision import Cancellation, Outcome
from .history import RawEntry
from .origin import NO_ORIGIN, Origin
from .packing import Facts
from .plain import plain
from .progress import ProgressRecord
from .record import JobRecord
from .specs import Stage
from .states import JobState

FORMAT: Final = 1  # of the entries' bodies; a store keeps it beside them and refuses a higher one

Body: TypeAlias = dict[str, Any]

_MARKS: Final = ("held", "forced", "ignored", "abandoned", "pierced", "compensated", "stuck", "unresponsive")


class Entry(NamedTuple):
    """One entry of the journal.

    Attributes:
        job_id: Whose it is.
        body: What it says, as plain data (None, bool, int, float, str, lists, and dicts by string); None with
            ``final``: the job is to be forgotten.
        final: Whether it stands for all entries of that job before it, which need not be kept any longer.
    """

    job_id: str
    body: Body | None
    final: bool = False


class JobJournal:
    """What the journal says of one job, and what it does not yet say.

    Attributes:
        job: The job.
        args: The handler's arguments, plain data.
        kwargs: Those by keyword.
        timeout_s: Seconds it may run, or None for its kind's.
        asked: Requests that are kept but not yet decided.
        committing: The stage that commits and is about to begin, or open.
        results: What ``run_stage`` gave in this and earlier attempts: stage, which passage through it (from 0), value.
    """

    __slots__ = ("_made", "_written", "args", "asked", "committing", "job", "kwargs", "results", "timeout_s")

    def __init__(self, job: JobRecord, args: list[Any], kwargs: Body, timeout_s: float | None) -> None:
        self.job, self.args, self.kwargs, self.timeout_s = job, args, kwargs, timeout_s
        self.asked: list[Cancellation] = []
        self.committing: str | None = None
        self.results: list[tuple[str, int, Any]] = []
        self._written = self._made = _Said({}, 0, [], 0, 0)

    def entry(self) -> Entry:
        """Return what has changed since the last entry that was kept."""
        job, before = self.job, self._written
        said = {**_identity(job), **self._arguments(), **_standing(job), "asked": _asked(self.asked)}
        said["committing"] = self.committing
        if job.cancel is not None:
            said["cancel"] = _cancel(job.cancel, job.created)
        history, undo = job.history or [], list(job.undo or ())
        children = [] if job.progress is None else job.progress.children
        body = {name: value for name, value in said.items() if before.fields.get(name) != value}
        if len(history) > before.history:
            body["history"] = [_relative(entry, job.created) for entry in history[before.history :]]
        kept = _common(before.undo, undo)
        if kept < len(before.undo) or kept < len(undo):
            body["undo"] = [kept, [_undo(each) for each in undo[kept:]]]
        if len(self.results) > before.results:
            body["results"] = [list(result) for result in self.results[before.results :]]
        if len(children) > before.children:
            body["children"] = children[before.children :]
        self._made = _Said(said, len(history), undo, len(self.results), len(children))
        return Entry(job.id, body)

    def kept(self) -> None:
        """Know that the entry made last was kept."""
        self._written = self._made

    @property
    def begun(self) -> bool:
        """Whether the journal says anything of the job."""
        return bool(self._written.fields)

    def final(self, result: Any, arguments: Body | None) -> Entry:
        """Return all that is kept of a settled job: what it looks like and, if a key leads to it, its arguments.

        Args:
            result: What is kept of its result, plain data.
            arguments: By parameter, or None for a job without a key.
        """
        job = self.job
        said = {**_identity(job), **_standing(job), "result": result, "arguments": arguments}
        if job.cancel is not None:
            said["cancel"] = _cancel(job.cancel, job.created)
        if job.failure is not None:
            said["failure"] = [job.failure.code.value, job.failure.message, plain(job.failure.details, "details")]
        if job.history is not None:
            said["history"] = [_relative(entry, job.created) for entry in job.history]
        if job.progress is not None and job.progress.children:
            said["children"] = job.progress.children
        return Entry(job.id, {name: value for name, value in said.items() if value is not None}, final=True)

    def _arguments(self) -> Body:
        return {"args": self.args or None, "kwargs": self.kwargs or None, "timeout_s": self.timeout_s}


class _Said(NamedTuple):
    """What the entries of a job say: fields by name, and how much of what only grows (undos: the very objects)."""

    fields: Body
    history: int
    undo: list[AnyUndo]
    results: int
    children: int


def _identity(job: JobRecord) -> Body:
    owner, labels, key, parent_id = job.origin
    return {
        "seq": job.seq,
        "kind": job.spec.name,
        "created_at": job.created_at,
        "owner": owner,
        "labels": labels,
        "key": key,
        "parent_id": parent_id,
    }


def _standing(job: JobRecord) -> Body:
    """Return where a job stands, and what of its progress does not only grow."""
    created, stage, progress = job.created, job.stage, job.progress
    return {
        "state": job.state.value,
        "attempt": job.attempt,
        "started": _since(created, job.started),
        "settled": _since(created, job.settled),
        "stage": None if stage is None else [stage.name, job.stage_at - created, stage.commits],
        "progress": None if progress is None else [*progress.plain()[:3], *progress.plain()[4:]],
        "undos": job.undos or None,
    }


def _cancel(cancel: Cancellation, created: float) -> list[Any]:
    return [
        cancel.cause.value,
        cancel.by,
        cancel.reason,
        cancel.requested_at - created,
        cancel.outcome.value,
        _since(created, cancel.delivered_at),
        [mark for mark in _MARKS if getattr(cancel, mark)],
    ]


def _asked(requests: list[Cancellation]) -> list[Any] | None:
    return [[each.by, each.reason, each.defer, each.force] for each in requests] or None


def _undo(undo: AnyUndo) -> list[Any]:
    if isinstance(undo, Undo):
        return [undo.name, undo.n, undo.args, undo.kwargs]
    return [name_of(undo), 0, [], {}]  # a function of this process: that it was there is all that can be kept


def _common(before: list[AnyUndo], now: list[AnyUndo]) -> int:
    """Return how many undos, from the oldest, are still the same."""
    kept = 0
    for earlier, later in zip(before, now, strict=False):
        if earlier is not later:
            break
        kept += 1
    return kept


def _since(created: float, at: float | None) -> float | None:
    return None if at is None else at - created


def _relative(entry: RawEntry, created: float) -> list[Any]:
    step, at, *rest = entry
    return [step, at - created, *rest]


class Replay:
    """A job as its entries tell it.

    Attributes:
        job_id: Its id.
        fields: What the entries said last, by name.
        history: What happened; None while that is implied.
        undo: Its compensations, oldest first.
        results: What ``run_stage`` gave.
    """

    __slots__ = ("children", "fields", "history", "job_id", "results", "undo")

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.fields: Body = {}
        self.history: list[list[Any]] | None = None
        self.undo: list[list[Any]] = []
        self.results: list[tuple[str, int, Any]] = []
        self.children: list[str] = []

    def take(self, body: Body) -> None:
        """Apply the next entry."""
        if "history" in body:
            self.history = self.history or []
            self.history += body["history"]
        if "undo" in body:
            kept, added = body["undo"]
            self.undo = [*self.undo[:kept], *added]
        self.results += [(stage, passage, value) for stage, passage, value in body.get("results", ())]
        self.children += body.get("children", ())
        self.fields |= body

    @property
    def kind(self) -> str:
        """Its kind's name."""
        name: str = self.fields["kind"]
        return name

    @property
    def state(self) -> JobState:
        """Where it was in its life."""
        return JobState(self.fields["state"])

    @property
    def origin(self) -> Origin:
        """What was said of it at its submit."""
        origin = Origin(*(self.fields.get(name) for name in Origin._fields))
        return NO_ORIGIN if origin == NO_ORIGIN else origin

    @property
    def asked(self) -> list[Cancellation]:
        """Requests that were kept and never decided."""
        return [Cancellation(CancelCause.USER, *request) for request in self.fields.get("asked") or ()]

    def fill(self, job: JobRecord) -> None:
        """Make a job, new but for its identity, what its entries say; its undos aside."""
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


def remains(facts: Facts, key: str, created_at: float, arguments: Body, *, failed: bool) -> Body:
    """Return what is kept of a job that was let go while its key still leads to it."""
    return {
        "forgotten": True,
        "seq": facts.seq,
        "kind": facts.kind,
        "owner": facts.owner,
        "key": key,
        "created_at": created_at,
        "arguments": arguments,
        "failed": failed,
    }
