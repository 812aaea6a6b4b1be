"""What happened in one run, in order: written by the handlers, the host and those who watch, read by the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from attrs import frozen

from jobcancel import Snapshot


@frozen
class Event:
    """One thing that happened.

    Attributes:
        n: Its place in the order of all events.
        at: When, in seconds on the program's clock.
        what: ``begin``, ``stage+``, ``verdict`` ...
        job: Whose it is, or an empty string.
        detail: What more there is to say.
    """

    n: int
    at: float
    what: str
    job: str
    detail: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.detail.get(name)

    def __str__(self) -> str:
        details = " ".join(f"{name}={brief(value)}" for name, value in self.detail.items())
        return f"{self.n:>5} {self.at:>7.1f} {self.job:<8} {self.what} {details}"


def brief(value: Any) -> str:
    """A detail as text; of a snapshot little, since its result may be one that cannot be printed."""
    if not isinstance(value, Snapshot):
        return str(value)
    cancel = value.cancel
    asked = "" if cancel is None else f" {cancel.cause} {cancel.outcome} delivered={cancel.delivered_at is not None}"
    return f"<{value.state} in {value.stage}{asked}>"


class Trace:
    """The events of one run; threads may add to it too."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._numbers = now, count()
        self.events: list[Event] = []
        self.seen = Counter[str]()

    def add(self, what: str, job: str = "", **detail: Any) -> int:
        event = Event(next(self._numbers), self._now(), what, job, detail)
        self.events.append(event)
        return event.n

    def count(self, what: str) -> None:
        """Count a feature that was really met."""
        self.seen[what] += 1

    def of(self, job: str, *whats: str) -> Iterator[Event]:
        """The events of a job, of these sorts if any are named."""
        return (event for event in self.events if event.job == job and (not whats or event.what in whats))

    def all(self, *whats: str) -> Iterator[Event]:
        return (event for event in self.events if event.what in whats)
