"""The view of a job that hosts get: frozen, and built on demand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from attrs import Factory, fields, frozen, has

from .decision import Outcome
from .endings import Failure
from .plain import json_form
from .policies import CancelCause
from .states import TERMINAL, JobState

R_co = TypeVar("R_co", covariant=True)


@frozen
class BatchProgress:
    """The children of a job's batches, counted by state.

    Attributes:
        total: How many children the batches have.
        succeeded: How many have succeeded or partially succeeded.
        failed: How many have failed.
        canceled: How many were canceled.
        pending: How many have not settled yet, running ones included.
        children: Their ids, in the order of the calls.
    """

    total: int
    succeeded: int
    failed: int
    canceled: int
    pending: int
    children: tuple[str, ...]


@frozen
class Progress:
    """How far a job is.

    Attributes:
        done: Units done.
        total: Units in all, or None if unknown.
        message: One line for a person.
        batch: The roll-up of the job's batches, or None if it started none.
    """

    done: float
    total: float | None = None
    message: str | None = None
    batch: BatchProgress | None = None


@frozen
class HistoryEntry:
    """One thing that happened to a job.

    Attributes:
        step: A transition's event, a stage's name, a note's name, or a compensation's.
        at: When it happened or began (UTC).
        duration_ms: How long it took in milliseconds; None for an instant and for a stage that is open.
        status: The new state of a transition; of a stage ``running``, ``done``, ``failed``, ``timed_out``,
            ``canceled``, ``abandoned``, ``interrupted`` (its process ended) or ``reused`` (an earlier attempt's result
            stood in for it); of a compensation ``compensated`` or ``CLEANUP_FAILED``; else ``noted``.
        details: What was noted, as plain data.
    """

    step: str
    at: datetime
    duration_ms: float | None
    status: str
    details: Mapping[str, Any]


@frozen
class CancelStatus:
    """The accepted cancel of a job and how it went; ``Snapshot.state`` is how the job ended.

    Attributes:
        cause: Who asked first.
        reason: Why, in the requester's words.
        by: Name of the requester, given by the host.
        requested_at: When the request was accepted (UTC).
        outcome: The verdict it got.
        delivered_at: When the cancellation reached the job's code; None while it is held.
        forced: Forced, by this request or by a later one.
        ignored: The code returned a value after the delivery.
        abandoned: The job was settled while its code still ran.
        pierced: A cancellation that was not requested tore the job while this one was held.
        compensated: Everything that was to be undone has been undone.
        stuck: The grace is over and the job still unwinds.
        unresponsive: The code keeps swallowing the cancellation.
    """

    cause: CancelCause
    reason: str | None
    by: str | None
    requested_at: datetime
    outcome: Outcome
    delivered_at: datetime | None
    forced: bool
    ignored: bool
    abandoned: bool
    pierced: bool
    compensated: bool
    stuck: bool
    unresponsive: bool


@frozen(kw_only=True, repr=False)
class Snapshot(Generic[R_co]):
    """A job at one instant. Its ``repr`` is one line that names what tells jobs apart; ``to_dict`` has all of it.

    Attributes:
        id: Its id.
        kind: Its kind's name.
        owner: Its owner.
        labels: The host's labels.
        parent_id: The job that submitted it.
        key: Its idempotency key.
        attempt: Which run of the handler this is, from 1.
        state: Its state.
        stage: The open stage.
        created_at: When it was submitted (UTC).
        started_at: When it left the queue (UTC).
        settled_at: When it reached its terminal state (UTC).
        progress: How far it is.
        result: What the handler returned.
        failure: Why it failed.
        cancel: The accepted cancel.
        history: What happened, in the order of time; a stage stands where it began.
    """

    id: str
    kind: str
    owner: str | None = None
    labels: Mapping[str, str] = Factory(dict[str, str])
    parent_id: str | None = None
    key: str | None = None
    attempt: int = 1
    state: JobState
    stage: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    settled_at: datetime | None = None
    progress: Progress | None = None
    result: R_co | None = None
    failure: Failure | None = None
    cancel: CancelStatus | None = None
    history: tuple[HistoryEntry, ...] = ()

    def __repr__(self) -> str:
        shown: dict[str, str | int | None] = {
            "id": self.id,
            "kind": self.kind,
            "state": self.state.value,
            "stage": self.stage,
            "attempt": self.attempt,
            "failure": None if self.failure is None else self.failure.code.value,
            "cancel": None if self.cancel is None else self.cancel.outcome.value,
        }
        return f"<Snapshot {' '.join(f'{name}={value!r}' for name, value in shown.items() if value is not None)}>"

    @property
    def settled(self) -> bool:
        """Whether the job has reached its terminal state."""
        return self.state in TERMINAL

    def to_dict(self) -> dict[str, Any]:
        """Return the one JSON form of a job, its fields by name.

        It always passes ``json.dumps(allow_nan=False)``, and UTF-8. Times are ISO 8601 in UTC with a ``Z``. What has
        no form in JSON stands there as its ``repr``: NaN, half a surrogate pair, an object; of a list that holds
        itself, or is nested deeper than 100, ``[...]``.
        """
        return {**_fields(self, but="result"), "result": json_form(self.result), "settled": self.settled}


@frozen
class Page:
    """One page of jobs.

    Attributes:
        jobs: The jobs, newest first.
        cursor: What ``find`` takes for the next page; None on the last.
    """

    jobs: tuple[Snapshot[Any], ...]
    cursor: str | None


def _fields(record: Any, but: str = "") -> dict[str, Any]:
    """Return the fields of one of our records by name, each in its JSON form; None for the one that is left out."""
    names = (attribute.name for attribute in fields(type(record)))  # pyright: ignore[reportUnknownArgumentType]
    return {name: None if name == but else _form(getattr(record, name)) for name in names}


def _form(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, tuple):  # of records, or of ids
        return [_form(item) for item in cast("tuple[object, ...]", value)]
    return _fields(value) if has(type(value)) else json_form(value)  # pyright: ignore[reportUnknownArgumentType]
