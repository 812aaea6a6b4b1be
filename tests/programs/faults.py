"""``python -m tests.programs --faults [WORD ...]``: plants faults, for programs to find."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from math import isnan
from typing import Any, Final

from anyio import to_thread
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint
from attrs import evolve

from jobcancel import CancelCause
from jobcancel._core.decision import CANCEL, HOLD, REFUSE, Decision, Outcome
from jobcancel._core.job import Release
from jobcancel._core.policies import OnGraceExpired
from jobcancel._core.states import Event
from tests.edited_copy import TOP, run_python
from tests.faults import places
from tests.faults.fault import UNSOUND, VARIABLE, Broken, Fault, faults_in
from tests.faults.fault import fault as fault_of

# Programs of three seeds, more each time: most faults are found by the first few dozen.
TRIES: Final = ((1, 120), (10_000, 400), (20_000, 1200))
TIMEOUT_S: Final = 400.0
_UNSOUND: Final = UNSOUND << 8  # a program's exit status, as os.wait4 gives it
STORES: Final[dict[str, str]] = {}  # where to look for a fault, by its name


def fault(rule: str, place: str, shown_by: str, store: str = "none") -> Callable[[Broken], Fault]:
    """Make a fault that programs with that store find."""

    def named(broken: Broken) -> Fault:
        STORES[broken.__name__] = store
        return fault_of(rule, place, shown_by)(broken)

    return named


# Requests and their answers.


@fault("1", places.CAN_CANCEL, "rule 1: can_cancel says what cancel then answers")
async def the_dry_run_forgets_a_force(original: Any, *args: Any, force: bool = False, **kwargs: Any) -> Any:
    return await original(*args, **kwargs)


@fault("1", places.DECIDE_CANCEL, "rule 1: a verdict agrees with the state and the policy (refused)")
def the_verdict_is_that_of_another_policy(original: Any, state: Any, policy: Any, request: Any, *args: Any) -> Any:
    decision = original(state, policy, request, *args)
    may_refuse = request.cause is CancelCause.USER and not request.defer
    return REFUSE if decision is HOLD and may_refuse else decision


@fault("4", places.DECIDE_CANCEL, "rule 4: a refusal leaves the job as it was")
def a_refused_request_is_delivered(original: Any, *args: Any) -> Any:
    decision = original(*args)
    return Decision(Outcome.REFUSED, Event.CANCEL_ACCEPTED) if decision is REFUSE else decision


@fault("13", places.REQUEST_CANCEL, "rule 13: the first accepted cause stays")
def the_second_requester_replaces_the_first(original: Any, job: Any, request: Any, now: float) -> Any:
    earlier = job.cancel
    is_held = earlier is not None and earlier.held
    verdict = original(job, request, now)
    if earlier is not None and is_held and verdict.outcome is Outcome.CANCELING:
        earlier.by = "second"
    return verdict


@fault("16", places.SUBMIT, "rule 16: in memory a canceled caller gets its answer")
async def a_submit_in_memory_does_a_checkpoint(original: Any, *args: Any, **kwargs: Any) -> Any:
    await checkpoint()
    return await original(*args, **kwargs)


@fault("16", places.ANSWER, "rule 16: ", "memory")
async def a_callers_cancellation_loses_its_handle_with_a_store(original: Any, pending: Any) -> Any:
    await pending._wakeup.wait()
    return await original(pending)


# Stages and deliveries.


@fault("3", places.STAGE_ENTER, "rule 3: no stage begins")
async def a_stage_begins_after_an_accepted_cancel(original: Any, entered: Any) -> None:
    job = entered._job
    cancel, job.cancel = job.cancel, None
    try:
        await original(entered)
    finally:
        job.cancel = cancel


@fault("3", places.BEFORE_STAGE, "rule 3: no stage begins once a shutdown has reached the job", "memory")
async def a_stage_begins_once_a_shutdown_has_reached_a_job_that_will_run_again(
    original: Any, persistence: Any, name: str
) -> None:
    await persistence._raise_stop(name)


@fault("5", places.DECIDE_CANCEL, "rule 5: a stage that shields is not torn")
def a_stage_that_defers_is_torn_by_a_parents_cancel(
    original: Any, state: Any, policy: Any, request: Any, *args: Any
) -> Any:
    decision = original(state, policy, request, *args)
    return CANCEL if decision is HOLD and request.cause is CancelCause.PARENT else decision


@fault("9", places.LEAVE_STAGE, "rule 5: a held cancel is raised at the stage's end")
def a_held_cancel_is_forgotten_at_the_stages_end(
    original: Any, job: Any, status: str, now: float, *, raised: bool
) -> Release:
    release: Release = original(job, status, now, raised=raised)
    return release if raised else Release.NOTHING


# How a job ends.


@fault("2", places.WAKE, "rule 2: ")
def no_waiter_is_woken(original: Any, job: Any) -> None:
    job.waiters = None
    original(job)


@fault("6", places.DECIDE_ENDING, "rule 6: the state tells what happened (returned)")
def work_that_finished_is_reported_as_canceled(original: Any, ending: Any, cause: Any, children: int) -> Any:
    return original(ending, cause, children or int(cause is not None))


@fault("7", places.COMPENSATE, "rule 7: all that is to be undone is undone, newest first")
async def compensations_run_oldest_first(original: Any, job: Any) -> None:
    job.undo.reverse()
    await original(job)


@fault("7", places.UNDO, "rule 7: all that is to be undone is undone, newest first")
async def one_compensation_that_raises_stops_the_others(original: Any, job: Any, undos: list[Any]) -> Any:
    clean = await original(job, undos)
    if not clean:
        undos.clear()
    return clean


@fault("7", places.ENTER_STAGE, "rule 7: all that is to be undone is undone, newest first")
def the_point_of_no_return_is_forgotten(original: Any, job: Any, stage: Any, now: float) -> None:
    undo = job.undo
    original(job, stage, now)
    job.undo = undo


@fault("8", places.GRACE_EXPIRED, "rule 8: only a kind that abandons is abandoned")
def a_cancel_that_would_be_forced_is_abandoned(original: Any, deliveries: Any, job: Any) -> None:
    spec = job.spec
    if spec.on_grace_expired is OnGraceExpired.FORCE:
        job.spec = evolve(spec, on_grace_expired=OnGraceExpired.ABANDON)
    original(deliveries, job)
    job.spec = spec


@fault("11", places.RUN_IN_THREAD, "rule 11: a job in a thread settles after the thread")
async def a_job_does_not_wait_for_its_thread(original: Any, job: Any, fn: Any, *args: Any) -> Any:
    return await to_thread.run_sync(partial(fn, *args), limiter=job.host.limiter, abandon_on_cancel=True)


@fault("12", places.CHILDREN_SETTLED, "rule 12: ")
async def a_parent_does_not_wait_for_its_children(original: Any, job: Any) -> None:
    await cancel_shielded_checkpoint()


@fault("12", places.DURABLE_SUBMIT, "rule 12: ", "memory")
def a_child_that_is_being_submitted_is_not_waited_for(original: Any, journal: Any, job: Any) -> Any:
    parent, pending = job.parent, original(journal, job)
    if parent is not None:
        apply = pending._apply
        del parent.children[job.id]

        def adopt() -> None:
            parent.adopt(job)
            apply()

        pending._apply = adopt
    return pending


@fault("12", places.HAS_STOPPED, "rule 6: the state tells what happened")
def a_returned_parent_whose_cancel_stopped_a_child_has_succeeded(original: Any, parent: Any, child: Any) -> bool:
    by_parent = child.cancel is not None and child.cancel.cause is CancelCause.PARENT
    return by_parent and bool(original(parent, child))


# What keeps jobs, callers and hosts apart.


@fault("14", places.RELEASE_SLOT, "rule 18: ")
def a_slot_is_not_given_back_by_a_job_that_fails(original: Any, admission: Any, job: Any) -> Any:
    return () if job.failure is not None else original(admission, job)


@fault("14", places.RUN, "rule 18: the run itself broke")
async def system_exit_takes_the_others_down(original: Any, job: Any) -> None:
    await original(job)
    if job.failure is not None and "SystemExit" in job.failure.details.get("type", ""):
        raise SystemExit(1)


@fault("14", places.CALL_DUE, "rule 18: no end within", "memory")
def the_timers_end_with_their_first_call(original: Any, timers: Any) -> None:
    is_due = bool(timers._heap) and timers._heap[0][0] <= timers._clock.monotonic()
    original(timers)
    if is_due:
        timers.close()


@fault("14", places.JSON_NUMBER, "rule 14: ")
def a_snapshot_is_no_strict_json(original: Any, form: Any, value: float) -> float:
    return value


@fault("15", places.NEW_JOB, "rule 15: a job inherits its submitter's context")
def a_job_inherits_no_variables(original: Any, job: Any, *args: Any) -> None:
    original(job, *args)
    job.context = Context()


@fault("17", places.REFUSE_OWN, "rule 18: ")
def a_job_may_wait_for_itself(original: Any, job: Any) -> None:
    return


@fault("18", places.IDLE, "rule 18: all jobs are settled when the scheduler was left")
async def leaving_does_not_wait_for_the_jobs(original: Any, dispatcher: Any) -> None:
    return


@fault("18", places.WAIT_UNINTERRUPTED, "rule 10: ")
async def a_task_that_waits_for_the_end_spins_in_a_cancelled_scope(original: Any, wakeup: Any) -> None:
    if not wakeup.done():
        wakeup._uninterrupted, wakeup._interrupted = True, False
        await wakeup
        if wakeup._interrupted:
            wakeup._repeat()


@fault("18", places.LEAVE_QUEUE, "rule 3: no stage begins once a shutdown has reached the job", "memory")
def a_job_that_is_left_pending_stays_in_its_queue(original: Any, dispatcher: Any, job: Any) -> None:
    if job.parent is not None or not dispatcher.closing:
        original(dispatcher, job)


@fault("numbers", places.RANGE_CHECK, "rule numbers")
def a_nan_is_taken(original: Any, allowed: Any, value: Any, *args: Any) -> Any:
    return value if isinstance(value, float) and isnan(value) else original(allowed, value, *args)


FAULTS: Final = faults_in(globals())


def find(fault: Fault) -> tuple[bool, str]:
    """Return whether the programs find the fault, and how, or why not."""
    options = ("--backend", "asyncio", "--store", STORES[fault.name], "--most", "0", "--hang-s", "7")
    environment, others = {VARIABLE: fault.name}, list[str]()
    for seed, programs in TRIES:
        tried = ("--seed", str(seed), "--programs", str(programs), "--seconds", "100")
        arguments = ("-m", "tests.programs", *options, *tried)
        _, output = run_python(TOP, arguments, TIMEOUT_S, environment=environment)
        lines = [line for line in output.splitlines() if line.startswith("FOUND ")]
        found = [line for line in lines if fault.shown_by in line]
        others += lines
        if (not lines and "programs in" not in output) or any(f"ended with {_UNSOUND} " in line for line in lines):
            return False, f"MISTAKE: {output[-1000:]}"
        if found:
            return True, f"in {seed}+{programs}: {found[0]}"
    return False, "\n".join(["NOT FOUND", *others])


def plant(words: list[str]) -> int:
    """Plant each fault whose rule is one of the words, or whose name has one, or all; return the exit code.

    That is 1 if one was not found.
    """
    faults = [each for each in FAULTS.values() if not words or any(_matches(each, word) for word in words)]
    missed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for each, (found, how) in zip(faults, pool.map(find, faults), strict=True):
            missed += not found
            say(f"{each.rule:>7}  {each.name}: {how}")
    say(f"{len(faults) - missed} of {len(faults)} found")
    return 1 if missed or not faults else 0


def _matches(fault: Fault, word: str) -> bool:
    return word == fault.rule or word in fault.name


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
