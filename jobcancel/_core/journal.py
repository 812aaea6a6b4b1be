"""The journal's entries: what each says of a job, as plain data.

What may live in this file: what an entry is, and how the fields of one are made of a job; ``journal`` says which of
them have changed, and ``replay`` has the way back. Times are seconds since the job was submitted, so that they mean
the same to a process with another clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from attrs import define, field

from .compensations import AnyUndo, Undo, name_of
from .decision import Cancellation
from .job import JobRecord, RawEntry
from .packing import Facts

FORMAT: Final = 1  # of the entries' bodies; a store keeps it beside them and refuses a higher one

Body: TypeAlias = dict[str, Any]

_MARKS: Final = ("held", "forced", "ignored", "abandoned", "pierced", "compensated", "stuck", "unresponsive")


class Entry(NamedTuple):
    """One entry of the journal.

    Attributes:
        job_id: Whose it is.
        body: What it says, as plain data (None, bool, int, float, str, lists, and dicts by string); None with
            ``final``: the job is to be forgotten.
        final: Whether it stands for all entries of that job before it, which need not be kept any longer. Its body
            says so too, so that a store need not give this back.
    """

    job_id: str
    body: Body | None
    final: bool = False


def identity(job: JobRecord) -> Body:
    """Return what is said of a job once."""
    owner, labels, key, parent_id = job.origin
    said: Body = {"seq": job.seq, "kind": job.spec.name, "created_at": job.created_at}
    if owner is not None:
        said["owner"] = owner
    if labels is not None:
        said["labels"] = labels
    if key is not None:
        said["key"] = key
    if parent_id is not None:
        said["parent_id"] = parent_id
    return said


def standing(job: JobRecord) -> Body:
    """Return where a job stands: what there is to say of it and can be said anew, and of its progress likewise."""
    created = job.created
    said: Body = {"state": job.state._value_, "attempt": job.attempt}  # the plain string without the property's cost
    if job.started is not None:
        said["started"] = job.started - created
    if job.settled is not None:
        said["settled"] = job.settled - created
    if job.stage is not None:
        said["stage"] = [job.stage.name, job.stage_at - created, job.stage.commits]
    if job.progress is not None:
        done, total, message, _, *counts = job.progress.plain()
        said["progress"] = [done, total, message, *counts]
    if job.undos:
        said["undos"] = job.undos
    if job.cancel is not None:
        said["cancel"] = _cancel(job.cancel, created)
    if job.failure is not None:
        said["failure"] = [job.failure.code.value, job.failure.message, {**job.failure.details}]
    return said


def _cancel(cancel: Cancellation, created: float) -> list[Any]:
    return [
        cancel.cause.value,
        cancel.by,
        cancel.reason,
        cancel.requested_at - created,
        cancel.outcome.value,
        None if cancel.delivered_at is None else cancel.delivered_at - created,
        [mark for mark in _MARKS if getattr(cancel, mark)],
    ]


def asked_said(request: Cancellation) -> list[Any]:
    """Return a request that is not yet decided."""
    return [request.by, request.reason, request.defer, request.force]


def undo_said(undo: AnyUndo) -> list[Any]:
    """Return a compensation."""
    if isinstance(undo, Undo):
        return [undo.name, undo.n, undo.args, undo.kwargs]
    return [name_of(undo), 0, [], {}]  # a function of this process: that it was there is all that can be kept


def history_said(history: Sequence[RawEntry], created: float) -> list[list[Any]]:
    """Return entries of a history."""
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


class _Said(NamedTuple):
    """What the entries of a job say: fields by name, and how much of what only grows (undos: the very objects)."""

    fields: Body
    history: int
    undo: Sequence[AnyUndo]
    results: int
    children: int


_NOTHING: Final = _Said({}, 0, (), 0, 0)
_SUBMITTED: Final = _Said({"state": "pending", "attempt": 1}, 0, (), 0, 0)  # of most that wait: they share it


@define(eq=False, weakref_slot=False)
class JobJournal:
    """What the journal says of one job, and what it does not yet say.

    Attributes:
        job: The job.
        args: The handler's arguments, plain data.
        kwargs: Those by keyword.
        timeout_s: Seconds it may run, or None for its kind's.
        asked: Requests that are kept but not yet decided.
        committing: The stage that commits and is about to begin, or open.
        starting: Whether its code may begin, though it is said to be pending.
        results: What ``run_stage`` gave in this and earlier attempts: stage, which passage through it (from 0), value.
        finished: Whether the final entry was made: nothing may follow it.
    """

    job: JobRecord
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    timeout_s: float | None
    asked: Sequence[Cancellation] = field(default=(), init=False)
    committing: str | None = field(default=None, init=False)
    starting: bool = field(default=False, init=False)
    results: Sequence[tuple[str, int, Any]] = field(default=(), init=False)
    finished: bool = field(default=False, init=False)
    _written: _Said = field(default=_NOTHING, init=False)
    _made: _Said = field(default=_NOTHING, init=False)

    def ask(self, request: Cancellation) -> None:
        """Have a request kept until it is decided."""
        self.asked = (*self.asked, request)

    def answer(self, request: Cancellation) -> None:
        """Keep a request no longer: it is decided, or was not kept."""
        self.asked = tuple(each for each in self.asked if each is not request)

    def entry(self) -> Entry:
        """Return what has changed since the last entry that was kept."""
        said, before = self._standing(), self._written.fields
        if not before:
            body = self._identity()
            body |= said
        else:
            body = {name: value for name, value in said.items() if before.get(name) != value}
            body |= dict.fromkeys(before.keys() - said.keys())  # None: that is no longer so
        self._made = self._grow(body, said)
        return Entry(self.job.id, body)

    def _standing(self) -> Body:
        """Return what can be said anew: where the job stands, and what is on its way."""
        said = standing(self.job)
        if self.asked:
            said["asked"] = [asked_said(request) for request in self.asked]
        if self.committing is not None:
            said["committing"] = self.committing
        if self.starting:
            said["starting"] = True
        return said

    def _grow(self, body: Body, said: Body) -> _Said:
        """Add what has only grown; return all that is said then."""
        job, before = self.job, self._written
        history, undo, results = job.history or (), job.undo or (), self.results
        children = () if job.progress is None else job.progress.children
        if len(history) > before.history:
            body["history"] = history_said(history[before.history :], job.created)
        if undo or before.undo:
            kept = _common(before.undo, undo)
            if kept < len(before.undo) or kept < len(undo):
                body["undo"] = [kept, [undo_said(each) for each in undo[kept:]]]
        if len(results) > before.results:
            body["results"] = [list(result) for result in results[before.results :]]
        if len(children) > before.children:
            body["children"] = list(children[before.children :])
        made = _Said(said, len(history), tuple(undo), len(results), len(children))
        return _SUBMITTED if made == _SUBMITTED else made

    def committed(self) -> None:
        """Mark the last entry as committed."""
        self._written = self._made

    def was_written(self, name: str) -> Any:
        """Return the value of a field in the last committed entry, or None."""
        return self._written.fields.get(name)

    @property
    def knows_undo(self) -> bool:
        """Whether the journal says all of the job's compensations; it may say more, which have run or were dropped."""
        undo = self.job.undo or ()
        return _common(self._written.undo, undo) == len(undo)

    def final(self, result: Any, arguments: Body | None) -> Entry:
        """Return all that is kept of a settled job: what it looks like and, if a key leads to it, its arguments.

        Args:
            result: What is kept of its result, plain data.
            arguments: By parameter, or None for a job without a key.
        """
        job, self.finished = self.job, True
        body = identity(job) | standing(job)
        body["final"] = True
        if result is not None:
            body["result"] = result
        if arguments is not None:
            body["arguments"] = arguments
        if job.history is not None:
            body["history"] = history_said(job.history, job.created)
        if job.progress is not None and job.progress.children:
            body["children"] = job.progress.children
        return Entry(job.id, body, final=True)

    def _identity(self) -> Body:
        """Return what is said once."""
        body = identity(self.job)
        if self.args:
            body["args"] = [*self.args]
        if self.kwargs:
            body["kwargs"] = {**self.kwargs}
        if self.timeout_s is not None:
            body["timeout_s"] = self.timeout_s
        return body


def _common(before: Sequence[AnyUndo], now: Sequence[AnyUndo]) -> int:
    """Return how many undos, from the oldest, are still the same."""
    kept, most = 0, min(len(before), len(now))
    while kept < most and before[kept] is now[kept]:
        kept += 1
    return kept
