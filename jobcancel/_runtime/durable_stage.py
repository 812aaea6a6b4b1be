"""Stages of journaled jobs: the point of no return is kept before it is passed, and results before they are lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar, TypeVarTuple, Unpack

from jobcancel._core.plain import plain
from jobcancel._core.policies import OnRestart

from .durable_job import DurableJob, durable
from .stage import StageScope, deliver_first
from .ticket import Ticket

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class DurableStage(StageScope):
    """One passage through a stage of a journaled job.

    That a stage which commits begins is kept before it does: otherwise a crash in it could have it begin again.
    """

    __slots__ = ()

    async def __aenter__(self) -> None:
        job, stage = durable(self._job), self._stage
        await job.stop_first(stage.name)
        if not stage.commits or job.cancel is not None or job.stage is not None:
            await StageScope.__aenter__(self)
            return
        job.pages.committing = stage.name
        try:
            await _begin_committing(job)
            await job.stop_first(stage.name)
            await StageScope.__aenter__(self)
        except BaseException:
            job.pages.committing = None
            job.journal.write(job.pages)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        durable(self._job).pages.committing = None  # written with the stage's end
        await StageScope.__aexit__(self, kind, error, trace)

    async def run(self, fn: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts) -> T:
        """Run a function as the stage and keep its result for later attempts, or return what an earlier one kept."""
        job, name = durable(self._job), self._stage.name
        if job.spec.on_restart is not OnRestart.RERUN:
            return await StageScope.run(self, fn, *args)
        passage = job.passages[name] = job.passages.get(name, -1) + 1
        if (name, passage) in job.results:
            await _may_pass(job, name)
            job.log().append((name, job.kernel.now(), 0.0, "reused", None))
            job.changed()
            return plain(job.results[name, passage], name)  # type: ignore[no-any-return]
        async with self:
            value = await fn(*args)
            result = plain(value, f"the result of stage {name!r}, which is kept for later attempts,")
            job.pages.results = [*job.pages.results, (name, passage, result)]
        return plain(result, name)  # type: ignore[no-any-return]  # a copy: what the job changes in it is its own


async def _begin_committing(job: DurableJob) -> None:
    """Return when it is kept that the stage begins, and no request waits for its decision; a full disk is waited for.

    A request that is kept beside it was therefore decided before the stage began, or is to be.
    """
    while True:
        ticket = Ticket[None](job.kernel, patient=True)
        await job.journal.promise(job.pages, ticket).done()
        if not job.pages.asked and not job.pages.says("asked"):
            return


async def _may_pass(job: DurableJob, name: str) -> None:
    """Do what entering the stage would do before it begins."""
    await job.stop_first(name)
    if job.cancel is not None:
        await deliver_first(job, name)
