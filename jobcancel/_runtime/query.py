"""Finding jobs by what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from jobcancel._core.numbers import COUNT
from jobcancel._core.packing import Facts
from jobcancel._core.plain import labels as plain_labels
from jobcancel._core.plain import text
from jobcancel._core.reprs import excerpt
from jobcancel._core.states import JobState

from .table import JobTable

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Page, Snapshot

_LONGEST_CURSOR: Final = 20  # the digits of 64 bits, a place in the order of submission


class Filters:
    """What a job must be to be found; None asks for nothing.

    Args:
        owner: Its owner.
        kind: Its kind's name.
        state: Its state.
        labels: Labels it has, perhaps among others.

    Raises:
        TypeError: The labels are no mapping of strings to strings.
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
        self._owner, self._kind = owner, kind
        self._state = None if state is None else JobState(state)
        self._labels = plain_labels(labels) or {}

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


def find(table: JobTable, filters: Filters, cursor: str | None, limit: int) -> Page:
    """Return one page of the jobs that pass, newest first.

    Raises:
        TypeError: The cursor is no string, or the limit no whole number.
        ValueError: No page gave that cursor, or the limit is below 1 or too large.
    """
    limit = COUNT.check(limit, "limit")
    from jobcancel._core.snapshot import Page  # noqa: PLC0415  # see shown

    before = _before(text(cursor, "cursor"))
    found: list[Snapshot[Any]] = []
    last = 0
    for facts, job in table.newest_first(before):
        if not filters.admit(facts):
            continue
        if len(found) == limit:
            return Page(tuple(found), str(last))
        last = facts.seq
        found.append(job.snapshot())
    return Page(tuple(found), None)


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > _LONGEST_CURSOR:
        raise ValueError(f"{excerpt(cursor)} is no cursor; pass the one that the earlier page carries")
    return int(cursor)
