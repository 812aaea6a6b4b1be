"""Cancel a job exactly when it enters a stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from jobcancel._core.calls import Call
from jobcancel._core.decision import Verdict
from jobcancel._runtime.handle import Handle, user_request
from jobcancel._runtime.job import Job
from jobcancel._runtime.scheduler import Scheduler
from jobcancel.errors import StageNotReachedError

from .run import Run

R = TypeVar("R")


async def cancel_at(
    scheduler: Scheduler,
    call: Call[R],
    *,
    stage: str | None,
    by: str | None = None,
    reason: str | None = None,
    defer: bool = False,
    force: bool = False,
) -> Run[R]:
    """Submit a job, request its cancel once when it enters ``stage``, and wait until it has settled.

    The request is made at the entry, before the first step of the stage's code. It is decided like a call of
    ``Scheduler.cancel``: the verdict is the one that your users get in that stage.

    Args:
        scheduler: A scheduler that runs in this loop.
        call: The result of calling a kind.
        stage: The stage, at its first entry; None for before the first step of the job.
        by: The requester; recorded.
        reason: The reason; recorded.
        defer: Whether a stage that would refuse defers the cancel to its end instead.
        force: Whether to override refuse and defer.

    Returns:
        The verdict and the settled job.

    Raises:
        ValueError: The kind is strict and declares no such stage; nothing was submitted.
        StageNotReachedError: The job ended without entering the stage; no cancel was requested.
    """
    _check_stage(call, stage)
    handle = await scheduler.submit(call)
    if not isinstance(handle, Handle) or not isinstance(job := handle.job, Job):
        raise TypeError(f"cancel_at needs a jobcancel.Scheduler of this process, not {type(scheduler).__name__}")

    def request() -> Verdict:
        return job.host.cancel(job, user_request(by, reason, defer=defer, force=force))

    if stage is None:
        return Run((request(),), await handle.wait())
    observer = _EntryObserver(job, stage, request)
    job.attach(observer)
    try:
        snapshot = await handle.wait()
    finally:
        job.detach(observer)
    if observer.verdict is None:
        raise StageNotReachedError(job.id, stage, snapshot)
    return Run((observer.verdict,), snapshot)


class _EntryObserver:
    """Makes a request when a job enters a stage for the first time."""

    def __init__(self, job: Job, stage: str, request: Callable[[], Verdict]) -> None:
        self._job, self._stage, self._request = job, stage, request
        self._requested = False
        self.verdict: Verdict | None = None

    def changed(self) -> None:
        """Be notified of a change of the job."""
        if not self._requested and self._job.stage_name == self._stage:
            self._requested = True  # before the request, which is a change itself
            self.verdict = self._request()


def _check_stage(call: Call[Any], stage: str | None) -> None:
    kind = call.kind
    if stage is not None and stage not in kind.stages and kind.stages and kind.spec.strict:
        raise ValueError(
            f"kind {kind.name!r} declares no stage {stage!r}; declared: {', '.join(kind.stages)} "
            "(or None: before the first step)"
        )
