"""Rules 10, 14, 16, 18 and 19: no handle is lost, nothing hangs, and promises hold."""

from __future__ import annotations

from .judgement import Job, Judgement
from .play import Record


def judge_host(record: Record, jobs: dict[str, Job], judgement: Judgement) -> None:
    world = record.world
    for text in world.broken:
        rule, _, what = text.partition(": ")
        judgement.expect(rule, "seen at once", False, what)
    for name, problem in record.probes:
        judgement.expect("14", "a probe of each kind and of the timers settles", problem is None, problem or name)
    for quiet in world.trace.all("quiet"):
        right = quiet["cost"] < 0.5 * quiet["took"]
        judgement.expect("10", "waiting costs no processor time", right or _others_spin(record), str(quiet))
    _judge_handles(record, jobs, judgement)
    if record.left is not None and world.store is None:
        open_jobs = [job.id for job in record.left if not job.settled]
        judgement.expect("18", "all jobs are settled when the scheduler was left", not open_jobs, f"{open_jobs}")
    if not record.stuck:
        _judge_promises(record, jobs, judgement)


def _others_spin(record: Record) -> bool:
    """Whether something else costs processor time: a job that swallowed its cancellation, or the host's own scope.

    anyio repeats its cancellation in every turn of the loop while a task of the host's waits, in a cancelled scope, for
    the scheduler's task: that turn is the host's, and the scheduler's own task is not woken by it.
    """
    swallowed = record.world.trace.seen["a cancellation meets: swallow"] > 0
    return swallowed or record.world.program.ending == "awaited"


def _judge_handles(record: Record, jobs: dict[str, Job], judgement: Judgement) -> None:
    """Check that each job's id was returned to a caller, or that the job was canceled."""
    for job in jobs.values():
        if job.id in record.world.known or job.seen.parent_id is not None:
            judgement.expect("16", "a job's handle is returned", True)
        else:
            right = job.state == "canceled"
            judgement.expect("16", "a job whose handle was lost is canceled", right, f"{job.id} {job.state}")
    for refused in record.world.trace.all("submit refused"):
        found = [job.id for job in jobs.values() if job.seen.labels.get("n") == refused["label"]]
        judgement.expect("16", "what was refused was not submitted", not found, f"{refused['error']}: {found}")
    for gone in (*record.world.trace.all("submit gone"), *record.world.trace.all("cancel gone")):
        if record.world.program.store == "none" and gone["how"] == "canceled":
            judgement.expect("16", "in memory a canceled caller gets its answer", False, str(gone))
        elif gone["how"] == "canceled":
            judgement.expect("16", "a canceled caller gets its answer first", False, str(gone))


def _judge_promises(record: Record, jobs: dict[str, Job], judgement: Judgement) -> None:
    """What was about of a job before the restart holds after it."""
    world = record.world
    if not record.last:
        return
    last = {job.id: job for job in record.last}
    for job_id, about in world.promised.items():
        if job_id not in last or world.unkept:
            continue
        now = last[job_id]
        same = (now.state, now.failure and now.failure.code) == (about.state, about.failure and about.failure.code)
        text = f"{job_id}: {about.state}, {now.state}"
        judgement.expect("19", "an end that wait about holds after a restart", same, text)
    for job in jobs.values():
        accepted = [event for event in job.asked if event["outcome"] in {"canceled", "canceling", "deferred"}]
        if accepted:
            right = job.seen.cancel is not None
            judgement.expect("9", "an accepted request is not lost", right, f"{job.id} {job.state}")
    retained = {kind.name for kind in world.program.kinds if not kind.retires}
    submitted = [event.job for event in world.trace.all("submitted") if event["kind"] in retained]
    missing = [job_id for job_id in submitted if job_id not in last and job_id not in jobs]
    judgement.expect("9", "a submitted job is there in the end", not missing, f"{missing}")
