"""Tasks of the host's that wait for jobs or watch them; each has to end when its job does."""

from __future__ import annotations

from typing import Any

import anyio
from attrs import Factory, define

from jobcancel.errors import JobCancelError

from .world import World


@define(eq=False)
class Onlooker:
    """Who waits for one job, or watches it.

    Attributes:
        states: Those that a watcher saw.
        over: Whether it has ended.
    """

    world: World
    job_id: str
    timeout_s: float | None = None
    scope: anyio.CancelScope = Factory(anyio.CancelScope)
    states: list[str] = Factory(list[str])
    over: bool = False

    async def watch(self) -> None:
        with self.scope:
            try:
                await self._watch()
            except JobCancelError as error:
                self.world.trace.count(f"watch: {type(error).__name__}")
        self.over = True

    async def _watch(self) -> None:
        world = self.world
        async with world.scheduler.watch(self.job_id) as snapshots:
            async for snapshot in snapshots:
                if self.states[-1:] != [str(snapshot.state)]:
                    self.states.append(str(snapshot.state))
                    world.trace.add("saw", self.job_id, state=str(snapshot.state), stage=snapshot.stage)
                world.look(snapshot, "watch")

    async def wait(self) -> None:
        world = self.world
        begun, life = world.clock.monotonic(), world.life
        with self.scope:
            try:
                snapshot = await world.scheduler.wait(self.job_id, timeout_s=self.timeout_s)
            except JobCancelError as error:
                world.trace.count(f"wait: {type(error).__name__}")
            else:
                self._judge(snapshot, begun, life)
        self.over = True

    def _judge(self, snapshot: Any, begun: float, life: int) -> None:
        world, waited = self.world, self.world.clock.monotonic() - begun
        world.look(snapshot, "wait")
        world.trace.count("wait: settled" if snapshot.settled else "wait: the time was up")
        if snapshot.settled:
            world.promised[snapshot.id] = snapshot
        elif not world.closing and life == world.life and (self.timeout_s is None or waited < self.timeout_s):
            world.broken.append(f"2: a wait for {self.job_id} came back though the job is {snapshot.state}")
