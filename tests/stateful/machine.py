"""Runs a list of actions on a scheduler and on the reference, and compares them whenever all has come to rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import count
from math import inf
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup, TaskStatus
from attrs import define

from jobcancel import JobCancelError, Registry, Scheduler, Verdict
from tests.clock import FakeClock

from .actions import Action
from .comparison import Comparison
from .kinds import DEFAULTS, KINDS
from .onlookers import Boom, Waiter, Watcher
from .puppets import Puppet, Stage
from .records import Job
from .reference import Reference
from .rest import rest

TICK: Final = 1 / 1024
POLICIES: Final = {"on_cancel": "interrupt", "commits": False, "timeout_s": inf}


def completed() -> dict[str, dict[str, Any]]:
    """Return the kinds with all that they leave out."""
    kinds = {name: {"name": name, **DEFAULTS, **kind} for name, kind in KINDS.items()}
    for kind in kinds.values():
        kind["stages"] = [{**POLICIES, **stage} for stage in kind["stages"]]
    return kinds


def answer(verdict: Verdict) -> tuple[str, str, str | None]:
    return verdict.outcome.value, verdict.state.value, verdict.stage


@define(frozen=True)
class Setting:
    """How a scheduler is made."""

    max_running: int | None
    drain_s: int


class Machine:
    """One scheduler, its reference, and what the host runs beside them."""

    def __init__(self, setting: Setting, group: TaskGroup, tally: Counter[str]) -> None:
        self.setting, self.group, self.tally = setting, group, tally
        self.reference = Reference(completed(), setting.max_running or inf)
        self.clock, registry, numbers = FakeClock(), Registry.from_mapping({"kinds": KINDS}), count(1)
        self.scheduler = Scheduler(
            registry,
            max_running=setting.max_running,
            drain_s=setting.drain_s,
            clock=self.clock,
            new_id=lambda: f"job_{next(numbers)}",
        )
        self.stage = Stage(self.scheduler, lambda fault: tally.update([f"fault: {fault}"]))
        for name in KINDS:
            registry.handler(name)(self.stage.handler)
            self.stage.kinds[name] = registry[name]
        self.comparison = Comparison(self.scheduler, self.reference, self.stage, tally)
        self.tokens = count(1)
        self.waiters: list[Waiter] = []
        self.watchers: list[Watcher] = []
        self.open = False

    # Steps.

    async def run(self, script: Iterable[Action]) -> None:
        await self._do_reenter()
        for action in script:
            await self._step(action)
        await self._finish()

    async def _step(self, action: Action) -> None:
        name, *arguments = action
        self.tally["steps"] += 1
        await self._pass(TICK)
        await getattr(self, f"_do_{name}")(*arguments)
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

    def _pick(self, number: int, places: str = "") -> Job | None:
        jobs = [job for job in self.reference.jobs if not job.dropped and (not places or job.place in places.split())]
        jobs = jobs if places else sorted(jobs, key=lambda job: job.place == "gone")
        live = sum(job.place != "gone" for job in jobs) or len(jobs)
        # Mostly one that lives: a number beyond the living falls on those that have ended.
        return jobs[number % (len(jobs) if number % 4 == 0 else live)] if jobs else None

    # The host's calls.

    async def _do_submit(self, kind: str, undo: list[str], said: dict[str, Any]) -> None:
        tokens = [f"{flavor}#{next(self.tokens)}" for flavor in undo]
        expected = self.reference.submit(kind, tokens, **said)
        given = {name: value for name, value in said.items() if name != "argument"}
        try:
            call = self.stage.kinds[kind](said["argument"])
            handle = await self.scheduler.submit(
                call, compensations=[self.stage.compensation(token) for token in tokens], **given
            )
        except JobCancelError as error:
            assert type(error).__name__ == expected
            self.tally[f"error: {expected}"] += 1
            return
        assert not isinstance(expected, str), f"submit should have raised {expected}"
        job, created = expected
        if created:
            job.id = handle.id
            self.tally["jobs"] += 1
        self.tally["keys that led to an earlier job"] += not created
        assert (handle.id, handle.created) == (job.id, created)

    async def _do_cancel(self, number: int, flags: tuple[bool, bool]) -> None:
        job = self._pick(number)
        if job is not None:
            await self._cancel(job, *flags)

    async def _cancel(self, job: Job, defer: bool, force: bool) -> None:
        would = answer(await self.scheduler.can_cancel(job.id, owner=job.owner, defer=defer, force=force))
        verdict = await self.scheduler.cancel(job.id, owner=job.owner, by="host", defer=defer, force=force)
        expected = self.reference.request(job, by="host", defer=defer, force=force)
        assert answer(verdict) == expected == would
        self._answered(verdict)

    def _answered(self, verdict: Verdict) -> None:
        self.tally[f"verdict: {verdict.outcome}"] += 1
        assert bool(verdict) == verdict.accepted == (verdict.outcome not in {"refused", "already_terminal"})

    async def _do_cancel_many(self, filters: dict[str, Any], flags: tuple[bool, bool]) -> None:
        jobs = [job for job in self.reference.jobs if job.settled is None and self.comparison.passes(job, filters)]
        verdicts = await self.scheduler.cancel_many(**filters, by="host", defer=flags[0], force=flags[1])
        requests = {job.id: self.reference.request(job, by="host", defer=flags[0], force=flags[1]) for job in jobs}
        assert {job_id: answer(verdict) for job_id, verdict in verdicts.items()} == requests
        for verdict in verdicts.values():
            self._answered(verdict)

    async def _do_stranger(self, number: int) -> None:
        job = self._pick(number)
        for job_id in ["job_0", *([job.id] if job is not None else [])]:
            for ask in (self.scheduler.cancel, self.scheduler.can_cancel, self.scheduler.get, self.scheduler.wait):
                try:
                    await ask(job_id, owner="mallory")
                except JobCancelError as error:
                    assert type(error).__name__ == "JobNotFoundError"
                else:
                    raise AssertionError("another owner's job was found")
        self.tally["error: JobNotFoundError"] += 1

    async def _do_find(self, filters: dict[str, Any], limit: int) -> None:
        await self.comparison.find(filters, limit)

    async def _do_burst(self, calls: list[Action]) -> None:
        for name, *arguments in calls:  # nothing rests between them: jobs are canceled before their first step
            await getattr(self, f"_do_{name}")(*arguments)

    # Commands to a job's code.

    def _puppet(self, job: Job) -> Puppet:
        return self.stage.puppets[job.id]

    async def _do_tell(self, number: int, command: Action) -> None:
        job = self._pick(number, "code")
        if job is None or any(frame.what == "thread" for frame in job.frames):
            return
        post = self._post(job, command)
        if post is not None:
            await rest()
            self._obeyed(job, command[0], self._puppet(job).reply, post)

    def _post(self, job: Job, command: Action) -> Any:
        """Tell puppet and reference; return what the reference says of it, or None if it cannot be told that now."""
        name, *arguments = command
        if name == "enter_own":
            stages = job.kind["stages"] or [{"name": "undeclared"}]
            name, arguments = "enter", [stages[arguments[0] % len(stages)]["name"], arguments[1]]
        tell, puppet, reference = self._puppet(job).post, self._puppet(job), self.reference
        self.tally[f"command: {name}"] += 1
        if name == "enter":
            stage, forgiving = arguments
            timed = any(one["name"] == stage and one["timeout_s"] < inf for one in job.kind["stages"])
            tell("enter", stage, forgiving, timed)
            return (reference.enter(job, stage, forgiving=forgiving),)
        if name == "leave" and not job.frames:
            return None
        if name == "fail" and arguments[0] == "leak" and any(frame.timed_out for frame in job.frames):
            return None  # whether a scope takes a cancellation that is not its own for its own is the loop's affair
        if name == "add":
            token = f"{arguments[0]}#{next(self.tokens)}"
            job.undo = [*(job.undo or []), token]
            tell("add", token)
            return (None,)
        assert puppet.command is None
        tell(name, *arguments)
        if name == "child":
            return (reference.child(job, arguments[0]),)
        if name == "cancel_itself":
            return (reference.request(job, defer=arguments[0], force=arguments[1]),)
        self._moves(job, name, arguments)
        return (None,)

    def _moves(self, job: Job, name: str, arguments: list[Any]) -> None:
        """Let the reference do what has no answer."""
        if name == "leave":
            self.reference.leave(job)
        elif name == "react_with":
            job.reaction = arguments[0]
        elif name in {"shield", "thread"}:
            self.reference.frame(job, name)
        else:
            how = {"fail": "foreign" if arguments == ["leak"] else "raised"}.get(name, name)
            self.reference.end_code(job, how)

    def _obeyed(self, job: Job, name: str, reply: object, expected: tuple[Any]) -> None:
        """Compare what the puppet was told with what the reference says."""
        (told,) = expected
        if isinstance(told, tuple) and isinstance(told[0], Job):
            assert isinstance(reply, str), f"{job.id} got {reply} for a child"
            told[0].id = reply
            self.tally["jobs"] += 1
            self.tally["children"] += 1
        elif isinstance(reply, Verdict):
            assert answer(reply) == told
            self._answered(reply)
        else:
            assert reply == told, f"{job.id}, told to {name}: {reply}, not {told}"
            if isinstance(told, str):
                self.tally[f"error: {told}"] += 1

    async def _do_release(self, number: int, check: bool) -> None:
        threads = [job for job in self.reference.jobs if job.frames and job.frames[-1].what == "thread"]
        if threads:
            job = threads[number % len(threads)]
            puppet = self._puppet(job)
            puppet.check = check
            puppet.gate.set()
            await puppet.thread_over.wait()
            self.reference.release(job, check=check)

    async def _do_race(self, number: int, command: Action, flags: tuple[bool, bool]) -> None:
        """A command and a cancel meet in one turn of the loop; the verdict comes first, then the code acts."""
        job = self._pick(number, "code")
        if job is None or any(frame.what == "thread" for frame in job.frames) or job.cancel is not None:
            return
        if command[0] == "leave" and not job.frames:
            return
        puppet = self._puppet(job)
        puppet.posted.set()
        await self._cancel(job, *flags)
        self.tally["races"] += 1
        post = self._post(job, command)
        assert post is not None
        self.comparison.raced.add(job.id)
        await rest()
        self._obeyed(job, command[0], puppet.reply, post)

    # Onlookers.

    async def _do_wait(self, number: int, timeout_s: float | None) -> None:
        job = self._pick(number)
        if job is not None and (timeout_s is None or self.open):
            until = None if timeout_s is None or job.settled is not None else self.reference.now + timeout_s
            self.waiters.append(waiter := Waiter(job, until))
            self.group.start_soon(waiter.run, self.scheduler)

    async def _do_unwait(self, number: int) -> None:
        if waiting := self._waiting():
            self.tally["fault: a waiter is cancelled"] += 1
            waiting[number % len(waiting)].scope.cancel()

    async def _do_watch(self, number: int, style: str) -> None:
        job = self._pick(number)
        if job is not None:
            self.watchers.append(watcher := Watcher(job, style))
            self.group.start_soon(watcher.run, self.scheduler)

    async def _do_watch_on(self, number: int) -> None:
        slow = [watcher for watcher in self.watchers if watcher.style == "slow" and not watcher.over]
        if slow:
            self.tally["fault: a watcher is slow"] += 1
            slow[number % len(slow)].told.set()

    async def _do_unwatch(self, number: int) -> None:
        reading = [one for one in self.watchers if not one.over and not one.scope.cancel_called]
        if reading:
            self.tally["fault: a watcher is abandoned"] += 1
            reading[number % len(reading)].scope.cancel()

    # Time and ends.

    async def _do_advance(self, seconds: int) -> None:
        await self._pass(seconds)

    async def _do_shutdown(self, drain_s: int) -> None:
        if self.open and self.reference.accepting:
            self.tally["shutdowns"] += 1
            self.reference.close(drain_s)
            self.group.start_soon(self.scheduler.shutdown, drain_s)

    async def _do_leave(self, how: str) -> None:
        if self.open and not self.left:
            self.left = how
            self.tally["shutdowns" if how == "normally" else f"fault: the host {how}"] += 1
            self.reference.close(self.setting.drain_s if how == "normally" else 0)
            if how == "cancelled":
                self.host.cancel()
            self.leave.set()

    async def _do_reenter(self) -> None:
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
                        raise Boom
        except Boom:
            assert self.left == "raises"

    async def _finish(self) -> None:
        """Leave, and let every job come to its end, still compared at every step."""
        await self._step(("leave", "cancelled"))
        for _ in range(1000):
            if not self.open:
                return await self._step(("find", {}, 3))
            coded = [job for job in self.reference.jobs if job.place == "code"]
            if not coded:
                await self._step(("advance", 1))
            elif any(frame.what == "thread" for frame in coded[0].frames):
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
        for onlooker in (*self.waiters, *self.watchers):
            onlooker.scope.cancel()
        self.host.cancel()
        self.leave.set()
