"""What becomes of a job in a journal when its service starts again; ``_runtime/recovery.py`` does it.

A journal does not say what a kind's ``on_restart`` is, so that for a job that ran there may be two answers.
"""

from __future__ import annotations

from typing import Final

from jobcancel import JobState

from .stored import StoredJob

_REGISTERED: Final = "if its kind is still registered; else it fails"


def after_restart(job: StoredJob, *, reruns: bool = False) -> str | None:
    """Return what a restart does with a job, or None for a settled one that nothing will happen to.

    Args:
        job: The job.
        reruns: Its kind is known to have ``on_restart="rerun"``; else nothing is known of it.
    """
    shown = job.snapshot
    if shown.settled:
        return "its compensations that are left run; its state stays" if job.undos else None
    if shown.state is JobState.CANCELING:
        return f"it is not run again: {_undoing(job)}its cancel is finished"
    if job.requests:
        return f"it is not run again: a cancel was asked for, and is accepted; {_undoing(job)}it is canceled"
    if shown.parent_id is not None:
        again = "the parent's next attempt submits its own"
        return f"with this attempt of its parent {shown.parent_id} it is over: {_undoing(job)}it is canceled; {again}"
    if shown.state is JobState.PENDING:
        return f"it waits again for the start of attempt {shown.attempt}, {_REGISTERED}"
    return _of_running(job, reruns=reruns)


def _of_running(job: StoredJob, *, reruns: bool) -> str:
    shown = job.snapshot
    if job.committing is not None:
        return f"it fails (WORKER_LOST): its stage {job.committing} commits and cannot be repeated blindly"
    kept = list(dict.fromkeys(stage for stage, _, _ in job.replay.results))
    reused = f", reusing the results of {', '.join(kept)}" if kept else ""
    again = f"attempt {shown.attempt + 1} runs{reused}"
    if reruns:
        return again
    fails = f"{_undoing(job)}it fails (WORKER_LOST)"
    return (
        f"if its kind has on_restart='rerun', {again}, unless it has left a stage that commits and was not kept by "
        f"run_stage; if it has 'fail', the default, {fails}. The journal does not say which"
    )


def _undoing(job: StoredJob) -> str:
    count = sum(n > 0 for _, n, _, _ in job.undos)
    if not count or (job.committing is not None and job.snapshot.cancel is None):  # the point of no return is passed
        return ""
    which = "its compensation runs" if count == 1 else f"its {count} compensations run, newest first"
    return f"{which} (unless its kind's compensate_on leaves that out), then "
