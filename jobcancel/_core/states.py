"""The state machine.

What may live in this file: the states, the events, the table that says which event leads from which state to
which, and what is derived from that table. Nothing else may say whether a transition is legal: no guard stands
beside the table. Which event happens is decided elsewhere (``decision`` for requests, ``endings`` for a job's end).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, Self, TypeAlias

from attrs import frozen


class _Ordinal(StrEnum):
    """An enum whose members know their place, so that a table can be indexed instead of hashed."""

    ordinal: int

    def __new__(cls, value: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.ordinal = len(cls.__members__)
        return member


class JobState(_Ordinal):
    """Where a job is in its life; the last four are terminal."""

    PENDING = "pending"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


TerminalValue: TypeAlias = JobState | Literal["succeeded", "partially_succeeded", "failed", "canceled"]
"""A terminal state, or its string: what an option takes, spelled out for checkers and editors."""

RerunValue: TypeAlias = JobState | Literal["failed", "canceled"]
"""A terminal state in which work was not done, or its string."""

StateValue: TypeAlias = TerminalValue | Literal["pending", "running", "canceling"]
"""A state, or its string."""


class Event(_Ordinal):
    """What can happen to a job; the only thing that changes its state."""

    STARTED = "started"
    WITHDRAWN = "withdrawn"
    CANCEL_ACCEPTED = "cancel_accepted"
    UNWOUND = "unwound"
    ABANDONED = "abandoned"
    INTERRUPTED = "interrupted"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"


_S = JobState
_E = Event

TRANSITIONS: Final[Mapping[JobState, Mapping[Event, JobState]]] = MappingProxyType(
    {
        _S.PENDING: {
            _E.STARTED: _S.RUNNING,
            _E.WITHDRAWN: _S.CANCELED,  # nothing to undo: it never runs
            _E.CANCEL_ACCEPTED: _S.CANCELING,  # compensations given at submit have to run
            _E.FAILED: _S.FAILED,
        },
        _S.RUNNING: {
            _E.CANCEL_ACCEPTED: _S.CANCELING,
            _E.SUCCEEDED: _S.SUCCEEDED,
            _E.PARTIALLY_SUCCEEDED: _S.PARTIALLY_SUCCEEDED,
            _E.FAILED: _S.FAILED,
            _E.INTERRUPTED: _S.PENDING,  # the next attempt; only a scheduler with a store sends it
        },
        _S.CANCELING: {
            _E.UNWOUND: _S.CANCELED,
            _E.ABANDONED: _S.CANCELED,
            _E.SUCCEEDED: _S.SUCCEEDED,  # the work was done before the cancel landed: the truth wins
            _E.PARTIALLY_SUCCEEDED: _S.PARTIALLY_SUCCEEDED,
            _E.FAILED: _S.FAILED,
        },
        _S.SUCCEEDED: {},  # terminal rows are empty: nothing leaves
        _S.PARTIALLY_SUCCEEDED: {},
        _S.FAILED: {},
        _S.CANCELED: {},
    }
)

TERMINAL: Final = frozenset(state for state, row in TRANSITIONS.items() if not row)


@frozen(eq=False, repr=False, match_args=False)  # what it does not use would cost more to make than the table
class Step:
    """One cell of the table in the form that the runtime uses.

    Attributes:
        state: The state after the event.
        settles: Whether that state is terminal.
        implied: Whether the times that a job keeps of its start, its cancel and its end, and its state, say all of it.
        event: The event's name as a plain string, for the history.
        status: The next state's name as a plain string, for the history.
    """

    state: JobState
    settles: bool
    implied: bool
    event: str
    status: str


_IMPLIED: Final = (_E.STARTED, _E.CANCEL_ACCEPTED, _E.UNWOUND)


def _dense_row(row: Mapping[Event, JobState]) -> tuple[Step | None, ...]:
    return tuple(
        Step(
            row[event],
            row[event] in TERMINAL,
            event in _IMPLIED or event.value == row[event].value,
            event.value,
            row[event].value,
        )
        if event in row
        else None
        for event in Event
    )


# The table is the truth. As dictionary keys its enums cost some 300 ns on CPython 3.11, an index of this form costs 8.
_DENSE: Final = tuple(_dense_row(TRANSITIONS[state]) for state in JobState)


def step(state: JobState, event: Event) -> Step | None:
    """Return what ``event`` does to a job in ``state``, or None if the table has no such transition."""
    return _DENSE[state.ordinal][event.ordinal]


def mermaid() -> str:
    """Return the table of transitions as a Mermaid state diagram, one arrow a pair of states."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    for state, row in TRANSITIONS.items():
        events: dict[str, list[str]] = {}
        for event, target in row.items():
            events.setdefault(target, []).append(event)
        lines += [f"    {state} --> {target}: {', '.join(names)}" for target, names in events.items()]
    lines += [f"    {state} --> [*]" for state in TRANSITIONS if state in TERMINAL]
    return "\n".join(lines) + "\n"
