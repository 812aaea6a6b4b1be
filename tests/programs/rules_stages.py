"""Rules 3, 4, 5 and 11: no stage begins after an accepted request, none is torn, no job is canceled unasked."""

from __future__ import annotations

from .host import LOOP_ENDINGS
from .judgement import Job, Judgement
from .trace import Event


def judge_stages(jobs: dict[str, Job], judgement: Judgement) -> None:
    for job in jobs.values():
        _nothing_begins(job, judgement)
        _nothing_is_torn(job, judgement)
        _what_is_held_is_released(job, judgement)
        _threads_end_first(job, judgement)


def _nothing_begins(job: Job, judgement: Judgement) -> None:
    world = job.record.world
    in_memory = world.program.store == "none"
    accepted = min((event.n for event in job.asked), default=None)
    for entered in job.of("stage+"):
        wanted = max((event.n for event in job.of("stage?") if event.n < entered.n), default=entered.n)
        since = entered.n if in_memory else wanted  # with a store an entry may wait for its commit
        judgement.expect(
            "3",
            "no stage begins after an accepted request",
            accepted is None or accepted > since,
            f"{job.id} began {entered['stage']}",
        )
        if in_memory:
            judgement.expect(
                "3", "no stage begins in a job that knows of its cancel", not entered["requested"], str(entered)
            )
        stopped = min((event.n for event in world.trace.all("stopping")), default=entered.n)
        began = wanted > stopped and entered["life"] == 1 and job.seen.parent_id is None
        text = f"{job.id} began {entered['stage']}"
        judgement.expect("3", "no stage begins once a shutdown has reached the job", not began, text)
    ends = job.of("end")
    if ends and not job.abandoned:
        late = [event for event in job.of("stage+") if _after_last_end(job, event.n)]
        judgement.expect("3", "no stage begins when the code has ended", not late, job.id)


def _after_last_end(job: Job, n: int) -> bool:
    """Whether no attempt was running then."""
    running = False
    for event in job.events:
        if event.n > n:
            break
        if event.what in {"begin", "end"}:
            running = event.what == "begin"
    return not running


def _nothing_is_torn(job: Job, judgement: Judgement) -> None:
    world = job.record.world
    for felt in job.of("felt"):
        if felt["excuse"] is not None:
            continue
        stopped = world.program.store != "none" and any(event.n < felt.n for event in world.trace.all("closing"))
        leaked = any(event.n < felt.n for event in job.of("leak"))
        host_ended = world.program.ending in LOOP_ENDINGS and stopped_by_loop(job, felt.n)
        if leaked or host_ended:
            continue
        judgement.expect(
            "4", "a cancellation comes only where a cancel was accepted", felt["requested"] or stopped, str(felt)
        )
        if felt["policy"] in {"defer", "refuse"}:
            forced = any(event["force"] for event in job.asked if event.n < felt.n) or _being_forced(job, felt.n)
            judgement.expect("5", "a stage that shields is not torn", forced, f"{job.id}: {felt}")
        elif felt["stage"] is not None:
            judgement.expect("5", "a stage that does not shield may be torn", True)


def _what_is_held_is_released(job: Job, judgement: Judgement) -> None:
    """At the end of a stage a held cancel is raised there; one that commits has done its work, and goes on."""
    opened: Event | None = None
    over: Event | None = None
    for event in job.of("stage+", "stage~", "stage-"):
        if event.what == "stage+":
            opened, over = event, None
        elif event.what == "stage~":
            over = event
        elif opened is not None and over is not None:
            _judge_release(job, opened, over, event, judgement)
            opened = over = None


def _judge_release(job: Job, opened: Event, over: Event, left: Event, judgement: Judgement) -> None:
    held = [event.n for event in job.asked if event["outcome"] == "deferred" and event["asked"] > opened.n]
    forced = any(event["force"] for event in job.of("ask", "verdict"))
    if not any(n < over.n for n in held) or over["how"] != "done" or opened["shielded"] or forced or job.loosely_held:
        return
    if opened["commits"]:
        judgement.expect("5", "at the end of a stage that commits nothing is raised", left["how"] == "done", str(left))
    else:
        judgement.expect("5", "a held cancel is raised at the stage's end", left["how"] == "canceled", str(left))


def stopped_by_loop(job: Job, n: int) -> bool:
    """Whether the loop had begun to cancel every task."""
    return any(event.n < n and event["ending"] in LOOP_ENDINGS for event in job.record.world.trace.all("closing"))


def _being_forced(job: Job, n: int) -> bool:
    """Whether a force was asked and not answered yet, came by ``cancel_many``, or came with the grace's end."""
    world = job.record.world
    asking = any(event["force"] and event.n < n for event in (*job.of("ask"), *world.trace.all("ask all")))
    return asking or (job.plan is not None and job.plan.option("on_grace_expired", "wait") == "force")


def _threads_end_first(job: Job, judgement: Judgement) -> None:
    begun, ended = job.of("thread+"), job.of("thread-")
    if not begun or job.abandoned or "gather" in repr(job.plan):
        return  # gather may leave a task behind, and its thread with it
    last = max((event.n for event in ended), default=None)
    settled = job.settled_n
    if settled is not None:
        right = len(begun) == len(ended) and last is not None and last < settled
        judgement.expect("11", "a job in a thread settles after the thread", right, job.id)
