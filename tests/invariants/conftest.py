"""A scheduler to try the invariants on, and a short way to submit handlers to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from itertools import count
from typing import Any, Concatenate, ParamSpec, Unpack

import anyio.lowlevel
import pytest

from jobcancel import JobContext, JobHandle, Kind, Registry, Scheduler
from jobcancel._core.specs import KindOptions
from jobcancel._runtime.job import Job
from jobcancel._runtime.kernel import Kernel
from jobcancel.testing import ManualClock

P = ParamSpec("P")


class Live:
    """A running scheduler, its registry and its clock."""

    def __init__(self, **options: Any) -> None:
        self.registry, self.clock = Registry(), ManualClock()
        self.scheduler = Scheduler(self.registry, clock=self.clock, **options)
        self._names = (f"kind_{number}" for number in count(1))

    def kind(
        self, handler: Callable[Concatenate[JobContext, P], Coroutine[Any, Any, Any]], **options: Unpack[KindOptions]
    ) -> Kind[P, Any]:
        """Register ``handler`` as a kind of its own."""
        return self.registry.kind(next(self._names), **options)(handler)

    async def submit(
        self,
        handler: Callable[[JobContext], Coroutine[Any, Any, Any]],
        *,
        compensations: Iterable[Callable[[], object]] = (),
        **options: Unpack[KindOptions],
    ) -> JobHandle[Any]:
        """Submit ``handler`` as a kind of its own."""
        kind = self.kind(handler, **options)
        return await self.scheduler.submit(kind(), compensations=compensations)

    def inside(self, handle: JobHandle[Any]) -> Job:
        """The live job behind a handle."""
        return self.kernel.table.live[handle.id]

    @property
    def kernel(self) -> Kernel:
        """The scheduler's inside."""
        return self.scheduler._kernel  # pyright: ignore[reportPrivateUsage]  # nothing public counts a task's steps


@pytest.fixture
async def live(anyio_backend: Any) -> AsyncGenerator[Live]:
    """A scheduler that runs for one test."""
    live = Live()
    async with live.scheduler:
        yield live


async def turns(count: int = 20) -> None:
    """Let everything that is ready run, again and again."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()
