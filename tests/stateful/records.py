"""What the reference knows of a job: plain fields, states as strings, times in seconds on a clock that starts at 0."""

from __future__ import annotations

from math import inf
from typing import Any

from attrs import Factory, define, field


@define
class Cancel:
    """An accepted request, and what became of it."""

    cause: str
    by: str | None
    outcome: str
    requested: float
    held: bool
    forced: bool
    delivered: float | None = None
    ignored: bool = False
    abandoned: bool = False
    pierced: bool = False
    compensated: bool = False
    stuck: bool = False


@define(eq=False)
class Frame:
    """What the code is inside of: a ``stage``, a ``shield`` of its own, or a ``thread``."""

    what: str
    stage: dict[str, Any] = Factory(dict[str, Any])
    forgiving: bool = False
    timed_out: bool = False


@define(eq=False)
class Job:
    """One job.

    Attributes:
        place: ``queue``, ``spawned``, ``code``, ``children`` (its code has ended), ``undo`` or ``gone``.
        how: How its code ended: ``returned``, ``partial``, ``raised``, ``unwound``, ``foreign`` or ``expired``.
        undo: Compensations that have not run, oldest first; None if there never was one.
        undone: Those that began, in order. A compensation is a string: its flavor, ``#``, and a number of its own.
        dropped: Whether it is past its retention; ``overdue`` if it was so when its code ended.
        reaction: What the code does with the next cancellation that reaches it.
    """

    kind: dict[str, Any]
    created: float
    owner: str | None = None
    key: str | None = None
    argument: int = 0
    labels: dict[str, str] = Factory(dict[str, str])
    parent: Job | None = None
    timeout_s: float | None = None
    undo: list[str] | None = None
    id: str = ""
    place: str = "queue"
    states: list[str] = field(factory=lambda: ["pending"])
    stage: dict[str, Any] | None = None
    stages: list[str] = Factory(list[str])
    frames: list[Frame] = Factory(list[Frame])
    cancel: Cancel | None = None
    deadlines: dict[str, float] = Factory(dict[str, float])
    started: float | None = None
    settled: float | None = None
    slot: bool = False
    how: str = ""
    failure: str | None = None
    hanging: bool = False
    undone: list[str] = Factory(list[str])
    children_canceled: int = 0
    reaction: str = "out"
    dropped: bool = False
    overdue: bool = False

    @property
    def state(self) -> str:
        return self.states[-1]

    @property
    def stage_name(self) -> str | None:
        return None if self.stage is None else str(self.stage["name"])

    @property
    def in_thread(self) -> bool:
        return any(frame.what == "thread" for frame in self.frames)

    @property
    def busy(self) -> bool:
        return self.place not in {"queue", "gone"}

    @property
    def shielded(self) -> bool:
        return any(frame.what == "shield" for frame in self.frames)


@define
class Remembered:
    """What a key leads to, and until when."""

    job: Job
    forgotten: float


@define
class Closing:
    """A shutdown that waits: for the drain's end, then for the last job."""

    drain_ends: float = inf
