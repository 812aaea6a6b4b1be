"""Entering and leaving a stage: where a held cancel is released, and where new work meets an accepted cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from types import TracebackType
from typing import TypeVar, TypeVarTuple, Unpack

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from jobcancel._core.job import Release
from jobcancel._core.specs import Stage
from jobcancel.errors import StageTimeoutError, StageUnavailableError, StaleAttemptError

from .clock import Timer
from .exceptions import cut_cycle, is_cancellation
from .job import Job

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def deliver_first(job: Job, wanted: str) -> None:
    """Raise the accepted cancel before new work begins; to be called if one was accepted, or the code has ended.

    Raises:
        StageUnavailableError: It cannot be delivered here, under a shield of the job's own.
        StaleAttemptError: The job's code has ended.
    """
    if job.code_ended:
        raise StaleAttemptError(job.id, job.attempt)
    job.host.deliver(job)
    await checkpoint_if_cancelled()
    raise StageUnavailableError(job.id, wanted)


class StageScope:
    """One passage through a stage, as a context manager.

    A stage that must not be torn has no scope of its own: it costs nothing until a cancel is accepted, which is then
    held and delivered at the stage's end. Only a stage with a ``timeout_s`` has a scope.
    """

    __slots__ = ("_job", "_scope", "_stage", "_timer")

    def __init__(self, job: Job, stage: Stage) -> None:
        self._job, self._stage = job, stage
        self._scope: anyio.CancelScope | None = None
        self._timer: Timer | None = None

    async def run(self, fn: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts) -> T:
        """Run a function as the stage."""
        return await self._job.persistence.run_stage(self._stage, self, fn, *args)

    async def __aenter__(self) -> None:
        job, stage = self._job, self._stage
        if job.persistence.journaled:
            await job.persistence.before_stage(stage)
        try:
            if job.cancel is not None or job.code_ended:
                held = job.cancel is not None and job.cancel.held and job.stage is not None
                if not held or job.code_ended:  # else ``enter_stage`` raises, since another stage is open
                    await deliver_first(job, stage.name)
            host = job.host
            job.enter_stage(stage, host.now())
            if stage.timeout_s != inf:
                scope = self._scope = host.scope_type()
                self._timer = host.timers.add(job.stage_at + stage.timeout_s, scope.cancel)
                scope.__enter__()
        except BaseException:
            job.persistence.stage_not_entered()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        job = self._job
        job.persistence.leaving_stage()
        if error is None and job.cancel is None and self._scope is None:
            job.leave_stage("done", job.host.now(), raised=False)
            return
        try:
            timed_out = self._leave_scope(kind, error, trace)
        except BaseException as rest:  # trio removes its own cancellations from a group and raises the rest
            await self._leave(rest, timed_out=False)
            raise
        await self._leave(error, timed_out=timed_out)
        if timed_out:
            raise StageTimeoutError(job.id, self._stage.name, self._stage.timeout_s) from error

    def _leave_scope(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Leave the stage's own scope, if it has one; return whether its timeout ended the stage."""
        if self._scope is None or self._timer is None:
            return False
        self._timer.cancel()
        if error is not None:
            cut_cycle(error)
        return bool(self._scope.__exit__(kind, error, trace)) and self._scope.cancelled_caught

    async def _leave(self, error: BaseException | None, *, timed_out: bool) -> None:
        job, cancel = self._job, self._job.cancel
        status = "done" if error is None else "failed"
        if timed_out:
            status = "timed_out"
        elif error is not None and is_cancellation(error):
            status = "canceled"
            if cancel is not None and cancel.held and anyio.current_effective_deadline() != -inf:
                cancel.pierced, cancel.tear = True, error  # no scope of the job's own requested it
        release = job.leave_stage(status, job.host.now(), raised=error is not None)
        if release is not Release.NOTHING:
            job.host.deliver(job)
            if release is Release.RAISE:
                await checkpoint_if_cancelled()
