"""Finding jobs by what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from anyio.lowlevel import checkpoint

from jobcancel._core.arguments import COUNT, excerpt, member
from jobcancel._core.packing import Facts
from jobcancel._core.plain import labels as plain_labels
from jobcancel._core.plain import text
from jobcancel._core.states import TERMINAL, JobState

from .job import snapshot_of
from .table import JobTable

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Page, Snapshot

_WORK: Final = 1000  # places looked at between two pauses: 2 ms
_SNAPSHOT: Final = 10  # places that take as long as one snapshot
_LONGEST_CURSOR: Final = 20  # the digits of 64 bits, a place in the order of submission


class Filters:
    """What a job must be to be found; None asks for nothing.

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
        state: JobState | str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self._owner, self._kind = text(owner, "owner"), text(kind, "kind")
        self._state = None if state is None else member(JobState, state, "state", "None for every state")
        self._labels = plain_labels(labels) or {}

    @property
    def unsettled(self) -> bool:
        """Whether only jobs that have not settled can pass."""
        return self._state is not None and self._state not in TERMINAL

    def admit(self, facts: Facts) -> bool:
        """Return whether a job passes."""
        if self._owner is not None and facts.owner != self._owner:
            return False
        if self._kind is not None and facts.kind != self._kind:
            return False
        if self._state is not None and facts.state != self._state:
            return False
        has = facts.labels or {}
        return all(has.get(name) == value for name, value in self._labels.items())


async def find(table: JobTable, filters: Filters, cursor: str | None, limit: int) -> Page:
    """Return one page of the jobs that pass, newest first, and let the loop run while it looks.

    What is looked for may be rare among a million. Of a job that changes meanwhile the page has what it was when it
    was looked at.

    Raises:
        TypeError: The cursor is no string, or the limit no whole number.
        ValueError: No page gave that cursor, or the limit is below 1 or too large.
    """
    looking = _look(table, filters, cursor, limit)
    while (page := next(looking)) is None:
        await checkpoint()
    return page


def find_at_once(table: JobTable, filters: Filters, cursor: str | None, limit: int) -> Page:
    """Return what ``find`` does, in one step: it needs no loop."""
    return next(page for page in _look(table, filters, cursor, limit) if page is not None)


def _look(table: JobTable, filters: Filters, cursor: str | None, limit: int) -> Iterator[Page | None]:
    """Return the page, and None before it after every few milliseconds of work."""
    limit = COUNT.check(limit, "limit")
    from jobcancel._core.snapshot import Page  # noqa: PLC0415  # see shown

    before, last, work = _before(text(cursor, "cursor")), 0, 0
    found: list[Snapshot[Any]] = []
    following = None
    places = _places(table, filters, before)
    for seq, job_id in places:
        job = table.find(job_id)
        facts = None if job is None else job.facts
        if job is not None and facts is not None and facts.seq == seq and filters.admit(facts):
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
    """Return the places in the order of submission, newest first, and ids, of jobs that may pass.

    What is unsettled is looked for among the live jobs alone. The order stays as it is while the table changes.
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
