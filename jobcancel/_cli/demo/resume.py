"""A run with a journal: the job that an earlier run did not finish, its workspace, and what happens to it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from attrs import frozen

from jobcancel._cli.jobs.restart import describe_restart
from jobcancel._cli.jobs.stored import StoredJob, jobs_to_resume

from .ingest import project_ingest_github
from .workspace import Workspace, existing_workspace


@frozen
class Journal:
    """The journal of a run.

    Attributes:
        path: The file.
        unfinished: The job of an earlier run that this run resumes; None if the run submits a new job.
    """

    path: Path
    unfinished: StoredJob | None

    @classmethod
    def at(cls, path: Path) -> Journal:
        """Return the journal in a file, which may be missing.

        Raises:
            StoreError: The journal cannot be read, or another run has it open.
            BadInputError: It is another service's journal.
        """
        jobs = jobs_to_resume(path, {project_ingest_github.name}, "the demo")
        return cls(path, jobs[0] if jobs else None)


def workspace_of(job: StoredJob, journal: Path) -> AbstractContextManager[Workspace]:
    """Return the workspace that a job was submitted with."""
    fields = job.replay.fields
    arguments: dict[str, Any] = project_ingest_github.bound(fields.get("args") or (), fields.get("kwargs") or {})
    return existing_workspace(arguments["repo"], arguments["host"], arguments["workdir"], journal)


def describe_resumed(job: StoredJob) -> str:
    """Return what happens to a job of an earlier run."""
    return f"job {job.snapshot.id} of an earlier run was {job.snapshot.state}: {describe_restart(job, reruns=True)}"
