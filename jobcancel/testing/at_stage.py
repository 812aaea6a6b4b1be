"""The everyday helper: cancel a job in the very moment in which it enters a stage."""

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
    """Submit a job, ask once for its cancel when it enters ``stage``, and wait until it has settled.

    The request is made at the entry itself, before the first step of the stage's code, and decided as that of
    ``Scheduler.cancel`` is: what the verdict then says is what your users get in that stage.

    Args:
        scheduler: A scheduler that runs in this loop.
        call: What calling a kind gave.
        stage: At which stage, the first time that the job enters it; None for before the first step of the job.
        by: The requester; recorded.
        reason: Why; recorded.
        defer: Where the stage would refuse, let the cancel wait for the stage's end instead.
        force: Override refuse and defer.

    Returns:
        The verdict and the settled job.

    Raises:
        ValueError: The kind is strict and declares no such stage; nothing was submitted.
        StageNotReachedError: The job ended without entering the stage, so nobody asked.
    """
    _check(call, stage)
    handle = await scheduler.submit(call)
    if not isinstance(handle, Handle) or not isinstance(job := handle.job, Job):
        raise TypeError(f"cancel_at needs a jobcancel.Scheduler of this process, not {type(scheduler).__name__}")

    def ask() -> Verdict:
        return job.host.cancel(job, user_request(by, reason, defer=defer, force=force))

    if stage is None:
        return Run((ask(),), await handle.wait())
    entry = _Entry(job, stage, ask)
    job.attach(entry)
    try:
        snapshot = await handle.wait()
    finally:
        job.detach(entry)
    if entry.verdict is None:
        raise StageNotReachedError(job.id, stage, snapshot)
    return Run((entry.verdict,), snapshot)


class _Entry:
    """Asks when the job enters the stage for the first time."""

    def __init__(self, job: Job, stage: str, ask: Callable[[], Verdict]) -> None:
        self._job, self._stage, self._ask = job, stage, ask
        self._asked = False
        self.verdict: Verdict | None = None

    def changed(self) -> None:
        """The job has changed, in this very step."""
        if not self._asked and self._job.stage_name == self._stage:
            self._asked = True  # first: what is asked here changes the job, and brings us here again
            self.verdict = self._ask()


def _check(call: Call[Any], stage: str | None) -> None:
    kind = call.kind
    if stage is not None and stage not in kind.stages and kind.stages and kind.spec.strict:
        raise ValueError(
            f"kind {kind.name!r} declares no stage {stage!r}; declared: {', '.join(kind.stages)} "
            "(or None: before the first step)"
        )
