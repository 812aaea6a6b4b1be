"""Rule 14's other side, and section 6: no more jobs of a kind, or of the host's, run at once than its limit."""

from __future__ import annotations

from collections import Counter

from .judgement import Job, Judgement
from .play import Record


def judge_limits(record: Record, jobs: dict[str, Job], judgement: Judgement) -> None:
    """Count the jobs whose code runs; their slots are held for longer."""
    program = record.world.program
    running = Counter[str]()
    life, host = 1, "the scheduler's own"
    for event in record.world.trace.all("begin", "end"):
        job = jobs.get(event.job)
        if job is None or job.plan is None:
            continue
        if event["life"] != life:  # what ran in the first life is over, however the loop ended
            running.clear()
            life = event["life"]
        counted = [job.plan.name, *([] if job.seen.parent_id else [host])]
        running.update(dict.fromkeys(counted, 1 if event.what == "begin" else -1))
        limits = {job.plan.name: job.plan.option("max_running", None), host: program.max_running}
        for name in counted:
            most = limits[name]
            if event.what == "begin" and most is not None:
                text = f"{running[name]} of {most}: {event}"
                judgement.expect("14", "a limit on running jobs holds", running[name] <= most, text)
