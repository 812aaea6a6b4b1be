"""Jobs as a journal has them, without their service: their kinds are not known here and get the defaults."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from jobcancel import JobState, Snapshot
from jobcancel._cli.bad_input import BadInputError
from jobcancel._core.decision import Cancellation
from jobcancel._core.journal import Entry, Replay
from jobcancel._core.specs import KindSpec
from jobcancel._core.view import snapshot_of
from jobcancel.errors import StoreInUseError
from jobcancel.stores.sqlite_format import require_file_path
from jobcancel.stores.sqlite_reading import JournalFile, reading

_IDS_IN_ERROR: Final = 5


class StoredJob:
    """A job that was replayed from its entries.

    Attributes:
        replay: The replayed entries.
        snapshot: The job after the last entry.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: The entries cannot be those of a job.
    """

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.snapshot: Snapshot[Any] = snapshot_of(replay.record(KindSpec(name=replay.kind), 0.0))

    @property
    def undecided_requests(self) -> list[Cancellation]:
        """Cancel requests that were committed and not yet decided."""
        return self.replay.requests

    @property
    def committing_stage(self) -> str | None:
        """The stage with ``commits`` that is about to begin, or open."""
        found: str | None = self.replay.fields.get("committing")
        return found

    @property
    def open_compensations(self) -> list[tuple[str, int, list[Any], dict[str, Any]]]:
        """Compensations that have not run, oldest first: name, number, args, kwargs.

        The number is 0 for a function without a registered name.
        """
        return [(name, n, args, kwargs) for name, n, args, kwargs in self.replay.undo]


def replays(entries: Iterable[Entry]) -> Iterator[Replay]:
    """Yield each job when its entries are complete: settled jobs while reading, open ones at the end."""
    open_jobs: dict[str, Replay] = {}
    for job_id, body, _ in entries:
        if body is None:
            continue
        if "final" in body:
            open_jobs.pop(job_id, None)
            replay = Replay(job_id)
            replay.take(body)
            yield replay
        else:
            open_jobs.setdefault(job_id, Replay(job_id)).take(body)
    yield from open_jobs.values()


def newest_jobs(file: JournalFile, matches: Callable[[Replay], bool], limit: int) -> tuple[list[StoredJob], int]:
    """Return the newest matching jobs, newest first and at most ``limit``, and the number of all matching jobs."""
    # The count breaks ties of the sequence number, which a damaged journal may have.
    newest: list[tuple[int, int, Replay]] = []
    count = 0
    for replay in replays(file.entries()):
        if not is_forgotten(replay) and matches(replay):
            count += 1
            row = (int(replay.fields["seq"]), count, replay)
            if len(newest) < limit:
                heapq.heappush(newest, row)
            else:
                heapq.heappushpop(newest, row)
    return [StoredJob(replay) for _, _, replay in sorted(newest, reverse=True)], count


def job_filter(state: JobState | None, kind: str | None, owner: str | None) -> Callable[[Replay], bool]:
    """Return a filter for jobs by state, kind and owner; None matches any."""
    options = {"state": None if state is None else state.value, "kind": kind, "owner": owner}
    required = {name: value for name, value in options.items() if value is not None}
    return lambda replay: all(replay.fields.get(name) == value for name, value in required.items())


def is_forgotten(replay: Replay) -> bool:
    """Return whether a job is past its retention: only its idempotency key is left."""
    return "forgotten" in replay.fields


def find_job(file: JournalFile, job_id: str) -> StoredJob:
    """Return the job with an id, or with the only id that begins with it.

    Raises:
        BadInputError: There is no such job, there are several, or it is past its retention.
    """
    full_id = _full_id(file, job_id)
    (replay,) = replays(file.entries_of(full_id))
    if is_forgotten(replay):
        raise BadInputError(
            f"job {full_id} is past its retention: only its idempotency key {replay.fields['key']!r} is still stored"
        )
    return StoredJob(replay)


def _full_id(file: JournalFile, beginning: str) -> str:
    if next(iter(file.entries_of(beginning)), None) is not None:
        return beginning
    found = list(dict.fromkeys(entry.job_id for entry in file.entries() if entry.job_id.startswith(beginning)))
    if not found:
        raise BadInputError(f"no job has an id that begins with {beginning!r}; `jobcancel jobs list` shows all ids")
    if len(found) > 1:
        more = f" and {len(found) - _IDS_IN_ERROR} more" if len(found) > _IDS_IN_ERROR else ""
        raise BadInputError(
            f"{len(found)} jobs have ids that begin with {beginning!r}: {', '.join(found[:_IDS_IN_ERROR])}{more}; "
            "give more of the id"
        )
    return found[0]


def jobs_to_resume(journal: Path, kinds: set[str], service: str) -> list[StoredJob]:
    """Return a journal's open jobs, oldest first, for a scheduler with these kinds that is about to open it.

    Args:
        journal: The file; it may be missing or empty.
        kinds: The scheduler's kinds.
        service: The scheduler's service, for the error message.

    Raises:
        StoreError: The journal cannot be read, or another scheduler has it open.
        BadInputError: It is another service's journal: it has open jobs of other kinds, which would fail here.
    """
    require_file_path(str(journal), journal)
    if not journal.exists() or not journal.stat().st_size:
        return []
    with reading(journal) as file:
        pid = file.owner()
        if pid is not None:
            raise StoreInUseError(str(journal), pid)
        jobs = _open_jobs(file)
    for job in jobs:
        if job.snapshot.kind not in kinds:
            raise BadInputError(
                f"{journal} is another service's journal: its job {job.snapshot.id} is of kind {job.snapshot.kind!r} "
                f"and has not ended; give {service} a journal of its own"
            )
    return jobs


def _open_jobs(file: JournalFile) -> list[StoredJob]:
    found = [StoredJob(replay) for replay in replays(file.entries()) if not replay.final]
    return sorted(
        (job for job in found if not job.snapshot.settled), key=lambda job: (job.snapshot.created_at, job.snapshot.id)
    )
