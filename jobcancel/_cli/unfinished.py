"""What an earlier run left unfinished in a journal, and whether this one may take it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from jobcancel.errors import StoreInUseError
from jobcancel.stores.sqlite_format import require_file_path
from jobcancel.stores.sqlite_reading import reading

from .ingest import project_ingest_github
from .preflight import BadInputError, Place, prepared_again
from .restart import after_restart
from .stored import StoredJob, open_jobs


def unfinished(journal: Path) -> StoredJob | None:
    """Return the job that goes on when a scheduler takes the journal, or None.

    Raises:
        StoreError: The journal cannot be read, or another run has it.
        BadInputError: It is another service's: its jobs would fail here.
    """
    jobs = usable(journal, {project_ingest_github.name}, "the demo")
    return jobs[0] if jobs else None


def usable(journal: Path, kinds: set[str], whose: str) -> list[StoredJob]:
    """Return the open jobs of a journal, oldest first, if a scheduler with these kinds may take it.

    Raises:
        StoreError: The journal cannot be read, or another scheduler has it.
        BadInputError: It is another service's: jobs of other kinds would fail here.
    """
    require_file_path(str(journal), journal)
    if not journal.exists() or not journal.stat().st_size:
        return []
    with reading(journal) as file:
        pid = file.owner()
        if pid is not None:
            raise StoreInUseError(str(journal), pid)
        jobs = open_jobs(file)
    for job in jobs:
        if job.snapshot.kind not in kinds:
            raise BadInputError(
                f"{journal} is another service's journal: its job {job.snapshot.id} is of kind {job.snapshot.kind!r} "
                f"and has not ended; give {whose} a journal of its own"
            )
    return jobs


def place_of(job: StoredJob, journal: Path) -> AbstractContextManager[Place]:
    """Prepare the place that a job was given at its submit."""
    fields = job.replay.fields
    given: dict[str, Any] = project_ingest_github.bound(fields.get("args") or (), fields.get("kwargs") or {})
    return prepared_again(given["repo"], given["host"], given["workdir"], journal)


def going_on(job: StoredJob) -> str:
    """Return in words what becomes of the job now."""
    return f"job {job.snapshot.id} of an earlier run was {job.snapshot.state}: {after_restart(job, reruns=True)}"
