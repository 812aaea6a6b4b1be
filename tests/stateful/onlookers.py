"""Tasks of the host's that wait for jobs or watch them, some of them badly."""

from __future__ import annotations

from typing import Any

import anyio
from attrs import Factory, define

from jobcancel import Scheduler, Snapshot

from .records import Job


class BoomError(Exception):
    """What a host's own code raises."""


@define(eq=False)
class Waiter:
    """One call of ``wait``."""

    job: Job
    until: float | None
    timeout_s: float | None
    scope: anyio.CancelScope = Factory(anyio.CancelScope)
    seen: Snapshot[Any] | None = None

    async def run(self, scheduler: Scheduler) -> None:
        with self.scope:
            timeout_s = None if self.until is None else self.timeout_s
            self.seen = await scheduler.wait(self.job.id, timeout_s=timeout_s)


@define(eq=False)
class Watcher:
    """One ``async with watch``.

    Attributes:
        style: ``eager`` reads on, ``slow`` waits for ``proceed`` after each read, ``raises`` raises at the second.
        seen: The states it saw.
        over: How it ended: ``""`` while it reads, ``settled``, or ``raised``.
    """

    job: Job
    style: str
    scope: anyio.CancelScope = Factory(anyio.CancelScope)
    proceed: anyio.Event = Factory(anyio.Event)
    seen: list[str] = Factory(list[str])
    over: str = ""

    async def run(self, scheduler: Scheduler) -> None:
        with self.scope:
            try:
                async with scheduler.watch(self.job.id) as snapshots:
                    async for snapshot in snapshots:
                        await self._read(snapshot)
                self.over = "settled"
            except BoomError:
                self.over = "raised"

    async def _read(self, snapshot: Snapshot[Any]) -> None:
        self.seen.append(snapshot.state.value)
        if self.style == "raises" and len(self.seen) == 2:
            raise BoomError
        if self.style == "slow":
            await self.proceed.wait()
            self.proceed = anyio.Event()
