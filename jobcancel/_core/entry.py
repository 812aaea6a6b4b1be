"""The journal's entries: what each says of a job, as plain data.

What may live in this file: what an entry is, and how the fields of one are made of a job; ``journal`` says which of
them have changed, and ``replay`` has the way back. Times are seconds since the job was submitted, so that they mean
the same to a process with another clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

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
