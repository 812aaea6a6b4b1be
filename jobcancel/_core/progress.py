"""How far a running job is: what it says itself, and the count of its batches' children."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .states import JobState


class ProgressRecord:
    """The running job's progress; ``Progress`` is what is shown of it.

    Attributes:
        done: Units done, or None if the job has said nothing.
        total: Units in all, or None.
        message: One line for a person, or None.
        children: The ids of its batches' children, in the order of the calls.
        succeeded: Of these, succeeded or partially succeeded.
        failed: Failed.
        canceled: Canceled.
    """

    __slots__ = ("canceled", "children", "done", "failed", "message", "succeeded", "total")

    def __init__(
        self,
        done: float | None = None,
        total: float | None = None,
        message: str | None = None,
        children: Iterable[str] = (),
        succeeded: int = 0,
        failed: int = 0,
        canceled: int = 0,
    ) -> None:
        self.done: float | None = done
        self.total: float | None = total
        self.message: str | None = message
        self.children: list[str] = list(children)
        self.succeeded: int = succeeded
        self.failed: int = failed
        self.canceled: int = canceled

    def child_settled(self, state: JobState) -> None:
        """Count a child of a batch that settled in ``state``."""
        if state is JobState.FAILED:
            self.failed += 1
        elif state is JobState.CANCELED:
            self.canceled += 1
        else:
            self.succeeded += 1

    def plain(self) -> tuple[Any, ...]:
        """Return the fields as plain data."""
        return (
            self.done,
            self.total,
            self.message,
            tuple(self.children),
            self.succeeded,
            self.failed,
            self.canceled,
        )
