"""The journal's entries: a job as plain data, written as it changes, and read back as the same job.

What may live in this file: what an entry says, and how one is made of a job; ``replay`` has the way back. An entry says
only what has changed since the last one of its job; applied in their order they give the job as it was. Times are
seconds since the job was submitted, so that they mean the same to a process with another clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from .causes import Failure
from .compensations import AnyUndo, Undo, name_of
from .decision import Cancellation
from .history import RawEntry
from .packing import Facts
from .record import JobRecord

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

    __slots__ = (
        "_made",
        "_written",
        "args",
        "asked",
        "committing",
        "finished",
        "job",
        "kwargs",
        "results",
        "starting",
        "timeout_s",
    )

    def __init__(self, job: JobRecord, args: Sequence[Any], kwargs: Mapping[str, Any], timeout_s: float | None) -> None:
        self.job: JobRecord = job
        self.args: Sequence[Any] = args
        self.kwargs: Mapping[str, Any] = kwargs
        self.timeout_s: float | None = timeout_s
        self.asked: Sequence[Cancellation] = ()
        self.committing: str | None = None
        self.starting: bool = False
        self.finished: bool = False
        self.results: Sequence[tuple[str, int, Any]] = ()
        self._written = self._made = _NOTHING

    def ask(self, request: Cancellation) -> None:
        """Have a request kept until it is decided."""
        self.asked = (*self.asked, request)

    def answer(self, request: Cancellation) -> None:
        """Keep a request no longer: it is decided, or was not kept."""
        self.asked = tuple(each for each in self.asked if each is not request)

    def entry(self) -> Entry:
        """Return what has changed since the last entry that was kept."""
        job, before = self.job, self._written
        said = _standing(job)
        said["asked"], said["committing"] = _asked(self.asked), self.committing
        said["starting"] = self.starting or None
        said["cancel"] = None if job.cancel is None else _cancel(job.cancel, job.created)
        said["failure"] = None if job.failure is None else _failure(job.failure)
        if before is _NOTHING:
            body = {name: value for name, value in {**self._identity(), **said}.items() if value is not None}
        else:
            fields = before.fields
            body = {name: value for name, value in said.items() if fields.get(name) != value}
        history, undo, results = job.history or (), job.undo or (), self.results
        children = () if job.progress is None else job.progress.children
        if len(history) > before.history:
            body["history"] = [_relative(entry, job.created) for entry in history[before.history :]]
        if undo or before.undo:
            kept = _common(before.undo, undo)
            if kept < len(before.undo) or kept < len(undo):
                body["undo"] = [kept, [_undo(each) for each in undo[kept:]]]
        if len(results) > before.results:
            body["results"] = [list(result) for result in results[before.results :]]
        if len(children) > before.children:
            body["children"] = list(children[before.children :])
        self._made = _Said(said, len(history), tuple(undo), len(results), len(children))
        return Entry(job.id, body)

    def kept(self) -> None:
        """Know that the entry made last was kept."""
        self._written = self._made

    def says(self, name: str) -> Any:
        """Return what the journal says now."""
        return self._written.fields.get(name)

    @property
    def knows_undo(self) -> bool:
        """Whether the journal says all of the job's compensations; it may say more, which have run or were dropped."""
        undo = self.job.undo or ()
        return _common(self._written.undo, undo) == len(undo)

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
        job, self.finished = self.job, True
        said = {**_identity(job), **_standing(job), "result": result, "arguments": arguments, "final": True}
        if job.cancel is not None:
            said["cancel"] = _cancel(job.cancel, job.created)
        if job.failure is not None:
            said["failure"] = _failure(job.failure)
        if job.history is not None:
            said["history"] = [_relative(entry, job.created) for entry in job.history]
        if job.progress is not None and job.progress.children:
            said["children"] = job.progress.children
        return Entry(job.id, {name: value for name, value in said.items() if value is not None}, final=True)

    def _identity(self) -> Body:
        """Return what is said once."""
        called = {"args": [*self.args] or None, "kwargs": {**self.kwargs} or None, "timeout_s": self.timeout_s}
        return _identity(self.job) | called


class _Said(NamedTuple):
    """What the entries of a job say: fields by name, and how much of what only grows (undos: the very objects)."""

    fields: Body
    history: int
    undo: Sequence[AnyUndo]
    results: int
    children: int


_NOTHING: Final = _Said({}, 0, (), 0, 0)


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
        "state": job.state._value_,  # the plain string without the cost of the property
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


def _failure(failure: Failure) -> list[Any]:
    return [failure.code.value, failure.message, {**failure.details}]


def _asked(requests: Sequence[Cancellation]) -> list[Any] | None:
    return [[each.by, each.reason, each.defer, each.force] for each in requests] if requests else None


def _undo(undo: AnyUndo) -> list[Any]:
    if isinstance(undo, Undo):
        return [undo.name, undo.n, undo.args, undo.kwargs]
    return [name_of(undo), 0, [], {}]  # a function of this process: that it was there is all that can be kept


def _common(before: Sequence[AnyUndo], now: Sequence[AnyUndo]) -> int:
    """Return how many undos, from the oldest, are still the same."""
    kept, most = 0, min(len(before), len(now))
    while kept < most and before[kept] is now[kept]:
        kept += 1
    return kept


def _since(created: float, at: float | None) -> float | None:
    return None if at is None else at - created


def _relative(entry: RawEntry, created: float) -> list[Any]:
    step, at, *rest = entry
    return [step, at - created, *rest]


def remains(facts: Facts, key: str, created_at: float, arguments: Body, *, failed: bool) -> Body:
    """Return what is kept of a job that was let go while its key still leads to it."""
    return {
        "final": True,
        "forgotten": True,
        "seq": facts.seq,
        "kind": facts.kind,
        "owner": facts.owner,
        "key": key,
        "created_at": created_at,
        "arguments": arguments,
        "failed": failed,
    }
