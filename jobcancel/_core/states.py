"""The state machine.

What may live in this file: the states, the events, the table that says which event leads from which state to
which, and what is derived from that table. Only the table decides whether a transition is legal: no guard stands
beside it. Which event happens is decided elsewhere (``decision`` for requests, ``endings`` for a job's end).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, TypeAlias


class JobState(StrEnum):
    """The state of a job; the last four are terminal."""

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


class Event(StrEnum):
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
            _E.SUCCEEDED: _S.SUCCEEDED,  # the work was done before the cancel was delivered
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


def next_state(state: JobState, event: Event) -> JobState | None:
    """Return the state that ``event`` leads to from ``state``, or None if the table has no such transition."""
    return TRANSITIONS[state].get(event)


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
