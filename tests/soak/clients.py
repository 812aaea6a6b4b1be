"""Clients: each submits a job, does to it what the plan says, waits for it, has it judged, and takes the next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from jobcancel import JobHandle, Scheduler, Snapshot
from jobcancel.errors import IdempotencyConflictError, JobNotFoundError, QueueFullError, SchedulerClosedError

from .handlers import Setting, repay
from .judge import unpaid, wrong_in
from .kinds import KINDS
from .ledger import STATES
from .plan import Plan


class Crowd:
    """The clients of one session: one entering of one scheduler.

    Args:
        setting: What all share.
        scheduler: Where they submit.
        until: It is enough once so many jobs were accepted in the whole run.

    Attributes:
        tasks: Where it runs.
        closing: Whether the scheduler is being left.
        enough: Set when it is enough.
    """

    tasks: TaskGroup

    def __init__(self, setting: Setting, scheduler: Scheduler, until: int) -> None:
        self.setting, self.ledger, self.scheduler = setting, setting.ledger, scheduler
        self.closing, self.enough = False, anyio.Event()
        self._until = until
        self._abandoned: list[tuple[int, JobHandle[Any], Snapshot[Any]]] = []
        self._acts: dict[str, Callable[[int, JobHandle[Any], str], Awaitable[object]]] = {
            "cancel": partial(self._cancel, defer=False, force=False),
            "defer": partial(self._cancel, defer=True, force=False),
            "force": partial(self._cancel, defer=False, force=True),
            "ask": self._ask,
            "harden": self._harden,
            "leave": self._leave,
            "time": self._time,
            "watch": partial(self._watch, most=1000),
            "glance": partial(self._watch, most=2),
            "double": self._double,
            "stranger": self._stranger,
            "find": self._find,
            "many": self._many,
        }

    async def client(self) -> None:
        """Be a client until the session closes."""
        while True:
            if self.ledger.accepted >= self._until:
                self.enough.set()
            plan = self.setting.plan(self.ledger.minted)
            try:
                handle = await self._submit(plan)
            except SchedulerClosedError:
                self.ledger.happened["submit to a closed scheduler"] += 1
                return
            if handle is None:
                await self.setting.pace.pause(1)
                continue
            await self._meet(plan, handle)
            snapshot = await handle.wait()
            self.judge(plan.n, snapshot, handle)
            if plan.n % 64 == 0:
                await self._look_again(plan.n, snapshot, handle)

    async def _submit(self, plan: Plan) -> JobHandle[Any] | None:
        """Submit; None if it was refused or led to an earlier job."""
        ledger, n = self.ledger, plan.n
        undos = [partial(repay, ledger, n, k, "good") for k in range(plan.undos)]
        topic = 0 if plan.key is None or n % 4 else 1
        call = self.setting.registry[plan.kind](topic)
        try:
            handle = await self.scheduler.submit(
                call, key=plan.key, owner=plan.owner, timeout_s=plan.timeout_s, compensations=undos
            )
        except QueueFullError:
            ledger.reject()
            return None
        except IdempotencyConflictError as error:
            ledger.happened["key conflict"] += 1
            self._check_replay(plan, int(error.job_id[1:]), created=False)
            ledger.skip()
            return None
        self._check_replay(plan, int(handle.id[1:]), created=handle.created)
        if not handle.created:
            ledger.skip()
            return None
        ledger.claim(n)
        self.setting.plans[n] = plan
        ledger.due[n] = plan.undos
        return handle

    def _check_replay(self, plan: Plan, n: int, *, created: bool) -> None:
        """Hold a key's answer against what the soak remembers of that key."""
        if plan.key is None:
            return
        ledger, now = self.ledger, self.setting.pace.clock.monotonic()
        first, expires = ledger.keyed.get((plan.owner, plan.key), (-1, 0.0))
        if created:
            if now < expires and ledger.settles[first] and STATES[ledger.state[first]] != "failed":
                ledger.findings.add("a key led to a second job", (plan.key, first, n))
            ledger.keyed[plan.owner, plan.key] = (n, now + float(KINDS["keyed"]["key_ttl_s"]))
            return
        ledger.happened["key replayed"] += 1
        if n != first or now >= expires:
            ledger.findings.add("a key led to another job than its first", (plan.key, first, n))

    async def _meet(self, plan: Plan, handle: JobHandle[Any]) -> None:
        for place, act in enumerate(plan.acts):
            if act.ticks:
                await self.setting.pace.pause(act.ticks)
            else:
                for _ in range(plan.n % 8):
                    await checkpoint()
            await self._acts[act.what](plan.n, handle, f"u{plan.n}.{place}")

    def judge(self, n: int, snapshot: Snapshot[Any], handle: JobHandle[Any] | None) -> None:
        """Close the row of a job whose waiter has returned; the rest of an abandoned one is due at the end."""
        if snapshot.cancel is not None and snapshot.cancel.abandoned and handle is not None:
            self._abandoned.append((n, handle, snapshot))
        self._report(n, wrong_in(self.setting, n, snapshot, closing=self.closing), snapshot)
        self.ledger.close(n, snapshot.state)
        self.setting.plans.pop(n, None)

    def _report(self, n: int, wrong: Iterable[str], snapshot: Snapshot[Any]) -> None:
        for sort in wrong:
            plan = self.setting.plan(n, child=not self.ledger.client[n])
            detail = {name: getattr(plan, name) for name in ("kind", "steps", "ending", "manner", "acts", "undos")}
            self.ledger.findings.add(sort, f"{n}: {detail} {snapshot}")

    async def _look_again(self, n: int, first: Snapshot[Any], handle: JobHandle[Any]) -> None:
        """A settled job does not change, also once it is packed."""
        self.ledger.happened["looked at again"] += 1
        await self.setting.pace.pause(3)
        again = await handle.wait()
        if (again.state, again.settled_at, again.result) != (first.state, first.settled_at, first.result):
            self.ledger.findings.add("a terminal state was left", f"{n}: {first}, then {again}")

    def follow_children(self) -> None:
        """Start a waiter for each child submitted since the last call."""
        for n in self.ledger.unfollowed:
            self.tasks.start_soon(self._follow, n)
        self.ledger.unfollowed.clear()

    async def _follow(self, n: int) -> None:
        """Wait for a child."""
        try:
            snapshot = await self.scheduler.wait(f"j{n}")
        except JobNotFoundError:
            self.ledger.findings.add("a child could not be found", n)
            return
        self.ledger.happened["child"] += 1
        self.judge(n, snapshot, None)

    async def judge_abandoned(self) -> None:
        """Now that all code has ended: what the abandoned jobs left to be undone is undone, once."""
        for n, handle, first in self._abandoned:
            last = await handle.wait()
            self._report(n, unpaid(self.ledger, n, last), last)
            if (last.state, last.settled_at) != (first.state, first.settled_at):
                self.ledger.findings.add("a terminal state was left", f"{n}: {first}, then {last}")

    # What a client does to its job, each named in a plan.

    async def _cancel(self, n: int, handle: JobHandle[Any], by: str, *, defer: bool, force: bool) -> None:
        verdict = await handle.cancel(by=by, defer=defer, force=force)
        self.ledger.answered(verdict, by, defer=defer, force=force)

    async def _harden(self, n: int, handle: JobHandle[Any], by: str) -> None:
        """Ask for a cancel at the stage's end, then for one at once."""
        await self._cancel(n, handle, by, defer=True, force=False)
        await self._cancel(n, handle, by, defer=False, force=True)

    async def _ask(self, n: int, handle: JobHandle[Any], by: str) -> None:
        """The dry run says what the cancel then answers."""
        try:
            foreseen = await self.scheduler.can_cancel(handle.id)
        except JobNotFoundError:
            return  # settled, and past its retention
        verdict = await self.scheduler.cancel(handle.id, by=by)
        self.ledger.answered(verdict, by)
        if verdict != foreseen:
            self.ledger.findings.add("a dry run foresaw another verdict", (foreseen, verdict))

    async def _leave(self, n: int, handle: JobHandle[Any], by: str) -> None:
        """A waiter that is cancelled cancels nothing else."""
        with anyio.CancelScope() as scope:
            self.setting.pace.after(1, scope.cancel)
            await handle.wait()
        self.ledger.happened["waiter cancelled"] += scope.cancelled_caught

    async def _time(self, n: int, handle: JobHandle[Any], by: str) -> None:
        snapshot = await handle.wait(timeout_s=0.05)
        self.ledger.happened["waiter timed out"] += not snapshot.settled

    async def _watch(self, n: int, handle: JobHandle[Any], by: str, *, most: int) -> None:
        """Watch to the end, or open a watch and abandon it."""
        settled = seen = 0
        try:
            async with self.scheduler.watch(handle.id) as snapshots:
                async for snapshot in snapshots:
                    seen += 1
                    settled += snapshot.settled
                    if seen == most:
                        break
        except JobNotFoundError:
            return
        self.ledger.happened["watcher abandoned" if not settled else "watched to the end"] += 1
        if settled > 1 or (not settled and seen < most):
            self.ledger.findings.add("a watch did not end with the one settled snapshot", (n, settled, seen))

    async def _double(self, n: int, handle: JobHandle[Any], by: str) -> None:
        self.tasks.start_soon(self._second_waiter, n, handle)

    async def _second_waiter(self, n: int, handle: JobHandle[Any]) -> None:
        snapshot = await handle.wait()
        self.ledger.happened["second waiter"] += 1
        if self.ledger.settles[n] and STATES[self.ledger.state[n]] != snapshot.state:
            self.ledger.findings.add("two waiters saw two ends", (n, snapshot.state))

    async def _stranger(self, n: int, handle: JobHandle[Any], by: str) -> None:
        try:
            await self.scheduler.cancel(handle.id, owner="stranger", by=by)
        except JobNotFoundError:
            self.ledger.happened["another owner refused"] += 1
        else:
            self.ledger.findings.add("another owner's cancel was answered", n)

    async def _find(self, n: int, handle: JobHandle[Any], by: str) -> None:
        page = await self.scheduler.find(limit=5)
        self.ledger.happened["found"] += len(page.jobs)

    async def _many(self, n: int, handle: JobHandle[Any], by: str) -> None:
        verdicts = await self.scheduler.cancel_many(owner=f"o{n % 40}", by=by)
        self.ledger.happened["cancel_many"] += 1
        for verdict in verdicts.values():
            self.ledger.answered(verdict, by)
