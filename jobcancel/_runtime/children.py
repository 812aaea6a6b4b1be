"""Children: jobs of a job. They settle before it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from jobcancel._core.calls import Call
from jobcancel._core.job import Origin
from jobcancel.errors import DeadlockError

from .admission import Admission
from .handle import Handle
from .job import Job, JobHost, snapshot_of
from .journal import Pending
from .observers import wait_persisted
from .stage import deliver_first

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Snapshot

R = TypeVar("R")


class ChildHost(JobHost, Protocol):
    """What submits children, as the functions here know it: the dispatcher.

    Attributes:
        admission: The queues of the kinds.
    """

    admission: Admission

    def reserve(
        self,
        call: Call[Any],
        parent: Job | None,
        origin: Origin,
        timeout_s: float | None,
        undo: list[Any] | None,
        *,
        in_batch: bool = False,
    ) -> Job:
        """Return a new job that has its place in its kind's queue, and is neither visible nor started."""
        ...

    def reference(self, job: Job) -> Job | str:
        """Return what a handle stores of a job."""
        ...


async def submit_child(host: ChildHost, parent: Job, call: Call[R], labels: dict[str, str] | None) -> Handle[R]:
    """Submit one child of ``parent``."""
    await _before_child(parent)
    _refuse_deadlock(host, parent, call)
    child = host.reserve(host.journal.plain_call(call), parent, _origin(parent, labels), None, None)
    await host.journal.submit(child).answer()
    return Handle(host, host.reference(child), call.kind.name)


async def run_batch(
    host: ChildHost, parent: Job, calls: Iterable[Call[R]], labels: dict[str, str] | None
) -> list[Snapshot[R]]:
    """Submit one child for each call, all or none; wait for all of them, and return them in order."""
    await _before_child(parent)
    origin = _origin(parent, labels)
    calls = [host.journal.plain_call(call) for call in calls]
    for call in calls:
        host.registry.require_own(call)
        _refuse_deadlock(host, parent, call)
    host.admission.check_room(call.kind.spec for call in calls)
    children, submits = list[Job](), list[Pending[None]]()
    for call in calls:
        children.append(host.reserve(call, parent, origin, None, None, in_batch=True))
        submits.append(host.journal.submit(children[-1]))  # at once: the next reservation may fail
    for submit in submits:
        await submit.answer()
    if parent.observed:
        parent.changed()
    for child in children:
        await wait_persisted(host, child)
    return [cast("Snapshot[R]", snapshot_of(child)) for child in children]


def _origin(job: Job, labels: dict[str, str] | None) -> Origin:
    """Return a child's origin: its parent's owner, and its parent's labels updated with its own."""
    inherited = job.origin.labels
    if inherited is not None:
        labels = inherited | labels if labels else inherited
    return Origin(job.origin.owner, labels, None, job.id)


async def _before_child(parent: Job) -> None:
    """Raise an accepted cancel first, unless it is held: then the open stage goes on and may have children."""
    if parent.code_ended or (parent.cancel is not None and not parent.cancel.held):
        await deliver_first(parent, "a child")
    if parent.persistence.stopped:
        await parent.persistence.before_child()


def _refuse_deadlock(host: ChildHost, job: Job, call: Call[Any]) -> None:
    """Refuse a child that would wait for ever.

    Raises:
        DeadlockError: The child's kind has a limit and is among its own ancestors, or all its slots are held by jobs
            that wait, in the end, for this child.
    """
    if call.kind.spec.max_running is None:
        return
    ancestor: Job | None = job
    while ancestor is not None:
        if ancestor.spec.name == call.kind.name:
            raise DeadlockError(
                job.id, f"submit a child of kind {call.kind.name!r}, which has a limit and is its own ancestor"
            )
        ancestor = ancestor.parent
    if host.admission.waits_for_ever(job, call.kind.spec):
        raise DeadlockError(
            job.id, f"submit a child of kind {call.kind.name!r}: all jobs that hold its slots wait for this job's end"
        )
