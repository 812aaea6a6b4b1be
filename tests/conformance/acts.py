"""The code of these tests' jobs: a job reports when it has reached the point that the test wants, and waits there."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from jobcancel import JobContext
from tests.conformance.client import PATIENCE_S


class Act:
    """The code of one job; the handler of every kind here runs the act that it gets as its argument.

    Attributes:
        reached: Set by the job when it has reached its point.
        release: Set by the test to let the job continue.
        ended: Whether the job's code ran to its end.
    """

    def __init__(
        self, *, stage: str | None = None, shield: bool = False, result: Any = None, error: Exception | None = None
    ) -> None:
        self.reached, self.release = anyio.Event(), anyio.Event()
        self.ended = False
        self._stage, self.shield, self._result, self._error = stage, shield, result, error

    async def play(self, job: JobContext) -> Any:
        """Wait for the release: in the stage, if one was given, and under a shield of the job's own, if asked for."""
        async with AsyncExitStack() as stack:
            if self._stage is not None:
                await stack.enter_async_context(job.stage(self._stage))
            await self.work(job)
            with anyio.CancelScope(shield=self.shield):
                self.reached.set()
                await self.release.wait()
            await checkpoint()
        self.ended = True
        if self._error is not None:
            raise self._error
        return self._result

    async def arrived(self) -> None:
        """Return when the job has reached its point."""
        with anyio.fail_after(PATIENCE_S):
            await self.reached.wait()

    async def work(self, job: JobContext) -> None:
        """Do something before the wait; a test's own acts override it."""


class Finishing(Act):
    """A job whose cancel arrives when its work is done: it ends as it would have ended without the cancel."""

    async def play(self, job: JobContext) -> Any:
        self.reached.set()
        with anyio.CancelScope(shield=True):
            await self.release.wait()
        if self._error is not None:
            raise self._error
        return self._result


class Committing(Act):
    """A job without a checkpoint before it enters ``finalizing``; ``ended`` is true once it is in that stage."""

    async def play(self, job: JobContext) -> None:
        self.reached.set()
        with anyio.CancelScope(shield=True):
            await self.release.wait()
        async with job.stage("finalizing"):
            self.ended = True


class Onward(Act):
    """A job that plays another act after its own."""

    def __init__(self, following: Act, *, stage: str) -> None:
        super().__init__(stage=stage)
        self._following = following

    async def play(self, job: JobContext) -> Any:
        await super().play(job)
        return await self._following.play(job)


class Advancing(Act):
    """A job that has done one unit of four."""

    async def work(self, job: JobContext) -> None:
        job.progress(1, 4)


async def play(job: JobContext, act: Act) -> Any:
    """Handle every kind of these tests."""
    return await act.play(job)
