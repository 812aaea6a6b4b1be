"""What the parts of one run share: the scheduler, the clock, the gates, the kinds, and the trace."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from itertools import count
from json import dumps
from typing import Any, Final

import anyio
from attrs import Factory, define

from jobcancel import Kind, Registry, Scheduler, Snapshot
from jobcancel.abc import Store
from jobcancel.testing import ManualClock

from .plan import Program
from .trace import Trace

GATES: Final = 3
WHO: Final[ContextVar[str]] = ContextVar("tests_programs_who", default="none")


def image(snapshot: Snapshot[Any]) -> str:
    """All that a snapshot says, to be compared: a result may be of a sort that cannot."""
    try:
        return dumps(snapshot.to_dict(), sort_keys=True)
    except Exception as error:  # another rule reports this
        return type(error).__name__


class Gate:
    """Where handlers and their threads wait until the host opens it; it never closes again."""

    def __init__(self) -> None:
        self.event, self.thread = anyio.Event(), threading.Event()

    def open(self) -> None:
        self.event.set()
        self.thread.set()


@define(eq=False)
class World:
    """One run.

    Attributes:
        life: How often the scheduler has been entered.
        known: By id, how the host or a parent came to know of a job.
        parents: The parent's id, by a child's.
        ends: By id, the first settled snapshot that anybody saw, and when.
        promised: By id, the settled snapshots that ``wait`` gave: with a store these survive a restart.
        unkept: Whether the store failed at any time.
        pierced: The ids of jobs whose task was cancelled natively.
        children: How many children were asked for.
        broken: What no rule needs a trace for: it was seen to be wrong at once.
    """

    program: Program
    clock: ManualClock
    trace: Trace
    registry: Registry = Factory(Registry)
    kinds: dict[str, Kind[..., Any]] = Factory(dict[str, Kind[..., Any]])
    named: Any = None
    store: Store | None = None
    gates: list[Gate] = Factory(list[Gate])
    never: anyio.Event = Factory(anyio.Event)
    life: int = 0
    known: dict[str, str] = Factory(dict[str, str])
    parents: dict[str, str] = Factory(dict[str, str])
    ends: dict[str, tuple[Snapshot[Any], int]] = Factory(dict[str, "tuple[Snapshot[Any], int]"])
    promised: dict[str, Snapshot[Any]] = Factory(dict[str, Snapshot[Any]])
    tasks: dict[str, Any] = Factory(dict[str, Any])
    pierced: set[str] = Factory(set[str])
    unkept: bool = False
    closing: bool = False
    children: int = 0
    broken: list[str] = Factory(list[str])
    numbers: Any = Factory(count)
    _scheduler: Scheduler | None = None

    @property
    def scheduler(self) -> Scheduler:
        assert self._scheduler is not None
        return self._scheduler

    @scheduler.setter
    def scheduler(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def number(self) -> int:
        return int(next(self.numbers))

    def new_id(self) -> str:
        return f"job_{self.number():04}"

    def learn(self, job_id: str, how: str, parent: str = "") -> None:
        """Note that the id of a job was returned to a caller."""
        self.known.setdefault(job_id, how)
        if parent:
            self.parents[job_id] = parent

    def look(self, snapshot: Snapshot[Any], where: str) -> None:
        """Judge a snapshot for itself and against the end that was seen before; every one that comes passes here."""
        try:
            dumps(snapshot.to_dict(), allow_nan=False, ensure_ascii=False).encode()
            self.trace.count("checked: to_dict is strict JSON")
        except Exception as error:
            text = f"14: to_dict() of {snapshot.id} is no strict JSON: {type(error).__name__}"
            if text not in self.broken:
                self.broken.append(text)
        first = self.ends.get(snapshot.id)
        if first is not None:
            self.trace.count("checked: a terminal state stays")
            if (snapshot.state, snapshot.settled_at) != (first[0].state, first[0].settled_at):
                self.broken.append(f"2: {snapshot.id} was {first[0].state}, and {where} says {snapshot.state}")
        elif snapshot.settled:
            n = self.trace.add("settled", snapshot.id, where=where, state=str(snapshot.state))
            self.ends[snapshot.id] = snapshot, n
