"""Runs a list of actions on a scheduler and on the reference, and compares them whenever all has come to rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import inf
from typing import Final

import anyio
from anyio.abc import TaskGroup, TaskStatus

from .actions import Action
from .calls import Setting
from .commands import Commands
from .onlookers import BoomError, Waiter, Watcher
from .rest import rest

TICK: Final = 1 / 1024


class Machine(Commands):
    """A scheduler, its reference, and what the host runs beside them."""

    def __init__(self, setting: Setting, group: TaskGroup, tally: Counter[str]) -> None:
        super().__init__(setting, group, tally)
        self.waiters: list[Waiter] = []
        self.watchers: list[Watcher] = []

    async def run(self, script: Iterable[Action]) -> None:
        await self.do_reenter()
        for action in script:
            await self._step(action)
        await self._finish()

    async def _step(self, action: Action) -> None:
        name, *arguments = action
        self.tally["steps"] += 1
        await self._pass(TICK)
        await getattr(self, f"do_{name}")(*arguments)
        await self._settle()

    async def _settle(self) -> None:
        await rest()
        self.reference.rest()
        self.open = self.open and not (self.left and not self.reference.closings)
        await self.comparison.check(self.waiters, self.watchers)

    async def _pass(self, seconds: float) -> None:
        """Let time go by, from one deadline to the next; all comes to rest at each."""
        reference, end = self.reference, self.reference.now + seconds
        while True:
            at = min(reference.next_deadline() if self.open else inf, *(w.until or inf for w in self._waiting()), end)
            due = at < end or (self.open and reference.next_deadline() <= at)
            await self.clock.advance(at - reference.now)
            if self.open:
                reference.reach(at)
            reference.now = at
            if due:
                await self._settle()
            if at == end:
                return

    def _waiting(self) -> list[Waiter]:
        return [waiter for waiter in self.waiters if waiter.seen is None and not waiter.scope.cancel_called]

    # Onlookers.

    async def do_wait(self, number: int, timeout_s: float | None) -> None:
        job = self._pick(number)
        if job is not None and (timeout_s is None or self.open):
            until = None if timeout_s is None or job.settled is not None else self.reference.now + timeout_s
            self.waiters.append(waiter := Waiter(job, until, timeout_s))
            self.group.start_soon(waiter.run, self.scheduler)

    async def do_unwait(self, number: int) -> None:
        if waiting := self._waiting():
            self.tally["fault: a waiter is cancelled"] += 1
            waiting[number % len(waiting)].scope.cancel()

    async def do_watch(self, number: int, style: str) -> None:
        job = self._pick(number)
        if job is not None:
            self.watchers.append(watcher := Watcher(job, style))
            self.group.start_soon(watcher.run, self.scheduler)

    async def do_watch_on(self, number: int) -> None:
        slow = [watcher for watcher in self.watchers if watcher.style == "slow" and not watcher.over]
        if slow:
            self.tally["fault: a watcher is slow"] += 1
            slow[number % len(slow)].proceed.set()

    async def do_unwatch(self, number: int) -> None:
        reading = [one for one in self.watchers if not one.over and not one.scope.cancel_called]
        if reading:
            self.tally["fault: a watcher is abandoned"] += 1
            reading[number % len(reading)].scope.cancel()

    # Time and ends.

    async def do_advance(self, seconds: int) -> None:
        await self._pass(seconds)

    async def do_shutdown(self, drain_s: int) -> None:
        if self.open and self.reference.accepting:
            self.tally["shutdowns"] += 1
            self.reference.close(drain_s)
            self.group.start_soon(self.scheduler.shutdown, drain_s)

    async def do_leave(self, how: str) -> None:
        if self.open and not self.left:
            self.left = how
            self.tally["shutdowns" if how == "normally" else f"fault: the host {how}"] += 1
            self.reference.close(self.setting.drain_s if how == "normally" else 0)
            if how == "cancelled":
                self.host.cancel()
            self.leave.set()

    async def do_reenter(self) -> None:
        if not self.open:
            self.open, self.left, self.leave, self.host = True, "", anyio.Event(), anyio.CancelScope()
            self.reference.accepting = True
            self.reference.reach(self.reference.now)
            await self.group.start(self._be_host)

    async def _be_host(self, *, task_status: TaskStatus[None]) -> None:
        try:
            with self.host:
                async with self.scheduler:
                    task_status.started()
                    await self.leave.wait()
                    if self.left == "raises":
                        raise BoomError
        except BoomError:
            assert self.left == "raises"

    async def _finish(self) -> None:
        """Leave, and let every job come to its end, still compared at every step."""
        await self._step(("leave", "cancelled"))
        for _ in range(1000):
            if not self.open:
                self.tally["keys that were forgotten"] += self.reference.forgotten
                return await self._step(("find", {}, 3))
            coded = [job for job in self.reference.jobs if job.place == "code"]
            if not coded:
                await self._step(("advance", 1))
            elif coded[0].in_thread:
                await self._step(("release", 0, False))
            else:
                await self._step(("tell", 0, ("returned",)))
        raise AssertionError("the jobs do not end")

    def dismiss(self) -> None:
        """Let everything go that the script holds: after a failure nothing may hang."""
        self.stage.over.set()
        for puppet in self.stage.puppets.values():
            puppet.posted.set()
            puppet.gate.set()
        for scope in [one.scope for one in self.waiters] + [one.scope for one in self.watchers]:
            scope.cancel()
        self.host.cancel()
        self.leave.set()
