"""What the rules work with: one job's part of a record, and the counting of what was checked."""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import define, field, frozen

from jobcancel import Snapshot

from .plan import KindPlan
from .play import TIMED, Record
from .trace import Event

MARKS = ("forced", "ignored", "abandoned", "pierced", "compensated", "stuck", "unresponsive")
TERMINAL = ("succeeded", "partially_succeeded", "failed", "canceled")


@frozen
class Finding:
    """Something that was wrong: the rule's number in section 5, or a word, and what was seen."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"rule {self.rule}: {self.text}"


@define
class Judgement:
    """Findings, how often each rule had something to check, and what jobs came to."""

    findings: list[Finding] = field(factory=list[Finding])
    checked: Counter[str] = field(factory=Counter[str])
    met: Counter[str] = field(factory=Counter[str])

    def meet(self, snapshot: Snapshot[Any]) -> None:
        """Count what a job came to."""
        cancel = snapshot.cancel
        self.met[f"state: {snapshot.state}"] += 1
        if snapshot.failure is not None:
            self.met[f"failure: {snapshot.failure.code}"] += 1
        if snapshot.attempt > 1:
            self.met["a job runs again"] += 1
        if cancel is not None:
            self.met[f"cause: {cancel.cause}"] += 1
            self.met.update(f"cancel: {mark}" for mark in MARKS if getattr(cancel, mark))

    def expect(self, rule: str, what: str, right: bool, text: str = "") -> None:
        """Check one thing; ``what`` names it in the counts."""
        self.checked[f"rule {rule}: {what}"] += 1
        if not right:
            self.findings.append(Finding(rule, f"{what}: {text}" if text else what))


@define(eq=False)
class Job:
    """One job of a record, from the host's side and from its own.

    Attributes:
        id: Its id.
        plan: Its kind; None for one of ours that probes the timers.
        seen: Its last snapshot.
        begins: When its code began, once an attempt.
        end: How the code of its last attempt ended, or None.
        asked: Verdicts on it that were accepted, oldest first.
    """

    id: str
    plan: KindPlan | None
    seen: Snapshot[Any]
    events: list[Event]
    begins: list[Event]
    end: Event | None
    asked: list[Event]
    record: Record

    @property
    def state(self) -> str:
        return str(self.seen.state)

    @property
    def settled_n(self) -> int | None:
        """The first event at which it was seen as settled, or None.

        An end that was seen while the store failed is not committed: the job resumes after the restart.
        """
        world = self.record.world
        if world.unkept and world.life > 1:
            return None
        end = world.ends.get(self.id)
        return None if end is None else end[1]

    @property
    def abandoned(self) -> bool:
        return self.seen.cancel is not None and self.seen.cancel.abandoned

    @property
    def delivered(self) -> bool:
        return self.seen.cancel is not None and self.seen.cancel.delivered_at is not None

    @property
    def end_requested(self) -> bool:
        """Whether the code knew of an accepted cancel when it ended."""
        return self.end is not None and bool(self.end["requested"])

    @property
    def loosely_held(self) -> bool:
        """Whether its own groups, scopes or timeouts, or a native cancel, have a say in how its stages end."""
        body = repr(self.plan)
        own = any(f"('{name}'" in body for name in ("group", "gather", "cut_after")) or "timeout_s=3" in body
        return own or self.id in self.record.world.pierced

    @property
    def children_asked(self) -> bool:
        """Whether its code asked for a child."""
        return self.happened("child?")

    def of(self, *whats: str) -> list[Event]:
        return [event for event in self.events if event.what in whats]

    def happened(self, *whats: str) -> bool:
        return any(event.what in whats for event in self.events)

    def children(self, jobs: dict[str, Job]) -> list[Job]:
        return [job for job in jobs.values() if job.seen.parent_id == self.id]


def jobs_of(record: Record) -> dict[str, Job]:
    """Everything that is known of each job, by id."""
    plans = {kind.name: kind for kind in record.world.program.kinds}
    seen = {job_id: end for job_id, (end, _) in record.world.ends.items()}  # what is past its retention is gone
    last = {job.id: job for job in record.left or ()} | seen | {job.id: job for job in record.last}
    forgotten = {kind.name for kind in plans.values() if kind.retires}
    events: dict[str, list[Event]] = {}
    for event in record.world.trace.events:
        events.setdefault(event.job, []).append(event)
    jobs: dict[str, Job] = {}
    for job_id, snapshot in last.items():
        if snapshot.kind == TIMED or (snapshot.kind in forgotten and not snapshot.settled and record.last):
            continue
        own = events.get(job_id, [])
        begins = [event for event in own if event.what == "begin"]
        ends = [event for event in own if event.what == "end" and begins and event.n > begins[-1].n]
        asked = [event for event in own if event.what == "verdict" and event["accepted"]]
        end = ends[0] if ends else None
        jobs[job_id] = Job(job_id, plans[snapshot.kind], snapshot, own, begins, end, asked, record)
    return jobs
