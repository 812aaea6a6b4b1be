"""The jobs of one scheduler: live jobs as they are, settled ones packed; retention, and how jobs are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, Any, Final

from anyio.lowlevel import checkpoint

from jobcancel._core.arguments import COUNT, excerpt, member
from jobcancel._core.packing import Facts, Packed, Settled, pack
from jobcancel._core.plain import labels as plain_labels
from jobcancel._core.plain import text
from jobcancel._core.specs import KindSpec
from jobcancel._core.states import TERMINAL, JobState, StateValue
from jobcancel.errors import JobNotFoundError

from .clock import Timer, Timers
from .id_list import IdList, Submissions
from .job import Job, snapshot_of

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Page, Snapshot

_WORK: Final = 1000  # places visited between two pauses of a search: 2 ms
_SNAPSHOT: Final = 10  # places that take as long as one snapshot
_LONGEST_CURSOR: Final = 20  # the digits of 64 bits, a place in the order of submission


class Retained:
    """The settled jobs of one kind that are kept, oldest settlement first."""

    __slots__ = ("ids", "spec", "timer")

    def __init__(self, spec: KindSpec) -> None:
        self.spec = spec
        self.ids = IdList()
        self.timer: Timer | None = None


class JobTable:
    """Jobs by id.

    Args:
        timers: The timers for retention by age.
        on_dropped: Called with each settled job whose retention is over.
    """

    def __init__(self, timers: Timers, on_dropped: Callable[[str, Packed], None] | None = None) -> None:
        self._timers, self._on_dropped = timers, on_dropped
        # Apart from the live jobs: while it holds bytes alone, the garbage collector does not visit it.
        self._settled: dict[str, Packed] = {}
        self._retained: dict[str, Retained] = {}
        self._submissions = Submissions()
        self.live: dict[str, Job] = {}

    def add(self, job: Job) -> None:
        """Add a new job, whose id is not in the table."""
        self.live[job.id] = job
        self._submissions.append(job.id, job.seq, self, len(self.live) + len(self._settled))

    def restore(self, job_id: str, seq: int, packed: Packed) -> None:
        """Add a settled job from the store; ``retain`` says how long it is kept."""
        self._settled[job_id] = packed
        self._submissions.append(job_id, seq, self, len(self.live) + len(self._settled))

    def settle(self, job: Job) -> None:
        """Pack a settled job whose code has ended, and drop jobs beyond their kind's ``retain_count``."""
        self._settled[job.id] = pack(job)
        del self.live[job.id]
        abandoned = job.cancel is not None and job.cancel.abandoned  # its code ended after it settled
        self.retain(job.id, job.spec, job.settled if abandoned else None)

    def retain(self, job_id: str, spec: KindSpec, settled: float | None = None) -> None:
        """Keep a packed job as long as its kind says.

        Args:
            job_id: The job.
            spec: Its kind.
            settled: When it settled, if a job in the table may have settled later.
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
            JobNotFoundError: It is not in the table, or another owner's.
            TypeError: ``owner`` is no string.
        """
        if owner is not None:
            owner = text(owner, "owner")
        job = self.find(job_id)
        if job is None or (owner is not None and job.facts.owner != owner):
            raise JobNotFoundError(job_id)
        return job

    def find(self, job_id: str) -> Job | Settled | None:
        """Return a job, or None if it is not in the table."""
        live = self.live.get(job_id)
        if live is not None:
            return live
        packed = self._settled.get(job_id)
        return None if packed is None else Settled(job_id, packed)

    def newest_first(self, before: int | None) -> Iterator[tuple[int, str]]:
        """Return all places in the order of submission, newest first, with the ids, or those before a place.

        A job may be gone by now, or its id belong to a job with another place. The table may change meanwhile.
        """
        return self._submissions.newest_first(before)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self.live or job_id in self._settled

    def _drop(self, job_id: str) -> None:
        """Drop a settled job whose retention is over."""
        packed = self._settled.pop(job_id)
        if self._on_dropped is not None:
            self._on_dropped(job_id, packed)

    def _place(self, ids: IdList, settled: float) -> int:
        """Return the place of a job that settled at that time; nearly always near the end."""
        place = len(ids)
        while place and (self.get(ids[place - 1]).settled or 0.0) > settled:
            place -= 1
        return place

    def _arm(self, retained: Retained) -> None:
        """Set the timer for the oldest job."""
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
        """Return when the retention of the oldest job is over."""
        return (self.get(retained.ids[0]).settled or 0.0) + retained.spec.retain_s


class Filters:
    """Conditions for a job to be found; None stands for no condition.

    Args:
        owner: Its owner.
        kind: Its kind's name.
        state: Its state.
        labels: Labels it has, perhaps among others.

    Raises:
        TypeError: The labels are no mapping of strings to strings, or another filter is no string.
        ValueError: There is no such state.
    """

    __slots__ = ("_kind", "_labels", "_owner", "_state")

    def __init__(
        self,
        *,
        owner: str | None = None,
        kind: str | None = None,
        state: StateValue | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self._owner, self._kind = text(owner, "owner"), text(kind, "kind")
        self._state = None if state is None else member(JobState, state, "state", "None for every state")
        self._labels = plain_labels(labels) or {}

    @property
    def unsettled(self) -> bool:
        """Whether only unsettled jobs can match."""
        return self._state is not None and self._state not in TERMINAL

    def match(self, facts: Facts) -> bool:
        """Return whether a job fulfils all conditions."""
        if self._owner is not None and facts.owner != self._owner:
            return False
        if self._kind is not None and facts.kind != self._kind:
            return False
        if self._state is not None and facts.state != self._state:
            return False
        has = facts.labels or {}
        return all(has.get(name) == value for name, value in self._labels.items())


async def find(table: JobTable, filters: Filters, cursor: str | None, limit: int) -> Page:
    """Return one page of the matching jobs, newest first, and let the loop run during the search.

    A match may be rare among a million jobs. A job that changes meanwhile is in the page as it was when the search
    visited it.

    Raises:
        TypeError: The cursor is no string, or the limit no whole number.
        ValueError: No page gave that cursor, or the limit is below 1 or too large.
    """
    search = _search(table, filters, cursor, limit)
    while (page := next(search)) is None:
        await checkpoint()
    return page


def find_at_once(table: JobTable, filters: Filters, cursor: str | None, limit: int) -> Page:
    """Return what ``find`` returns, in one step and without a loop."""
    return next(page for page in _search(table, filters, cursor, limit) if page is not None)


def _search(table: JobTable, filters: Filters, cursor: str | None, limit: int) -> Iterator[Page | None]:
    """Yield None after every few milliseconds of work, and the page at the end."""
    limit = COUNT.check(limit, "limit")
    from jobcancel._core.snapshot import Page  # noqa: PLC0415  # see snapshot_of

    before, last, work = _before(text(cursor, "cursor")), 0, 0
    found: list[Snapshot[Any]] = []
    following = None
    places = _places(table, filters, before)
    for seq, job_id in places:
        job = table.find(job_id)
        facts = None if job is None else job.facts
        if job is not None and facts is not None and facts.seq == seq and filters.match(facts):
            if len(found) == limit:
                following = str(last)
                break
            last = seq
            found.append(snapshot_of(job))
            work += _SNAPSHOT
        work += 1
        if work > _WORK:
            work = 0
            yield None
    yield Page(tuple(found), following)


def _places(table: JobTable, filters: Filters, before: int | None) -> Iterator[tuple[int, str]]:
    """Return places in the order of submission, newest first, and ids, of jobs that may match.

    Unsettled jobs are searched among the live jobs alone. The order stays as it is while the table changes.
    """
    if not filters.unsettled:
        return table.newest_first(before)
    live = [(job.seq, job.id) for job in table.live.values() if before is None or job.seq < before]
    live.sort(reverse=True)
    return iter(live)


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > _LONGEST_CURSOR:
        raise ValueError(f"{excerpt(cursor)} is no cursor; pass the one that the earlier page carries")
    return int(cursor)
