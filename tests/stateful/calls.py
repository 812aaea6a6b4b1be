"""One scheduler beside its reference, and the calls of a host to both."""

from __future__ import annotations

from collections import Counter
from itertools import count
from math import inf
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup
from attrs import frozen

from jobcancel import Registry, Scheduler, Verdict
from jobcancel.errors import JobCancelError
from jobcancel.testing import ManualClock

from .actions import Action
from .comparison import Comparison, same_error
from .kinds import DEFAULTS, KINDS
from .puppets import Stage
from .records import Job
from .reference import Reference

POLICIES: Final[dict[str, Any]] = {"on_cancel": "interrupt", "commits": False, "timeout_s": inf}


def completed() -> dict[str, dict[str, Any]]:
    """Return the kinds with all that they leave out."""
    kinds: dict[str, dict[str, Any]] = {}
    for name, kind in KINDS.items():
        stages: list[dict[str, Any]] = kind.get("stages", [])
        kinds[name] = {"name": name, **DEFAULTS, **kind, "stages": [{**POLICIES, **stage} for stage in stages]}
    return kinds


def answer(verdict: Verdict) -> tuple[str, str, str | None]:
    return verdict.outcome.value, verdict.state.value, verdict.stage


@frozen
class Setting:
    """How a scheduler is made."""

    max_running: int | None
    drain_s: int


class Calls:
    """What every action works on; each ``do_`` method is the action of that name."""

    def __init__(self, setting: Setting, group: TaskGroup, tally: Counter[str]) -> None:
        self.setting, self.group, self.tally = setting, group, tally
        self.reference = Reference(completed(), setting.max_running or inf)
        self.clock, registry, numbers = ManualClock(), Registry.from_mapping({"kinds": KINDS}), count(1)
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
        self.open = False
        self.left = ""
        self.leave, self.host = anyio.Event(), anyio.CancelScope()

    def _pick(self, number: int, places: str = "") -> Job | None:
        jobs = [job for job in self.reference.jobs if not job.dropped and (not places or job.place in places.split())]
        jobs = jobs if places else sorted(jobs, key=lambda job: job.place == "gone")
        live = sum(job.place != "gone" for job in jobs) or len(jobs)
        # Mostly one that lives: a number beyond the living falls on those that have ended.
        return jobs[number % (len(jobs) if number % 4 == 0 else live)] if jobs else None

    async def do_submit(self, kind: str, undo: list[str], options: dict[str, Any]) -> None:
        tokens = [f"{flavor}#{next(self.tokens)}" for flavor in undo]
        expected = self.reference.submit(kind, tokens, **options)
        given = {name: value for name, value in options.items() if name != "argument"}
        try:
            call = self.stage.kinds[kind](options["argument"])
            handle = await self.scheduler.submit(
                call, compensations=[self.stage.compensation(token) for token in tokens], **given
            )
        except JobCancelError as error:
            same_error(error, expected)
            self.tally[f"error: {expected}"] += 1
            return
        assert not isinstance(expected, str), f"submit should have raised {expected}"
        job, created = expected
        if created:
            job.id = handle.id
            self.tally["jobs"] += 1
        self.tally["keys that led to an earlier job"] += not created
        assert (handle.id, handle.created) == (job.id, created)

    async def do_cancel(self, number: int, flags: tuple[bool, bool]) -> None:
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

    async def do_cancel_many(self, filters: dict[str, Any], flags: tuple[bool, bool]) -> None:
        jobs = [job for job in self.reference.jobs if job.settled is None and self.comparison.passes(job, filters)]
        verdicts = await self.scheduler.cancel_many(**filters, by="host", defer=flags[0], force=flags[1])
        requests = {job.id: self.reference.request(job, by="host", defer=flags[0], force=flags[1]) for job in jobs}
        assert {job_id: answer(verdict) for job_id, verdict in verdicts.items()} == requests
        for verdict in verdicts.values():
            self._answered(verdict)
        self._raced()

    async def do_stranger(self, number: int) -> None:
        job = self._pick(number)
        for job_id in ["job_0", *([job.id] if job is not None else [])]:
            for ask in (self.scheduler.cancel, self.scheduler.can_cancel, self.scheduler.get, self.scheduler.wait):
                try:
                    await ask(job_id, owner="mallory")
                except JobCancelError as error:
                    same_error(error, "JobNotFoundError")
                else:
                    raise AssertionError("another owner's job was found")
        self.tally["error: JobNotFoundError"] += 1

    async def do_find(self, filters: dict[str, Any], limit: int) -> None:
        await self.comparison.find(filters, limit)

    async def do_burst(self, calls: list[Action]) -> None:
        for name, *arguments in calls:  # nothing rests between them: jobs are canceled before their first step
            await getattr(self, f"do_{name}")(*arguments)
        self._raced()

    def _raced(self) -> None:
        """Of several that are canceled at once one may end, and with it another, before that one's delivery."""
        canceled = [job for job in self.reference.jobs if job.cancel and job.cancel.requested == self.reference.now]
        self.comparison.raced.update(job.id for job in canceled)
