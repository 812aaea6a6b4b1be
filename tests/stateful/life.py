"""A second model of a job's life, from the queue to the last compensation, written from the design alone.

Nothing here comes from the package. There is no loop: a call changes things at once, and ``rest`` lets happen what
needs neither time nor anybody's command.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, Final

from .records import Cancel, Closing, Frame, Job

TERMINAL: Final = ("succeeded", "partially_succeeded", "failed", "canceled")
VALUES: Final = {"returned": "succeeded", "partial": "partially_succeeded"}
FAILURES: Final = {"raised": "HANDLER_ERROR", "foreign": "FOREIGN_CANCEL", "expired": "EXPIRED"}
JOB: Final = Frame("job")
Answer = tuple[str, str, str | None]


def decide(job: Job, cause: str, *, defer: bool, force: bool) -> str:
    """Answer a request (section 4)."""
    if job.state in TERMINAL:
        return "already_terminal"
    if job.state == "canceling":
        return "canceling" if force and job.cancel is not None and job.cancel.held else "already_canceling"
    if job.state == "pending":
        return "canceled" if job.undo is None else "canceling"
    policy = (job.stage or job.kind)["on_cancel"]
    if force or policy == "interrupt" or job.place in {"children", "undo"}:  # nothing shields code that has ended
        return "canceling"
    return "refused" if policy == "refuse" and cause == "user" and not defer else "deferred"


class Life:
    """The jobs of one scheduler; ``limit`` is its ``max_running``."""

    def __init__(self, kinds: Mapping[str, dict[str, Any]], limit: float) -> None:
        self.kinds, self.limit = kinds, limit
        self.now = 0.0
        self.jobs: list[Job] = []
        self.ended: list[Job] = []
        self.tied: list[list[Job]] = []  # settled at one instant: which of them is the oldest is the loop's affair
        self.on_the_way: list[Job] = []
        self.closings: list[Closing] = []

    def request(
        self, job: Job, cause: str = "user", by: str | None = None, *, defer: bool = False, force: bool = False
    ) -> Answer:
        """Decide a request, and do what is done in the same step."""
        outcome, pending = decide(job, cause, defer=defer, force=force), job.state == "pending"
        if outcome == "canceling" and job.cancel is not None:
            job.cancel.held, job.cancel.forced = False, True
        elif outcome in {"canceled", "canceling", "deferred"}:
            job.cancel = Cancel(cause, by, outcome, self.now, outcome == "deferred", force)
            if outcome == "canceled":
                job.cancel.compensated = True
                self._settle(job, "canceled")
                self._let_go(job)
            else:
                job.states.append("canceling")
        if outcome == "canceling" and not pending:
            self.on_the_way.append(job)
        elif outcome == "canceling" and job.place == "queue":
            self._doom(job, "unwound")
        return outcome, job.state, job.stage_name

    # A job's way.

    def rest(self) -> None:
        """Let everything happen that is ready."""
        while self._happens():
            pass

    def _happens(self) -> bool:
        for job in self.jobs:
            if job.place == "spawned":
                self._begin(job)
            elif job.place == "code" and (source := self._reached(job)) is not None:
                self._land(job, source)
            elif job.place == "children" and not self._unsettled(job):
                self._conclude(job)
            elif job.place == "undo" and not job.hanging:
                self._undo_next(job)
            else:
                continue
            return True
        if self.on_the_way:
            self.deliver(self.on_the_way.pop(0))
            return True
        if not any(job.busy for job in self.jobs):
            self.closings.clear()
        return False

    def deliver(self, job: Job) -> None:
        """Let the accepted cancel reach the job, then its children; once."""
        if job.cancel is None or job.cancel.delivered is not None or job.settled is not None:
            return
        if job.place in {"children", "undo"} and not self._unsettled(job):
            return  # there is no code that it could reach
        job.cancel.held, job.cancel.delivered = False, self.now
        self._cancel_children(job)
        self._count_grace(job)

    def end_code(self, job: Job, how: str) -> None:
        """The code has ended: it leaves what it was inside of, and waits for its children."""
        cancel = job.cancel
        if how == "foreign" and cancel is not None:
            cancel.pierced = cancel.held
            how = how if cancel.delivered is None else "unwound"
        while job.frames:
            frame = job.frames.pop()
            how = self.leave_stage(job, frame.stage, how) if frame.what == "stage" else how
        job.deadlines.pop("grace", None)
        if cancel is not None:
            cancel.ignored = how in VALUES and cancel.delivered is not None
        job.place, job.how = "children", how
        if self._unsettled(job):
            if cancel is not None and cancel.held:
                self.deliver(job)
            if how not in VALUES:
                self._cancel_children(job)

    def leave_stage(self, job: Job, stage: dict[str, Any], how: str) -> str:
        """A stage ends, and with it the hold; return how the code goes on: a cancel may be raised there."""
        job.stage = None
        job.deadlines.pop("stage", None)
        if job.cancel is None or not job.cancel.held:
            return how
        self.deliver(job)
        raised_here = how in {*VALUES, "left"} and not stage["commits"] and not job.shielded
        return "unwound" if raised_here else how

    def _reached(self, job: Job) -> Frame | None:
        """Return which frame's cancellation reaches the code where it waits: a stage's, or the job's own."""
        timed_out = None
        for frame in reversed(job.frames):
            if frame.what != "stage":
                return timed_out if frame.what == "shield" else None
            timed_out = frame if frame.timed_out else None
        return JOB if job.cancel is not None and job.cancel.delivered is not None else timed_out

    def _land(self, job: Job, source: Frame) -> None:
        """A cancellation is raised where the code waits; the code reacts as commanded, once."""
        reaction, job.reaction = job.reaction, "out"
        if reaction in {"returned", "partial", "raised"}:
            self.end_code(job, reaction)
        elif reaction == "swallow":
            return  # it will be raised again
        elif source is JOB:
            if reaction == "undo" and all(frame.stage.get("timeout_s", inf) == inf for frame in job.frames):
                job.undo = [*(job.undo or []), f"good#late {job.id}"]
            self.end_code(job, "unwound")
        else:
            self.time_out(job, source)

    def time_out(self, job: Job, stage: Frame) -> None:
        """A stage's own time ends it."""
        del job.frames[job.frames.index(stage) :]
        self.leave_stage(job, stage.stage, "raised")
        if not stage.forgiving:
            self.end_code(job, "raised")

    def _begin(self, job: Job) -> None:
        if job.how:  # canceled or expired in the queue: there is only something to undo
            job.place = "children"
        elif job.cancel is not None and not job.cancel.held:
            self.deliver(job)
            job.place, job.how = "children", "unwound"
        else:
            job.place = "code"

    def _conclude(self, job: Job) -> None:
        state, failure = self._end(job)
        if job.undo and (job.state if job.settled is not None else state) in job.kind["compensate_on"]:
            job.place = "undo"
            return
        if job.cancel is not None:
            job.cancel.compensated = not job.undo
        self._settle(job, state, failure)
        self._let_go(job)

    def _end(self, job: Job) -> tuple[str, str | None]:
        how, cancel = job.how, job.cancel
        if how in VALUES and (cancel is None or not job.children_canceled):
            return VALUES[how], None
        if how in FAILURES:
            return "failed", FAILURES[how]
        assert cancel is not None
        return ("failed", "TIMED_OUT") if cancel.cause == "timeout" else ("canceled", None)

    def _undo_next(self, job: Job) -> None:
        if job.undo:
            job.undone.append(token := job.undo.pop())
            if token.startswith("hangs"):
                job.hanging, job.deadlines["cleanup"] = True, self.now + job.kind["cleanup_s"]
            return
        if job.cancel is not None:
            job.cancel.compensated = all(token.startswith("good") for token in job.undone)
        self._settle(job, *self._end(job))
        self._let_go(job)

    def _settle(self, job: Job, state: str, failure: str | None = None) -> None:
        if job.settled is not None:  # it was abandoned
            return
        job.states.append(state)
        job.failure, job.settled = failure, self.now
        self.ended.append(job)
        for purpose in ("expiry", "timeout", "grace"):
            job.deadlines.pop(purpose, None)
        if job.parent is not None:
            by_parent = job.cancel is not None and job.cancel.cause == "parent"
            parent_canceled = job.parent.cancel is not None and not job.parent.cancel.held
            if state == "canceled" and (by_parent or parent_canceled):
                job.parent.children_canceled += 1
            self._count_grace(job.parent)

    def _let_go(self, job: Job) -> None:
        """Free its slot, and keep it as long as its kind says."""
        assert job.settled is not None
        job.place, job.slot = "gone", False
        job.deadlines["retention"] = max(self.now, job.settled + job.kind["retain_s"])
        job.dropped = job.overdue = job.deadlines["retention"] == self.now  # an abandoned job's code may outlive it
        retained = [one for one in self.ended if one.kind is job.kind and one.place == "gone" and not one.dropped]
        for one in retained[: max(0, len(retained) - job.kind["retain_count"])]:
            one.dropped = True
            self.tied.append([other for other in retained if other.settled == one.settled])
        self._start_all()

    # The queue.

    def _start_all(self) -> None:
        """Start every job that may start, children first, the oldest first."""
        while True:
            waiting = sorted((job for job in self.jobs if job.place == "queue"), key=lambda job: job.parent is None)
            job = next((job for job in waiting if self._may_start(job, [])), None)
            if job is None:
                return
            job.place, job.slot, job.started = "spawned", True, self.now
            job.states.append("running")
            seconds = job.kind["timeout_s"] if job.timeout_s is None else job.timeout_s
            job.deadlines = {"timeout": self.now + seconds}

    def _may_start(self, job: Job, ahead: list[Job]) -> bool:
        running = [one for one in self.jobs if one.slot]
        if any(one.kind is job.kind and (one.parent is None) == (job.parent is None) for one in ahead):
            return False
        if sum(one.kind is job.kind for one in running) >= job.kind["max_running"]:
            return False
        return job.parent is not None or sum(one.parent is None for one in running) < self.limit

    def _waits_for_ever(self, child: Job) -> bool:
        """Return whether a new child would wait for jobs of which none can end before it has.

        Those that cannot end are what is left when all are taken away that have no child which cannot end.
        """
        if self._may_start(child, []):
            return False
        stuck = [one for one in self.jobs if one.settled is None]
        while True:
            left = [one for one in stuck if any(self._hangs(each, stuck) for each in self._children(one, child))]
            if left == stuck:
                return child.parent in stuck
            stuck = left

    def _children(self, job: Job, new: Job) -> list[Job]:
        return [*self._unsettled(job), *([new] if new.parent is job else [])]

    def _hangs(self, child: Job, stuck: list[Job]) -> bool:
        """Return whether a child runs and is stuck, or waits for a slot of jobs that all are."""
        if child in self.jobs and child.place != "queue":
            return child in stuck
        holders = [one for one in self.jobs if one.slot and one.kind is child.kind]
        return len(holders) >= child.kind["max_running"] and all(one in stuck for one in holders)

    def _doom(self, job: Job, how: str) -> None:
        job.place, job.how = "spawned", how
        job.deadlines.clear()

    # Families.

    def _unsettled(self, job: Job) -> list[Job]:
        return [one for one in self.jobs if one.parent is job and one.settled is None]

    def _cancel_children(self, job: Job) -> None:
        for child in self._unsettled(job):
            self.request(child, "parent", job.id)

    def _cancel_roots(self, *states: str) -> None:
        for job in [one for one in self.jobs if one.parent is None and one.state in states]:
            self.request(job, "shutdown")

    def _count_grace(self, job: Job) -> None:
        delivered = job.cancel is not None and job.cancel.delivered is not None
        if delivered and job.place == "code" and job.settled is None and not self._unsettled(job):
            job.deadlines["grace"] = self.now + job.kind["grace_s"]
