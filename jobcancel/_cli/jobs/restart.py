"""What a restart of the service does with a stored job, in words; ``jobcancel/_runtime/recovery.py`` does it.

A journal does not contain a kind's ``on_restart``, so the answer for a job that was running may have two cases.
"""

from __future__ import annotations

from typing import Final

from jobcancel import JobState

from .stored import StoredJob

_IF_REGISTERED: Final = "if its kind is still registered; otherwise it fails"


def describe_restart(job: StoredJob, *, reruns: bool = False) -> str | None:
    """Return what a restart does with a job, or None for a settled job with nothing left to do.

    Args:
        job: The job.
        reruns: Its kind is known to have ``on_restart="rerun"``; False if nothing is known about the kind.
    """
    snapshot = job.snapshot
    if snapshot.settled:
        return "its remaining compensations run; its state does not change" if job.open_compensations else None
    if snapshot.state is JobState.CANCELING:
        return f"it is not run again: {_compensations(job)}its cancel is completed"
    if job.undecided_requests:
        return f"it is not run again: its cancel request is accepted; {_compensations(job)}it is canceled"
    if snapshot.parent_id is not None:
        return (
            f"it ends with this attempt of its parent {snapshot.parent_id}: {_compensations(job)}it is canceled; "
            "the parent's next attempt submits its own children"
        )
    if snapshot.state is JobState.PENDING:
        return f"it waits for the start of attempt {snapshot.attempt} again, {_IF_REGISTERED}"
    return _describe_running(job, reruns=reruns)


def _describe_running(job: StoredJob, *, reruns: bool) -> str:
    if job.committing_stage is not None:
        return f"it fails (WORKER_LOST): its stage {job.committing_stage} commits, and is not safe to repeat"
    finished = list(dict.fromkeys(stage for stage, _, _ in job.replay.results))
    reused = f" and reuses the results of {', '.join(finished)}" if finished else ""
    rerun = f"attempt {job.snapshot.attempt + 1} runs{reused}"
    if reruns:
        return rerun
    return (
        f"if its kind has on_restart='rerun', {rerun}, unless it has left a stage that commits and did not use "
        f"run_stage; if its kind has 'fail' (the default), {_compensations(job)}it fails (WORKER_LOST). "
        "The journal does not contain the kind's option"
    )


def _compensations(job: StoredJob) -> str:
    count = sum(n > 0 for _, n, _, _ in job.open_compensations)
    past_point_of_no_return = job.committing_stage is not None and job.snapshot.cancel is None
    if not count or past_point_of_no_return:
        return ""
    which = "its compensation runs" if count == 1 else f"its {count} compensations run, newest first"
    return f"{which} (unless its kind's compensate_on excludes that end), then "
