"""How far a job is: what it says itself, and the roll-up of its batches."""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from .states import JobState


@frozen
class BatchProgress:
    """The children of a job's batches, counted by how they stand.

    Attributes:
        total: How many children the batches have.
        succeeded: Of these, succeeded or partially succeeded.
        failed: Failed.
        canceled: Canceled.
        pending: Not settled yet; running ones count here.
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
        total: Units in all, or None if that is not known.
        message: One line for a person.
        batch: The roll-up of the job's batches, or None if it started none.
    """

    done: float
    total: float | None = None
    message: str | None = None
    batch: BatchProgress | None = None


@define(eq=False)
class ProgressRecord:
    """The running job's progress; ``frozen`` gives what is shown."""

    done: float | None = None
    total: float | None = None
    message: str | None = None
    children: list[str] = field(factory=list[str])
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0

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


def progress_from(fields: tuple[Any, ...] | None) -> Progress | None:
    """Return what ``ProgressRecord.plain`` gave as the record that is shown.

    A job that said nothing of its own progress shows that of its batches: children settled, of all.
    """
    if fields is None:
        return None
    done, total, message, children, succeeded, failed, canceled = fields
    batch = None
    if children:
        size, settled = len(children), succeeded + failed + canceled
        batch = BatchProgress(size, succeeded, failed, canceled, size - settled, children)
        if done is None:
            done, total = settled, size
    return Progress(done if done is not None else 0, total, message, batch)
