"""The journal's entries: plain data, each a change of one job, and how they are encoded and decoded.

What may live in this file: what an entry is, which fields of a job it has, and the way back (``Replay``). Times are
seconds since the job was submitted, so that they mean the same to a process with another clock.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from attrs import define, field

from .compensations import AnyUndo, Undo, name_of
from .decision import Cancellation, Outcome
from .endings import Failure
from .job import NO_ORIGIN, JobRecord, Origin, ProgressRecord, RawEntry
from .packing import Facts
from .policies import CancelCause, FailureCode
from .specs import KindSpec, Stage
from .states import JobState

FORMAT: Final = 1  # of the entries' bodies; a store keeps it beside them and refuses a higher one

Body: TypeAlias = dict[str, Any]

_MARKS: Final = ("held", "forced", "ignored", "abandoned", "pierced", "compensated", "stuck", "unresponsive")


class Entry(NamedTuple):
    """One entry of the journal.

    Attributes:
        job_id: The job's id.
        body: What has changed, as plain data (None, bool, int, float, str, lists, and dicts by string); None with
            ``final``: the job is forgotten.
        final: Whether it replaces all earlier entries of that job, which need not be kept any longer. Its body has
            ``final`` too, so that a store need not give this back.
    """

    job_id: str
    body: Body | None
    final: bool = False


def encode_identity(job: JobRecord) -> Body:
    """Return the fields of a job that never change."""
    owner, labels, key, parent_id = job.origin
    body: Body = {"seq": job.seq, "kind": job.spec.name, "created_at": job.created_at}
    if owner is not None:
        body["owner"] = owner
    if labels is not None:
        body["labels"] = labels
    if key is not None:
        body["key"] = key
    if parent_id is not None:
        body["parent_id"] = parent_id
    return body


def encode_state(job: JobRecord) -> Body:
    """Return the fields of a job that each entry may replace."""
    created = job.created
    body: Body = {"state": job.state.value, "attempt": job.attempt}
    if job.started is not None:
        body["started"] = job.started - created
    if job.settled is not None:
        body["settled"] = job.settled - created
    if job.stage is not None:
        body["stage"] = [job.stage.name, job.stage_at - created, job.stage.commits]
    if job.progress is not None:
        done, total, message, _, *counts = job.progress.plain()
        body["progress"] = [done, total, message, *counts]
    if job.undos:
        body["undos"] = job.undos
    if job.cancel is not None:
        body["cancel"] = _encode_cancel(job.cancel, created)
    if job.failure is not None:
        body["failure"] = [job.failure.code.value, job.failure.message, {**job.failure.details}]
    return body


def _encode_cancel(cancel: Cancellation, created: float) -> list[Any]:
    return [
        cancel.cause.value,
        cancel.by,
        cancel.reason,
        cancel.requested_at - created,
        cancel.outcome.value,
        None if cancel.delivered_at is None else cancel.delivered_at - created,
        [mark for mark in _MARKS if getattr(cancel, mark)],
    ]


def encode_request(request: Cancellation) -> list[Any]:
    """Return a request that is not yet decided, as plain data."""
    return [request.by, request.reason, request.defer, request.force]


def encode_undo(undo: AnyUndo) -> list[Any]:
    """Return a compensation as plain data; of a function without a registered name, its name in the history alone."""
    if isinstance(undo, Undo):
        return [undo.name, undo.n, undo.args, undo.kwargs]
    return [name_of(undo), 0, [], {}]


def encode_history(history: Sequence[RawEntry], created: float) -> list[list[Any]]:
    """Return entries of a history as plain data."""
    return [[step, at - created, *rest] for step, at, *rest in history]


def encode_tombstone(facts: Facts, key: str, created_at: float, arguments: Body) -> Body:
    """Return what the journal keeps of a retired job while its key still leads to it."""
    return {
        "final": True,
        "forgotten": True,
        "seq": facts.seq,
        "kind": facts.kind,
        "owner": facts.owner,
        "key": key,
        "created_at": created_at,
        "arguments": arguments,
        "state": str(facts.state),
    }


class _Coverage(NamedTuple):
    """What the entries of a job cover: fields by name, and how much of what only grows (undos: the very objects)."""

    fields: Body
    history: int
    undo: Sequence[AnyUndo]
    results: int
    children: int


_NOTHING: Final = _Coverage({}, 0, (), 0, 0)
_SUBMITTED: Final = _Coverage({"state": "pending", "attempt": 1}, 0, (), 0, 0)  # most waiting jobs share it


@define(eq=False, weakref_slot=False)
class JobJournal:
    """What the journal has of one job, and what has to be added.

    Attributes:
        job: The job.
        args: The handler's arguments, plain data.
        kwargs: The handler's arguments by keyword, plain data.
        timeout_s: Seconds the job may run, or None for its kind's.
        requests: Cancel requests that are in the journal and not yet decided.
        committing: The stage that commits and is about to begin, or open.
        starting: Whether its code may begin though its state is pending.
        results: The results of ``run_stage`` in this and earlier attempts: stage, which passage through it (from 0),
            value.
        finished: Whether the final entry was made: nothing may follow it.
    """

    job: JobRecord
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    timeout_s: float | None
    requests: Sequence[Cancellation] = field(default=(), init=False)
    committing: str | None = field(default=None, init=False)
    starting: bool = field(default=False, init=False)
    results: Sequence[tuple[str, int, Any]] = field(default=(), init=False)
    finished: bool = field(default=False, init=False)
    _committed: _Coverage = field(default=_NOTHING, init=False)
    _last: _Coverage = field(default=_NOTHING, init=False)

    def add_request(self, request: Cancellation) -> None:
        """Journal a request until it is decided."""
        self.requests = (*self.requests, request)

    def remove_request(self, request: Cancellation) -> None:
        """Drop a request: it is decided, or its commit failed."""
        self.requests = tuple(each for each in self.requests if each is not request)

    def changes(self) -> Entry:
        """Return an entry with what has changed since the last committed one."""
        state, before = self._state(), self._committed.fields
        if not before:
            body = self._identity()
            body |= state
        else:
            body = {name: value for name, value in state.items() if before.get(name) != value}
            body |= dict.fromkeys(before.keys() - state.keys())  # None: the field is gone
        self._last = self._add_growth(body, state)
        return Entry(self.job.id, body)

    def _state(self) -> Body:
        """Return the fields that each entry may replace: the job's, and those of what is about to happen."""
        body = encode_state(self.job)
        if self.requests:
            body["asked"] = [encode_request(request) for request in self.requests]
        if self.committing is not None:
            body["committing"] = self.committing
        if self.starting:
            body["starting"] = True
        return body

    def _add_growth(self, body: Body, state: Body) -> _Coverage:
        """Add what only grows to an entry's body; return what the journal covers with that entry."""
        job, before = self.job, self._committed
        history, undo, results = job.history or (), job.undo or (), self.results
        children = () if job.progress is None else job.progress.children
        if len(history) > before.history:
            body["history"] = encode_history(history[before.history :], job.created)
        if undo or before.undo:
            same = _common(before.undo, undo)
            if same < len(before.undo) or same < len(undo):
                body["undo"] = [same, [encode_undo(each) for each in undo[same:]]]
        if len(results) > before.results:
            body["results"] = [list(result) for result in results[before.results :]]
        if len(children) > before.children:
            body["children"] = list(children[before.children :])
        coverage = _Coverage(state, len(history), tuple(undo), len(results), len(children))
        return _SUBMITTED if coverage == _SUBMITTED else coverage

    def mark_committed(self) -> None:
        """Mark the last entry as committed."""
        self._committed = self._last

    def committed(self, name: str) -> Any:
        """Return the committed value of a field, or None."""
        return self._committed.fields.get(name)

    @property
    def undos_committed(self) -> bool:
        """Whether all of the job's compensations are committed. More may be, which have run or were dropped."""
        undo = self.job.undo or ()
        return _common(self._committed.undo, undo) == len(undo)

    def final(self, result: Any, arguments: Body | None) -> Entry:
        """Return the one entry of a settled job: its snapshot and, if a key leads to it, its arguments.

        Args:
            result: Its result, plain data.
            arguments: By parameter, or None for a job without a key.
        """
        job, self.finished = self.job, True
        body = encode_identity(job) | encode_state(job)
        body["final"] = True
        if result is not None:
            body["result"] = result
        if arguments is not None:
            body["arguments"] = arguments
        if job.history is not None:
            body["history"] = encode_history(job.history, job.created)
        if job.progress is not None and job.progress.children:
            body["children"] = job.progress.children
        return Entry(job.id, body, final=True)

    def _identity(self) -> Body:
        body = encode_identity(self.job)
        if self.args:
            body["args"] = [*self.args]
        if self.kwargs:
            body["kwargs"] = {**self.kwargs}
        if self.timeout_s is not None:
            body["timeout_s"] = self.timeout_s
        return body


def _common(before: Sequence[AnyUndo], now: Sequence[AnyUndo]) -> int:
    """Return how many undos, from the oldest, are the same objects."""
    same, most = 0, min(len(before), len(now))
    while same < most and before[same] is now[same]:
        same += 1
    return same


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
