"""Rules 12 and 15: children settle before their parent, and are canceled only when its own cancel is delivered."""

from __future__ import annotations

from .judgement import Job, Judgement


def judge_children(jobs: dict[str, Job], judgement: Judgement) -> None:
    for job in jobs.values():
        parent = jobs.get(job.seen.parent_id or "")
        if parent is not None:
            _judge(job, parent, judgement)
        if job.record.world.store is None and (parent is not None or job.seen.parent_id is None):
            _judge_context(job, parent, judgement)


def _judge_context(job: Job, parent: Job | None, judgement: Judgement) -> None:
    """What a job sees of its submitter's context: the host's, its parent's, or what that one sees itself."""
    who = {"host"} if parent is None else {"host", parent.id, *(event["who"] for event in parent.begins)}
    for begin in job.begins:
        if begin["life"] == 1:
            judgement.expect("15", "a job inherits its submitter's context", begin["who"] in who, str(begin))


def _left_to_the_next(parent: Job) -> bool:
    """Whether a shutdown may have ended an attempt of it, children and all, or its end could not be written."""
    world, plan = parent.record.world, parent.plan
    again = world.store is not None and plan is not None and plan.option("on_restart", "") == "rerun"
    return again or world.unkept


def _judge(job: Job, parent: Job, judgement: Judgement) -> None:
    world = parent.record.world
    if world.unkept and world.life > 1:
        return  # the end of one may have been written, and not that of the other
    about = f"{job.id} ({job.state}) of {parent.id} ({parent.state})"
    child_end, parent_end = job.seen.settled_at, parent.seen.settled_at
    if child_end is not None and parent_end is not None:
        judgement.expect(
            "12", "a child settles before its parent", child_end <= parent_end, f"{about}: {child_end}, {parent_end}"
        )
    else:
        judgement.expect("12", "a child of a settled job is settled", parent_end is None, about)
    if parent.settled_n is not None:
        late = [event for event in job.begins if event.n > parent.settled_n]
        judgement.expect("12", "no child begins after its parent settled", not late, about)
    cancel = job.seen.cancel
    if cancel is not None and str(cancel.cause) == "parent" and not _left_to_the_next(parent):
        ended = any(event["how"] not in {"returned", "partial"} for event in parent.of("end"))  # of any attempt
        asked = parent.delivered or ended or not job.begins  # its submit was on its way when the code ended
        about = f"{about}: {parent.seen.cancel}"
        judgement.expect("12", "children are canceled at their parent's delivery", asked, about)
        delivered = parent.seen.cancel.delivered_at if parent.seen.cancel is not None else None
        how = parent.end["how"] if parent.end is not None and parent.end_requested else None
        if delivered is not None and how == "canceled":
            right = cancel.requested_at >= delivered
            judgement.expect("12", "children are not canceled before their parent", right, about)
