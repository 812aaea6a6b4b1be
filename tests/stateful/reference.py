"""What the scheduler has to answer: the host's calls, the time, and the commands to a job's code.

Written from the design alone, as ``life`` is; nothing here comes from the package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

from .life import JOB, Answer, Life, decide
from .records import Closing, Frame, Job, Remembered

UNDECLARED: Final[dict[str, Any]] = {"commits": False, "timeout_s": inf}


class Reference(Life):
    """A scheduler without a loop."""

    def __init__(self, kinds: Mapping[str, dict[str, Any]], limit: float) -> None:
        super().__init__(kinds, limit)
        self.keys: dict[tuple[str | None, str, str], Remembered] = {}
        self.forgotten = 0  # how often a key came again past its time
        self.accepting = True

    # What the host asks for.

    def submit(
        self, kind: str, undo: Sequence[str] = (), parent: Job | None = None, **options: Any
    ) -> tuple[Job, bool] | str:
        """Return the job and whether it is new, or the name of the error."""
        job = Job(self.kinds[kind], self.now, parent=parent, undo=[*undo] or None, **options)
        if parent is None and not self.accepting:
            return "SchedulerClosedError"
        if job.kind["max_running"] < inf and any(one.kind is job.kind for one in _ancestors(job)):
            return "DeadlockError"
        if job.parent is not None and job.kind["max_running"] < inf and self._waits_for_ever(job):
            return "DeadlockError"
        where = job.owner, kind, job.key or ""
        if job.key is not None:
            known = self.keys.get(where)
            rerun = known is not None and known.job.state in job.kind["rerun_on"]
            self.forgotten += known is not None and known.forgotten <= self.now
            if known is not None and self.now < known.forgotten and not rerun:
                return (known.job, False) if known.job.argument == job.argument else "IdempotencyConflictError"
        waiting = [one for one in self.jobs if one.place == "queue"]
        if (
            not self._may_start(job, waiting)
            and sum(one.kind is job.kind for one in waiting) >= job.kind["max_pending"]
        ):
            return "QueueFullError"
        self.jobs.append(job)
        if job.key is not None:
            self.keys[where] = Remembered(job, self.now + job.kind["key_ttl_s"])
        job.deadlines["expiry"] = self.now + job.kind["expires_s"]
        self._start_all()
        return job, True

    def would(self, job: Job, *, defer: bool = False, force: bool = False) -> Answer:
        """Answer a dry run."""
        outcome = decide(job, "user", defer=defer, force=force)
        state = {"canceled": "canceled", "canceling": "canceling", "deferred": "canceling"}.get(outcome, job.state)
        return outcome, state, job.stage_name

    def close(self, drain_s: float) -> Closing:
        """Begin a shutdown; it is over when it has left ``closings``."""
        self.accepting = False
        self._cancel_roots("pending")
        closing = Closing(self.now + drain_s if drain_s and any(job.busy for job in self.jobs) else inf)
        if closing.drain_ends == inf:
            self._cancel_roots("pending", "running")
        self.closings.append(closing)
        return closing

    # What a job's code does on a command.

    def enter(self, job: Job, name: str, *, forgiving: bool) -> str | None:
        """Enter a stage; return the error that is raised in the code, which survives it."""
        stages = {stage["name"]: stage for stage in job.kind["stages"]}
        if stages and job.kind["strict"] and name not in stages:
            return "UnknownStageError"
        if job.stage is not None and (job.cancel is None or job.cancel.held):
            return "StageActiveError"
        if job.cancel is not None:
            self.deliver(job)
            self.end_code(job, "unwound")  # delivered here, or under a shield StageUnavailableError: both unwind
            return None
        job.stage = stage = stages.get(name, {"name": name, "on_cancel": job.kind["on_cancel"], **UNDECLARED})
        job.stages.append(name)
        if stage["commits"]:
            job.undo = None
        job.deadlines["stage"] = self.now + stage["timeout_s"]
        job.frames.append(Frame("stage", stage, forgiving))
        return None

    def leave(self, job: Job) -> None:
        """Leave the innermost stage or shield."""
        frame = job.frames.pop()
        if frame.what == "stage" and self.leave_stage(job, frame.stage, "left") == "unwound":
            self.end_code(job, "unwound")

    def child(self, job: Job, kind: str) -> tuple[Job, bool] | str | None:
        """Submit a child; an accepted cancel comes first, unless it is held."""
        if job.cancel is not None and not job.cancel.held:
            self.deliver(job)
            self.end_code(job, "unwound")
            return None
        return self.submit(kind, parent=job, owner=job.owner, labels=job.labels)

    def frame(self, job: Job, what: str) -> None:
        """Begin a shield of its own, or a thread."""
        job.frames.append(Frame(what))

    def release(self, job: Job, *, check: bool) -> None:
        """The thread goes on: it returns, or lets the cancellation out that reaches the job."""
        job.frames.pop()
        source = self._reached(job) if check else None
        if source is JOB:
            self.end_code(job, "unwound")
        elif source is not None:
            self.time_out(job, source)

    # Time.

    def next_deadline(self) -> float:
        jobs = (at for job in self.jobs for at in job.deadlines.values())
        return min([*jobs, *(closing.drain_ends for closing in self.closings)], default=inf)

    def reach(self, now: float) -> None:
        """Let the time be ``now``, and do what is due at it."""
        self.now = now
        for job in self.jobs:
            for purpose in [name for name, at in job.deadlines.items() if at <= now]:
                if job.deadlines.pop(purpose, None) is not None:
                    getattr(self, f"{purpose}_is_over")(job)
        for closing in self.closings:
            if closing.drain_ends <= now:
                closing.drain_ends = inf
                self._cancel_roots("pending", "running")

    def expiry_is_over(self, job: Job) -> None:
        if job.undo and "failed" in job.kind["compensate_on"]:
            self._doom(job, "expired")
        else:
            self._settle(job, "failed", "EXPIRED")
            self._let_go(job)

    def timeout_is_over(self, job: Job) -> None:
        self.request(job, "timeout")

    def stage_is_over(self, job: Job) -> None:
        next(frame for frame in job.frames if frame.what == "stage").timed_out = True

    def grace_is_over(self, job: Job) -> None:
        assert job.cancel is not None
        policy = job.kind["on_grace_expired"]
        if policy == "wait":
            job.cancel.stuck = True
        elif policy == "force":
            job.cancel.forced = True
        else:
            job.cancel.abandoned, job.stage = True, None
            timed_out = job.cancel.cause == "timeout"
            self._settle(job, *(("failed", "TIMED_OUT") if timed_out else ("canceled", None)))

    def cleanup_is_over(self, job: Job) -> None:
        job.hanging = False

    def retention_is_over(self, job: Job) -> None:
        job.dropped = True


def _ancestors(job: Job) -> list[Job]:
    return [] if job.parent is None else [job.parent, *_ancestors(job.parent)]
