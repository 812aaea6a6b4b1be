"""Rules 2, 6, 8 and 13, and section 3: each job ends once, and in the state that tells what happened."""

from __future__ import annotations

from itertools import pairwise

from .host import LOOP_ENDINGS
from .judgement import TERMINAL, Job, Judgement
from .values import PLAIN

ENDS = ("succeeded", "partially_succeeded", "failed", "withdrawn", "unwound", "abandoned")
EPOCH = 1_800_000_000.0  # what the program's clock shows at its start
LOOKS_S = 0.5  # between two looks at a job that unwinds
NEXT = {
    "pending": {"running", "canceling", "canceled", "failed", "succeeded", "partially_succeeded"},
    "running": {"canceling", "succeeded", "partially_succeeded", "failed", "canceled"},
    "canceling": {"canceled", "succeeded", "partially_succeeded", "failed"},
}


def judge_endings(jobs: dict[str, Job], judgement: Judgement) -> None:
    if jobs:
        record = next(iter(jobs.values())).record
        for job_id, states in record.states.items():
            _in_order(job_id, states, judgement, restarts=record.world.store is not None)
    for job in jobs.values():
        ended = [entry for entry in job.seen.history if entry.status in TERMINAL and entry.step in ENDS]
        judgement.expect("2", "a job gets exactly one terminal state", len(ended) == 1, f"{job.id}: {ended}")
        failure, failed = job.seen.failure, job.state == "failed"
        judgement.expect("6", "a failure is there when the job failed", (failure is not None) == failed, job.id)
        if job.end is not None:
            _judge_code(job, jobs, judgement)
        elif not job.begins:
            _judge_never_begun(job, judgement)
        _judge_grace(job, judgement)


def _in_order(job_id: str, states: list[str], judgement: Judgement, *, restarts: bool) -> None:
    """A watcher sees the states in an order that the table has; a slow one may miss some."""
    for one, other in pairwise(states):
        right = other in NEXT.get(one, set()) or (restarts and other == "pending")
        judgement.expect("2", "a watcher sees the states in their order", right, f"{job_id}: {states}")


def _judge_code(job: Job, jobs: dict[str, Job], judgement: Judgement) -> None:
    assert job.end is not None
    how = job.end["how"]
    allowed = _allowed(job, jobs, how)
    about = f"{job.id}, whose code {how}, is {job.state} ({job.seen.failure and job.seen.failure.code}), {job.end}"
    judgement.expect("6", f"the state tells what happened ({how})", job.state in allowed, f"{about}, right: {allowed}")
    if job.state == "failed" and how == "canceled" and job.seen.cancel is None:
        code = str(job.seen.failure.code) if job.seen.failure else ""
        right = code == "FOREIGN_CANCEL" or "WORKER_LOST" in code
        judgement.expect("6", "a cancellation without a request is FOREIGN_CANCEL", right, about)


def _allowed(job: Job, jobs: dict[str, Job], how: str) -> set[str]:
    """The terminal states that are right."""
    cancel = job.seen.cancel
    stopped = {"failed" if cancel is not None and str(cancel.cause) == "timeout" else "canceled"}
    if job.abandoned:
        return stopped
    lost = {"failed"} if _loop_ended(job) else set[str]()
    if job.record.world.unkept and job.record.world.life > 1:
        lost = {"failed", *stopped}  # how it ended could not be written: the next process ended it
    if how == "error":
        return {"failed", *lost}
    if how in {"returned", "partial"}:
        return _allowed_returned(job, jobs, how, stopped) | lost
    if how == "mixed":  # of StageUnavailableError, which counts as unwinding, and what else there was
        return {"failed", *stopped} if cancel is not None else {"failed", *lost}
    if cancel is None:
        return {"failed", *lost}
    unsure = job.happened("leak") or job.id in job.record.world.pierced or not job.end_requested
    return stopped | ({"failed"} if unsure else set[str]()) | lost


def _allowed_returned(job: Job, jobs: dict[str, Job], how: str, stopped: set[str]) -> set[str]:
    assert job.end is not None
    finished = {"succeeded"} if how == "returned" else {"partially_succeeded"}
    if job.end["value"] not in PLAIN:
        finished = {*finished, "failed"}
    canceled = [child for child in job.children(jobs) if child.state == "canceled"]
    if job.seen.cancel is None:
        return finished
    if not canceled:  # a child that is past its retention may have been
        return finished | stopped if job.children_asked and _some_retire(job) else finished
    accepted = [event.n for event in job.asked if event["outcome"] in {"canceling", "deferred"}]
    end = job.end.n
    children_asked = [event.n for child in canceled for event in child.asked]
    ours = bool(accepted) and min(accepted) > end
    if ours and job.record.world.store is None and all(n >= min(accepted) for n in children_asked):
        return stopped  # what the accepted cancel stopped is part of the job
    return finished | stopped


def _some_retire(job: Job) -> bool:
    return any(kind.retires for kind in job.record.world.program.kinds)


def _loop_ended(job: Job) -> bool:
    """Whether the loop cancelled every task around it, natively."""
    return job.record.world.program.ending in LOOP_ENDINGS


def _judge_never_begun(job: Job, judgement: Judgement) -> None:
    cancel, failure = job.seen.cancel, job.seen.failure
    if job.state == "canceled":
        judgement.expect("9", "a job that never began was canceled by a request", cancel is not None, job.id)
    elif job.state == "failed":
        code = str(failure.code) if failure else ""
        right = code in {"EXPIRED", "TIMED_OUT", "WORKER_LOST"} or _loop_ended(job)
        judgement.expect("6", "a job that never began failed for want of time", right, f"{job.id}: {code}")
    else:
        probe = job.seen.result == 7
        judgement.expect("6", "a job that succeeded has run", probe, f"{job.id} is {job.state}")


def _judge_grace(job: Job, judgement: Judgement) -> None:
    cancel, plan = job.seen.cancel, job.plan
    if cancel is None or plan is None:
        return
    policy, grace_s = plan.option("on_grace_expired", "wait"), plan.option("grace_s", 30.0)
    if cancel.abandoned:
        judgement.expect("8", "only a kind that abandons is abandoned", policy == "abandon", job.id)
    stuck = [entry for entry in job.seen.history if entry.step == "stuck"]
    judgement.expect("8", "stuck is recorded at most once", len(stuck) <= 1, f"{job.id}: {len(stuck)} times")
    if cancel.delivered_at is None:
        return
    settled, delivered = job.seen.settled_at, cancel.delivered_at
    if cancel.abandoned and settled is not None:
        took = (settled - delivered).total_seconds()
        judgement.expect("8", "a job is abandoned after its grace, not before", took >= grace_s - 0.001, f"{took} s")
    if job.end is not None and job.end["life"] == 1 and not job.children_asked and job.record.world.store is None:
        over = delivered.timestamp() - EPOCH + grace_s + LOOKS_S
        acts = job.record.world.trace.all("act")
        if any(event.at > over and event.n < job.end.n for event in acts):  # it ran on, and the timers had their turn
            done = {"wait": bool(stuck), "force": cancel.forced, "abandon": cancel.abandoned}
            judgement.expect("8", f"when the grace is over its policy applies ({policy})", done[policy], job.id)
