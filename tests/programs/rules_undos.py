"""Rule 7: compensations run newest first, each once, after the code and before the job settles."""

from __future__ import annotations

from itertools import pairwise

from .host import LOOP_ENDINGS
from .judgement import Job, Judgement
from .trace import Event
from .undos import FAILING


def judge_undos(jobs: dict[str, Job], judgement: Judgement) -> None:
    if not jobs:
        return
    world = next(iter(jobs.values())).record.world
    runs: dict[str, list[Event]] = {}
    for event in world.trace.all("undo!"):
        runs.setdefault(event["token"], []).append(event)
    for token, began in runs.items():
        again = world.unkept and world.life > 1  # once in each process, if the first could not write that it ran
        judgement.expect("7", "a compensation runs once", len(began) == 1 or again, f"{token} ran {len(began)} times")
    for job in jobs.values():
        given = sorted(job.of("undo+"), key=registered)
        if given and (job.id in world.known or job.seen.parent_id):  # else the undos given at submit are unknown
            _judge(job, given, runs, judgement)
    _judge_unsubmitted(jobs, runs, judgement)


def registered(event: Event) -> int:
    """When a compensation was registered: one given at submit before the job could run."""
    return event.n if event["since"] is None else int(event["since"])


def _judge(job: Job, given: list[Event], runs: dict[str, list[Event]], judgement: Judgement) -> None:
    tokens = [event["token"] for event in given]
    ran = sorted((runs[token][0] for token in tokens if token in runs), key=lambda event: event.n)
    due = _due(job)
    commits = [event.n for event in job.of("stage+") if event["commits"]]
    left = [event for event in given if not any(n > registered(event) for n in commits)]
    right = [event["token"] for event in reversed(left)]
    about = f"{job.id} is {job.state}; ran {[event['token'] for event in ran]}, registered {tokens}, due {right}"
    if len(job.begins) > 1 or (job.record.world.store is not None and _two_lives(job)):
        right = [token for token in right if token.startswith("named")]
        names = [event["token"] for event in ran if event["token"].startswith("named")]
        if due:
            judgement.expect("7", "compensations by name run though the process ended", set(names) >= set(right), about)
        return
    names = [event["token"] for event in ran]
    if job.record.world.program.ending in LOOP_ENDINGS:
        return  # a loop that ends cancels every task natively, and so may tear a compensation
    if due is True:
        judgement.expect("7", "all that is to be undone is undone, newest first", names == right, about)
        _judge_order(job, ran, judgement)
        _judge_records(job, right, judgement)
    elif due is False:
        judgement.expect("7", "nothing is undone in an ending that does not ask for it", not names, about)
    else:
        judgement.expect("7", "all is undone, or nothing", names in ([], right), about)


def _due(job: Job) -> bool | None:
    """Whether the ending asks for compensations; None where the design leaves it open or later versions differ."""
    assert job.plan is not None
    states = job.plan.option("compensate_on", ("canceled", "failed"))
    if job.state in states:
        return True
    return None if job.state == "failed" and job.delivered and "canceled" in states else False


def _two_lives(job: Job) -> bool:
    """Whether it was open when the first life ended."""
    left = {each.id: each for each in job.record.left or ()}
    return job.id not in left or not left[job.id].settled or job.record.world.unkept


def _judge_order(job: Job, ran: list[Event], judgement: Judgement) -> None:
    if not ran:
        return
    ends = job.of("end")
    if ends:
        judgement.expect("7", "compensations run after the code", ran[0].n > ends[-1].n, job.id)
    trace = job.record.world.trace
    over = {event["token"]: event.n for event in trace.all("undo.")}
    for one, other in pairwise(ran):
        right = over.get(one["token"], other.n + 1) < other.n
        judgement.expect("7", "compensations run one after the other", right, f"{job.id}: {other}")
    if job.settled_n is not None and not job.abandoned:
        last = max(over.get(event["token"], job.settled_n + 1) for event in ran)
        judgement.expect("7", "compensations run before the job settles", last < job.settled_n, job.id)


def _judge_records(job: Job, tokens: list[str], judgement: Judgement) -> None:
    if job.abandoned and job.plan is not None and job.plan.retires:
        return  # it may be forgotten before its compensations run
    done = {event["token"] for event in job.record.world.trace.all("undone")}
    failing = [token for token in tokens if token.partition("#")[0] in FAILING]
    failed = [entry for entry in job.seen.history if entry.status == "CLEANUP_FAILED"]
    about = f"{job.id}: {tokens}, recorded {[(entry.step, entry.status) for entry in failed]}"
    # Those that wait for a thread may overrun too: the program's clock does not wait for threads.
    overran = [entry for entry in failed if "cleanup_s" in str(entry.details)]
    due = [token for token in tokens if token.startswith("overruns")]
    right = 0 <= len(failed) - len(failing) <= max(0, len(overran) - len(due))
    judgement.expect("7", "a compensation that fails is recorded", right, about)
    torn = [token for token in tokens if token not in failing and token not in done]
    judgement.expect("7", "a compensation is not torn", not torn, f"{job.id}: {torn}")
    if job.seen.cancel is not None and failing:
        judgement.expect("7", "compensated is false when one has failed", not job.seen.cancel.compensated, about)
    if job.seen.cancel is not None and not failed:
        judgement.expect("7", "compensated is true when all have run", job.seen.cancel.compensated, about)


def _judge_unsubmitted(jobs: dict[str, Job], runs: dict[str, list[Event]], judgement: Judgement) -> None:
    """What was given with a submit that was refused never runs."""
    record = next(iter(jobs.values())).record
    known = {event["token"] for event in record.world.trace.all("undo+", "undo?")}
    if any(record.world.trace.all("submit gone")):
        return  # such a job may have been submitted and canceled
    strange = set(runs) - known
    judgement.expect("7", "no compensation of a job that was not submitted runs", not strange, f"{strange}")
