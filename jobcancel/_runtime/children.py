"""Children: jobs of a job. They settle before it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jobcancel._core.calls import Call
from jobcancel._core.job import Origin
from jobcancel._core.kinds import no_call
from jobcancel.errors import DeadlockError

from .handle import Handle
from .job import Job, snapshot_of
from .stage import deliver_first
from .waiting import until_told

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Snapshot

R = TypeVar("R")


async def submit_child(job: Job, call: Call[R], labels: dict[str, str] | None) -> Handle[R]:
    """Submit one child of ``job``.

    Raises:
        TypeError: It is no call of a kind.
    """
    if type(call) is not Call:
        raise no_call(call, "submit")
    await _may_submit(job)
    _refuse_deadlock(job, call)
    kernel, origin = job.kernel, _origin(job, labels)
    if kernel.durable is not None:
        child = await kernel.durable.reserve(call.plainly(), job, origin, None, None).answer()
        return Handle(kernel, child.id, call.kind.name)
    return Handle(kernel, kernel.take(call, job, origin, None, None), call.kind.name)


async def run_batch(job: Job, calls: Iterable[Call[R]], labels: dict[str, str] | None) -> list[Snapshot[R]]:
    """Submit one child a call, all or none; wait for all, return them in order.

    Raises:
        TypeError: Something among them is no call of a kind; no child was submitted.
    """
    calls = _calls(calls)
    await _may_submit(job)
    kernel, origin = job.kernel, _origin(job, labels)
    if kernel.durable is not None:
        calls = [call.plainly() for call in calls]
    for call in calls:
        kernel.check_kind(call)
        _refuse_deadlock(job, call)
    kernel.admission.check_room(call.kind.spec for call in calls)
    if kernel.durable is None:
        children: list[Job] = [kernel.take(call, job, origin, None, None) for call in calls]
        for child in children:
            job.enlist(child)
    else:
        reserve = kernel.durable.reserve
        tickets = [reserve(call, job, origin, None, None, in_batch=True) for call in calls]
        children = [await ticket.answer() for ticket in tickets]
    if job.heard:
        job.changed()
    for child in children:
        await until_told(kernel, child)
    return [cast("Snapshot[R]", snapshot_of(child)) for child in children]


def _calls(given: Iterable[Call[R]]) -> list[Call[R]]:
    passed = cast("object", given)
    if isinstance(passed, str) or not isinstance(passed, Iterable):
        raise no_call(passed, "batch")
    calls = list(given)
    refused = [no_call(call, "batch") for call in calls if type(call) is not Call]  # all: every coroutine is closed
    if refused:
        raise refused[0]
    return calls


def _origin(job: Job, labels: dict[str, str] | None) -> Origin:
    """Return what is known of a child: its parent's owner and labels, and those of its own laid over."""
    inherited = job.origin.labels
    if inherited is not None:
        labels = inherited | labels if labels else inherited
    return Origin(job.origin.owner, labels, None, job.id)


async def _may_submit(job: Job) -> None:
    """Let an accepted cancel out first, unless it is held: then the stage goes on, children and all."""
    if job.code_ended or (job.cancel is not None and not job.cancel.held):
        await deliver_first(job, "a child")
    if job.stopped:
        await job.stop_first("a child", stage=False)


def _refuse_deadlock(job: Job, call: Call[Any]) -> None:
    """Refuse a child that would wait for ever.

    Raises:
        DeadlockError: The child's kind has a limit and is among its own ancestors, or all its slots belong to jobs
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
    if job.kernel.admission.waits_for_ever(job, call.kind.spec):
        raise DeadlockError(
            job.id, f"submit a child of kind {call.kind.name!r}: all who hold its slots wait for this job's end"
        )
