"""Jobs as a journal tells them, without the service that keeps it: kinds are not known here and get the defaults."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jobcancel import JobState, Snapshot
from jobcancel._core.decision import Cancellation
from jobcancel._core.journal import Entry
from jobcancel._core.replay import Replay
from jobcancel._core.specs import KindSpec
from jobcancel._core.view import snapshot_of
from jobcancel.stores.sqlite_reading import JournalFile

from .preflight import BadInputError

MOST_NAMED = 5
"""How many jobs an error names."""


class StoredJob:
    """A job as its entries tell it.

    Attributes:
        replay: What they say.
        snapshot: What the job looked like after the last of them.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: They say nothing that could be a job.
    """

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.snapshot: Snapshot[Any] = snapshot_of(replay.record(KindSpec(name=replay.kind), 0.0))

    @property
    def requests(self) -> list[Cancellation]:
        """Requests that were kept and not yet decided."""
        return self.replay.requests

    @property
    def committing(self) -> str | None:
        """The stage that commits and is about to begin, or open."""
        found: str | None = self.replay.fields.get("committing")
        return found

    @property
    def undos(self) -> list[tuple[str, int, list[Any], dict[str, Any]]]:
        """Compensations that have not run, oldest first: name, number (0 for a function without a name), arguments."""
        return [(name, n, args, kwargs) for name, n, args, kwargs in self.replay.undo]


def replays(entries: Iterable[Entry]) -> Iterator[Replay]:
    """Give each job as soon as its entries are complete: settled ones while they are read, open ones at the end."""
    still_open: dict[str, Replay] = {}
    for job_id, body, _ in entries:
        if body is None:
            continue
        if "final" in body:
            still_open.pop(job_id, None)
            replay = Replay(job_id)
            replay.take(body)
            yield replay
        else:
            still_open.setdefault(job_id, Replay(job_id)).take(body)
    yield from still_open.values()


def newest(file: JournalFile, wanted: Callable[[Replay], bool], limit: int) -> tuple[list[StoredJob], int]:
    """Return the newest jobs that are wanted, ``limit`` at most, and how many are wanted in all."""
    # The number breaks ties, which a damaged journal may have.
    kept: list[tuple[int, int, Replay]] = []
    count = 0
    for replay in replays(file.entries()):
        if not is_forgotten(replay) and wanted(replay):
            count += 1
            row = (int(replay.fields["seq"]), count, replay)
            if len(kept) < limit:
                heapq.heappush(kept, row)
            else:
                heapq.heappushpop(kept, row)
    return [StoredJob(replay) for _, _, replay in sorted(kept, reverse=True)], count


def open_jobs(file: JournalFile) -> list[StoredJob]:
    """Return the jobs that have not settled, oldest first."""
    found = [StoredJob(replay) for replay in replays(file.entries()) if not replay.final]
    return sorted(
        (job for job in found if not job.snapshot.settled), key=lambda job: (job.snapshot.created_at, job.snapshot.id)
    )


def the_job(file: JournalFile, wanted: str) -> StoredJob:
    """Return the one job of that id, or whose id begins so.

    Raises:
        BadInputError: There is none, there are several, or nothing but its key is left of it.
    """
    job_id = _full_id(file, wanted)
    (replay,) = replays(file.entries_of(job_id))
    if is_forgotten(replay):
        raise BadInputError(
            f"job {job_id} is past its retention: only its idempotency key {replay.fields['key']!r} is still kept"
        )
    return StoredJob(replay)


def _full_id(file: JournalFile, wanted: str) -> str:
    if next(iter(file.entries_of(wanted)), None) is not None:
        return wanted
    found = list(dict.fromkeys(entry.job_id for entry in file.entries() if entry.job_id.startswith(wanted)))
    if not found:
        raise BadInputError(
            f"no job has an id that is {wanted!r} or begins so; `jobcancel jobs list` shows those there are"
        )
    if len(found) > 1:
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise BadInputError(
            f"{len(found)} jobs have ids that begin with {wanted!r}: {', '.join(found[:MOST_NAMED])}{more}; "
            "give more of the id"
        )
    return found[0]


def is_forgotten(replay: Replay) -> bool:
    """Return whether nothing but its idempotency key is left of a job."""
    return "forgotten" in replay.fields


def passes(state: JobState | None, kind: str | None, owner: str | None) -> Callable[[Replay], bool]:
    """Return what lets the jobs of a state, a kind and an owner through; None for any."""
    fixed = {"state": None if state is None else state.value, "kind": kind, "owner": owner}
    asked = {name: value for name, value in fixed.items() if value is not None}
    return lambda replay: all(replay.fields.get(name) == value for name, value in asked.items())
