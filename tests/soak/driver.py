"""The run: one session after the other, the ticks of time, and what is checked when a session is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf
from time import perf_counter
from typing import Final, NoReturn

import anyio
from anyio.lowlevel import checkpoint

from jobcancel import Scheduler

from . import alarms, gauges
from .clients import Crowd
from .handlers import PlannedError, Setting
from .hosts import outside
from .kinds import KINDS, RETAIN_COUNT, registry
from .ledger import Findings, Ledger

LIVE: Final = 2000
TURNS: Final = 2  # of the loop, in a tick
ROWS_SPARE: Final = 1.3  # rows that become no job: refused by a full queue, or led to a key's first job
STALLED: Final = (2000, 20.0)  # ticks and real seconds without a settlement that mean that one will never come


class Soak:
    """One run.

    Args:
        jobs: How many jobs to have accepted.
        seed: Where all plans come from.
        give_up: Called when no job settles any more though some live; does not return, since no scheduler could be
            left then.
    """

    def __init__(self, jobs: int, seed: int, give_up: Callable[[Soak], NoReturn]) -> None:
        self._give_up = give_up
        self.jobs, self.live = jobs, min(LIVE, max(100, jobs // 60))
        self.findings = Findings()
        self.ledger = Ledger(int(jobs * ROWS_SPARE) + 10_000, self.findings)
        self.setting = Setting(self.ledger, registry, seed)
        self.gauge = gauges.Gauge()
        # A full collection takes as long as some dozen jobs: a short run, whose memory is not judged, has fewer.
        self.samples = gauges.SAMPLES if jobs >= gauges.LEAST else 10
        self.begun = self.took_s = self.longest_turn_s = 0.0
        self.marks: list[float] = []  # seconds at every 2 %
        self.files: list[int] = []
        self._crowd: Crowd | None = None
        self._over = False
        self._progress = (0, 0, 0.0)

    async def run(self) -> None:
        """Run all sessions, then audit the ledger."""
        alarms.arm_loop(self.ledger)
        tasks, self.begun = gauges.tasks(), perf_counter()
        self._progress = (0, 0, self.begun)
        async with anyio.create_task_group() as group:
            group.start_soon(self._tick)
            try:
                await self._sessions()
            finally:
                self._over = True
        self.took_s = perf_counter() - self.begun
        self.ledger.audit()
        self._audit_process(tasks)

    async def _sessions(self) -> None:
        scheduler, session = self._scheduler(0), 0
        while self.ledger.accepted < self.jobs:
            await self._session(scheduler, session)
            session += 1
            if session % 2:  # every second time the same scheduler is entered again
                scheduler = self._scheduler(session)

    def _scheduler(self, session: int) -> Scheduler:
        self.ledger.keyed.clear()
        return Scheduler(
            self.setting.registry,
            app=self.setting,
            max_running=None if session % 4 else self.live - self.live // 10,
            max_threads=10,
            drain_s=(0, 0.2, 5)[session % 3],
            clock=self.setting.pace.clock,
            new_id=self.ledger.mint,
        )

    async def _session(self, scheduler: Scheduler, session: int) -> None:
        """Enter the scheduler, and leave it in one of four ways while all clients have jobs in it."""
        until = min(self.jobs, self.ledger.accepted + max(500, self.jobs // 40))
        crowd = self._crowd = Crowd(self.setting, scheduler, until)
        async with anyio.create_task_group() as tasks:
            crowd.tasks = tasks
            try:
                async with scheduler:
                    for _ in range(self.live):
                        tasks.start_soon(crowd.client)
                    tasks.start_soon(outside, self.setting, scheduler)
                    await crowd.enough.wait()
                    crowd.closing = True
                    self.ledger.happened["shutdown"] += 1
                    if session % 4 == 1:
                        await scheduler.shutdown(0.3)
                    elif session % 4 == 2:
                        raise PlannedError(session)
            except PlannedError:
                pass
            crowd.follow_children()
        await crowd.judge_abandoned()
        self._crowd = None
        del crowd
        await self._audit_scheduler(scheduler)

    async def _tick(self) -> None:
        """Let time pass, watch the run, take samples; to the end, whatever comes, since jobs need time to end."""
        with anyio.CancelScope(shield=True):
            while not self._over:
                await self._one_tick()

    async def _one_tick(self) -> None:
        turn = perf_counter()
        await self.setting.pace.step()
        if self._crowd is not None:
            self._crowd.follow_children()
        for _ in range(TURNS):
            await checkpoint()
            now = perf_counter()
            self.longest_turn_s, turn = max(self.longest_turn_s, now - turn), now
        if self.ledger.accepted * self.samples >= self.jobs * (len(self.marks) + 1):
            self.marks.append(turn - self.begun)
            self.gauge.sample()
        self._check_progress(turn)

    def _check_progress(self, now: float) -> None:
        settled, tick, since = self._progress
        if self.ledger.settled != settled or self._crowd is None:
            self._progress = (self.ledger.settled, self.setting.pace.tick, now)
        elif self.setting.pace.tick - tick > STALLED[0] and now - since > STALLED[1]:
            self.findings.add("jobs never settle", self._open_rows())
            self._give_up(self)

    def _open_rows(self) -> str:
        ledger = self.ledger
        rows = [n for n in range(ledger.minted) if not ledger.settles[n] and not ledger.rejects[n]]
        if not rows:
            return "all have settled, and the scheduler still waits for the code of one"
        plans = [(n, self.setting.plan(n).kind, self.setting.plan(n).steps, ledger.left[n]) for n in rows[:5]]
        return f"{len(rows)}, the first: {plans}"

    async def _audit_scheduler(self, scheduler: Scheduler) -> None:
        """A scheduler that was left holds no live job, no more settled ones than it may, and nothing of their code."""
        found = await scheduler.find(limit=10**9)
        live = [snapshot.id for snapshot in found.jobs if not snapshot.settled]
        retained = Counter(snapshot.kind for snapshot in found.jobs)
        most = {kind: options.get("retain_count", RETAIN_COUNT) or inf for kind, options in KINDS.items()}
        many = {kind: count for kind, count in retained.items() if count > most[kind]}
        if live:
            self.findings.add("live jobs in a scheduler that was left", live[:5])
        if many:
            self.findings.add("more settled jobs are retained than the retention allows", many)
        dispatcher = scheduler._dispatcher  # pyright: ignore[reportPrivateUsage]  # nothing public counts what it holds
        if dispatcher.tasks or dispatcher.on_idle or dispatcher.table.live:
            self.findings.add("tasks in a scheduler that was left", (dispatcher.tasks, len(dispatcher.table.live)))
        del found, dispatcher
        left = gauges.instances("Job", "Watcher", "RunningJob", "StageScope", "Handle", "Cancellation")
        if left:
            self.findings.add("objects of ended jobs are alive", left)
        self.files.append(gauges.open_files())

    def _audit_process(self, tasks: int) -> None:
        if gauges.tasks() > tasks:
            self.findings.add("tasks are left", gauges.tasks() - tasks)
        if gauges.threads():
            self.findings.add("threads are left", gauges.threads())
        half = len(self.files) // 2  # what a loop opens for its first subprocess stays open
        if max(self.files[half:]) > max(self.files[:half], default=0):
            self.findings.add("open files grew", self.files)
        if self.jobs >= gauges.LEAST:
            for risen in self.gauge.risen():
                self.findings.add("memory is not flat", risen)
