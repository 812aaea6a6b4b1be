"""The jobs of one scheduler by id: live ones as they are, settled ones packed, in the order of their submission."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from jobcancel._core.packing import Packed, Settled, pack
from jobcancel._core.plain import text
from jobcancel._core.specs import KindSpec
from jobcancel.errors import JobNotFoundError

from .clock import Timer, Timers
from .job import Job
from .sequence import Ids, Submissions


class Retained:
    """The settled jobs of one kind that are kept, oldest settlement first."""

    __slots__ = ("ids", "spec", "timer")

    def __init__(self, spec: KindSpec) -> None:
        self.spec = spec
        self.ids = Ids()
        self.timer: Timer | None = None


class JobTable:
    """Jobs by id.

    Args:
        timers: Where retention by age waits.
    """

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._settled: dict[str, Packed] = {}  # apart: while it holds bytes alone, no garbage collection looks into it
        self._retained: dict[str, Retained] = {}
        self._submissions = Submissions()
        self.live: dict[str, Job] = {}

    def add(self, job: Job) -> None:
        """Take a new job.

        Raises:
            ValueError: The id is taken.
        """
        if job.id in self._settled or self.live.setdefault(job.id, job) is not job:
            raise ValueError(f"the id factory gave {job.id!r} twice; ids must be unique")
        self._submissions.append(job.id, job.seq, self, len(self.live) + len(self._settled))

    def remove(self, job: Job) -> None:
        """Forget a job that was not taken after all."""
        del self.live[job.id]

    def settle(self, job: Job) -> None:
        """Pack a settled job whose code has ended, and let go of those past their kind's retention."""
        self._settled[job.id] = pack(job)
        del self.live[job.id]
        abandoned = job.cancel is not None and job.cancel.abandoned  # others may have settled later and ended sooner
        self.retain(job.id, job.spec, job.settled if abandoned else None)

    def retain(self, job_id: str, spec: KindSpec, settled: float | None = None) -> None:
        """Keep a packed job as long as its kind says.

        Args:
            job_id: The job.
            spec: Its kind.
            settled: When it settled, if others that are kept may have settled later.
        """
        retained = self._retained.get(spec.name)
        if retained is None:
            retained = self._retained[spec.name] = Retained(spec)
        kept = len(retained.ids)
        place = kept if settled is None else self._place(retained.ids, settled)
        if place == kept:
            retained.ids.append(job_id)
        else:
            retained.ids.insert(place, job_id)
        if spec.retain_count is not None and kept >= spec.retain_count:
            self._drop(retained.ids.popleft())
        if place == 0 or retained.timer is None:
            self._arm(retained)

    def get(self, job_id: str, owner: str | None = None) -> Job | Settled:
        """Return a job, if ``owner`` is given only that owner's.

        Raises:
            JobNotFoundError: It is not here, or another owner's.
            TypeError: ``owner`` is no string.
        """
        if owner is not None:
            owner = text(owner, "owner")
        job = self.find(job_id)
        if job is None or (owner is not None and job.facts.owner != owner):
            raise JobNotFoundError(job_id)
        return job

    def find(self, job_id: str) -> Job | Settled | None:
        """Return a job, or None if it is not here."""
        live = self.live.get(job_id)
        if live is not None:
            return live
        packed = self._settled.get(job_id)
        return None if packed is None else Settled(job_id, packed)

    def newest_first(self, before: int | None) -> Iterator[tuple[int, str]]:
        """Return all places in the order of submission, newest first, with the ids, or those before a place.

        An id may be gone by now, or have been given again to a job with another place. The table may change meanwhile.
        """
        return self._submissions.newest_first(before)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self.live or job_id in self._settled

    def _drop(self, job_id: str) -> None:
        """Let a settled job go whose retention is over."""
        del self._settled[job_id]

    def _place(self, ids: Ids, settled: float) -> int:
        """Return where a job that settled at that time belongs; nearly always close to the end."""
        place = len(ids)
        while place and (self.get(ids[place - 1]).settled or 0.0) > settled:
            place -= 1
        return place

    def _arm(self, retained: Retained) -> None:
        """Have the oldest dropped when its time has come."""
        if retained.timer is not None:
            retained.timer.cancel()
        if len(retained.ids) and retained.spec.retain_s != inf:
            deadline = self._expires(retained)
            retained.timer = self._timers.add(deadline, lambda: self._expire(retained, deadline))

    def _expire(self, retained: Retained, now: float) -> None:
        while len(retained.ids) and self._expires(retained) <= now:
            self._drop(retained.ids.popleft())
        retained.timer = None
        self._arm(retained)

    def _expires(self, retained: Retained) -> float:
        """Return until when the oldest is kept."""
        return (self.get(retained.ids[0]).settled or 0.0) + retained.spec.retain_s
