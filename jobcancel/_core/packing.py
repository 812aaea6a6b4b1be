"""A job as plain data: the fields of its snapshot, and the packed form of a settled job.

A settled job is packed into one ``bytes``, so that a million of them cost the garbage collector nothing; a result
that is not None stands beside it. Most jobs only start and succeed: their few numbers are packed as a struct, in half
the room and a third of the time. All others are marshaled: plain data of this process, never read from elsewhere.
"""

from __future__ import annotations

import marshal
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias

from .decision import Cancellation, Verdict, decide_cancel
from .job import NO_ORIGIN, JobRecord
from .policies import OnCancel
from .states import JobState

Packed: TypeAlias = bytes | tuple[bytes, Any]
Fields: TypeAlias = tuple[Any, ...]

NOTHING_RARE: Final = (None,) * 6

# State, place, created_at, created, started, settled; the kind's name follows. The state's byte tells it from a
# marshaled tuple, whose first byte is a printable character, with or without the highest bit.
_PLAIN: Final = Struct("<BQdddd")
_STATES: Final = tuple(JobState)
_PLACES: Final = {state: place for place, state in enumerate(_STATES)}


def pack(job: JobRecord) -> Packed:
    """Return a settled job in its packed form."""
    if (
        job.history is None
        and job.origin is NO_ORIGIN
        and job.cancel is None
        and job.failure is None
        and job.progress is None
        and job.stage is None
        and job.started is not None
        and job.attempt == 1
    ):
        packed = (
            _PLAIN.pack(_PLACES[job.state], job.seq, job.created_at, job.created, job.started, job.settled)
            + job.spec.name.encode()
        )
    else:
        packed = _marshaled(fields_of(job))
    return packed if job.result is None else (packed, job.result)


def _marshaled(fields: Fields) -> bytes:
    try:
        return marshal.dumps(fields)
    except ValueError:  # a float subclass from the host's clock; everything else was checked before
        return marshal.dumps(_exact(fields))


def _exact(value: Any) -> Any:
    """Return a copy in which every float is one of Python's own."""
    if issubclass(type(value), tuple | list):
        return type(value)(map(_exact, value))
    return float.__float__(value) if issubclass(type(value), float) else value


def _unpack(blob: bytes) -> Fields:
    if blob[0] >= len(_STATES):
        fields: Fields = marshal.loads(blob)  # noqa: S302  # bytes of this process
        return fields
    state: int  # place among the states
    state, seq, *times = _PLAIN.unpack_from(blob)
    return (seq, _STATES[state]._value_, blob[_PLAIN.size :].decode(), None, None, *times, None)


class Facts(NamedTuple):
    """The fields by which jobs are searched.

    Attributes:
        seq: The place in the order of submission.
        state: The state.
        kind: The kind's name.
        owner: The owner, or None.
        labels: The labels, or None.
    """

    seq: int
    state: str
    kind: str
    owner: str | None
    labels: dict[str, str] | None


def facts_of(job: JobRecord) -> Facts:
    """Return the fields by which a job is searched."""
    return Facts(job.seq, job.state, job.spec.name, job.origin.owner, job.origin.labels)


class Settled:
    """A settled job, unpacked."""

    __slots__ = ("fields", "id", "result")

    def __init__(self, job_id: str, packed: Packed) -> None:
        blob, result = (packed, None) if isinstance(packed, bytes) else packed
        self.result: Any = result
        self.id: str = job_id
        self.fields: Fields = _unpack(blob)

    @property
    def facts(self) -> Facts:
        """The fields by which the job is searched."""
        return Facts(*self.fields[: len(Facts._fields)])

    @property
    def state(self) -> JobState:
        """The terminal state."""
        return JobState(self.facts.state)

    @property
    def settled(self) -> float:
        """When it settled, on the monotonic clock."""
        at: float = self.fields[8]
        return at

    @property
    def created_at(self) -> float:
        """When it was submitted, in seconds since 1970."""
        at: float = self.fields[5]
        return at

    @property
    def key(self) -> str | None:
        """Its idempotency key, or None."""
        return self.fields[10] if len(self.fields) > 10 else None  # noqa: PLR2004  # the first rare field

    def verdict(self, request: Cancellation) -> Verdict:
        """Return the answer to a request."""
        decision = decide_cancel(self.state, OnCancel.INTERRUPT, request, None, None)
        return Verdict(self.id, decision.outcome, self.state)


def fields_of(job: JobRecord) -> Fields:
    """Return all fields but id and result as plain data, in the order that ``view`` reads.

    The fields that few jobs have come last, and are left out if none of them is set: that halves the packed size of
    most jobs.
    """
    owner, labels, key, parent_id = job.origin
    history = job.history
    if job.stage is not None:
        history = [*job.log(), (job.stage.name, job.stage_at, None, "running", None)]
    failure, cancel, progress = job.failure, job.cancel, job.progress
    common = (
        job.seq,
        job.state._value_,  # ``value`` costs 140 ns more on CPython 3.11
        job.spec.name,
        owner,
        labels,
        job.created_at,
        job.created,
        job.started,
        job.settled,
        history,
    )
    rare = (key, parent_id, job.stage, failure, cancel, progress)
    if rare == NOTHING_RARE and job.attempt == 1:
        return common
    return (
        *common,
        key,
        parent_id,
        job.stage_name,
        None if failure is None else (failure.code.value, failure.message, dict(failure.details)),
        None if cancel is None else _cancel_fields(cancel),
        None if progress is None else progress.plain(),
        job.attempt,
    )


def _cancel_fields(cancel: Cancellation) -> Fields:
    return (
        cancel.cause._value_,
        cancel.reason,
        cancel.by,
        cancel.requested_at,
        cancel.outcome._value_,
        cancel.delivered_at,
        cancel.forced,
        cancel.ignored,
        cancel.abandoned,
        cancel.pierced,
        cancel.compensated,
        cancel.stuck,
        cancel.unresponsive,
    )
