"""The jobs of a scheduler with a store: what leaves the table leaves the journal too."""

from __future__ import annotations

from collections.abc import Callable

from jobcancel._core.packing import Packed

from .clock import Timers
from .job import Job
from .table import JobTable


class DurableTable(JobTable):
    """The jobs of a scheduler with a store.

    Args:
        timers: Where retention by age waits.
        dropped: Called with each job that is let go at the end of its retention.
    """

    def __init__(self, timers: Timers, dropped: Callable[[str, Packed], None]) -> None:
        super().__init__(timers)
        self._dropped = dropped

    def settle(self, job: Job) -> None:
        """Pack a settled job whose code has ended; one that will be run again stays as it is."""
        if job.settled is not None:
            super().settle(job)

    def put(self, job_id: str, seq: int, packed: Packed) -> None:
        """Take a settled job as the store knows it; ``retain`` says how long it is kept."""
        self._settled[job_id] = packed
        self._submissions.append(job_id, seq, self, len(self.live) + len(self._settled))

    def _drop(self, job_id: str) -> None:
        packed = self._settled[job_id]
        super()._drop(job_id)
        self._dropped(job_id, packed)
