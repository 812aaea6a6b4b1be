"""Children: jobs of a job. They settle before it does."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from jobcancel._core.kinds import Call
from jobcancel._core.origin import Origin
from jobcancel._core.progress import ProgressRecord
from jobcancel._core.snapshot import Snapshot
from jobcancel.errors import DeadlockError

from .handle import Handle
from .job import Job
from .stage import deliver_first
from .waiting import until_settled

R = TypeVar("R")


async def submit_child(job: Job, call: Call[R], labels: dict[str, str] | None) -> Handle[R]:
    """Submit one child of ``job``."""
    await _may_submit(job)
    child = _submit(job, call, labels)
    return Handle(child.kernel, child, call.kind.name)


async def run_batch(job: Job, calls: list[Call[R]], labels: dict[str, str] | None) -> list[Snapshot[R]]:
    """Submit one child a call, wait for all, return them in order."""
    await _may_submit(job)
    children: list[Job] = []
    for call in calls:
        child = _submit(job, call, labels)
        child.in_batch = True
        children.append(child)
        if job.progress is None:
            job.progress = ProgressRecord()
        job.progress.children.append(child.id)
    job.changed()
    for child in children:
        await until_settled(child)
    return [cast("Snapshot[R]", child.snapshot()) for child in children]


async def _may_submit(job: Job) -> None:
    """Let an accepted cancel out first, unless it is held: then the stage goes on, children and all."""
    if job.code_ended or (job.cancel is not None and not job.cancel.held):
        await deliver_first(job, "a child")


def _submit(job: Job, call: Call[Any], labels: dict[str, str] | None) -> Job:
    """Submit a child of the parent's owner.

    Raises:
        DeadlockError: The child's kind has a limit and is among its own ancestors.
    """
    if call.kind.spec.max_running is not None:
        ancestor: Job | None = job
        while ancestor is not None:
            if ancestor.spec.name == call.kind.name:
                raise DeadlockError(
                    job.id, f"submit a child of kind {call.kind.name!r}, which has a limit and is its own ancestor"
                )
            ancestor = ancestor.parent
    return job.kernel.take(call, job, Origin(job.origin.owner, labels, None, job.id), None, None)
