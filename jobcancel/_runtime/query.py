"""Finding jobs by what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from attrs.converters import optional

from jobcancel._core.packing import Facts
from jobcancel._core.states import JobState

from .table import JobTable

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Page, Snapshot


@frozen(kw_only=True, eq=False, repr=False, match_args=False)
class Filters:
    """What a job must be to be found; None asks for nothing.

    Attributes:
        owner: Its owner.
        kind: Its kind's name.
        state: Its state.
        labels: Labels it has, perhaps among others.
    """

    owner: str | None = None
    kind: str | None = None
    state: JobState | None = field(default=None, converter=optional(JobState))
    labels: Mapping[str, str] | None = None

    def admit(self, facts: Facts) -> bool:
        """Return whether a job passes."""
        if self.owner is not None and facts.owner != self.owner:
            return False
        if self.kind is not None and facts.kind != self.kind:
            return False
        if self.state is not None and facts.state != self.state:
            return False
        has = facts.labels or {}
        return all(has.get(name) == value for name, value in (self.labels or {}).items())


def find(table: JobTable, filters: Filters, cursor: str | None, limit: int) -> Page:
    """Return one page of the jobs that pass, newest first.

    Raises:
        ValueError: No page gave that cursor, or the limit is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit must be 1 or more, not {limit!r}")
    from jobcancel._core.snapshot import Page  # noqa: PLC0415  # loaded when somebody looks at a job

    before = _before(cursor)
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
    if not cursor.isascii() or not cursor.isdigit():
        raise ValueError(f"{cursor!r} is no cursor; pass the one that the earlier page carries")
    return int(cursor)
