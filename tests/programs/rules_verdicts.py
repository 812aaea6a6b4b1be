"""Rules 1, 4 and 13, and section 4: each verdict agrees with where the job stood, and a refusal changes nothing."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from jobcancel import Snapshot

from .judgement import TERMINAL, Job, Judgement
from .plan import KindPlan
from .rules_undos import registered
from .trace import Event
from .world import image


def judge_verdicts(jobs: dict[str, Job], judgement: Judgement) -> None:
    for job in jobs.values():
        for verdict in job.of("verdict"):
            if verdict["before"] is not None and job.plan is not None:
                _judge(job, job.plan, verdict, judgement)


def _judge(job: Job, plan: KindPlan, verdict: Event, judgement: Judgement) -> None:
    before, after = verdict["before"], verdict["after"]
    outcome, about = verdict["outcome"], f"{job.id} got {verdict['outcome']}"
    at_once = job.record.world.program.store == "none" and verdict["how"] in {"plain", "canceled", "many"}
    stages = {before.stage} if at_once else _stages(job, verdict)
    allowed = _allowed(job, plan, before, stages, verdict)
    if not at_once:  # it was decided at some moment between the question and the answer
        allowed |= _allowed(job, plan, after, stages, verdict) | {"already_canceling", "already_terminal"}
        if plan.option("on_restart", "") == "rerun":  # it may have been interrupted, and pend again
            allowed |= {"canceled", "canceling"}
        if not job.begins or job.begins[0].n > verdict["asked"]:
            allowed |= _running(job, plan, stages, verdict)
    judgement.expect(
        "1",
        f"a verdict agrees with the state and the policy ({outcome})",
        outcome in allowed,
        f"{about} while {before.state} in {stages}, right: {sorted(allowed)}; {verdict}",
    )
    judgement.expect(
        "1",
        "accepted says what the outcome is",
        verdict["accepted"] == (outcome not in {"refused", "already_terminal"}),
        about,
    )
    if at_once:
        _judge_in_memory(job, verdict, before, after, judgement)


def _judge_in_memory(
    job: Job, verdict: Event, before: Snapshot[Any], after: Snapshot[Any], judgement: Judgement
) -> None:
    """In memory nothing comes between the question and the answer."""
    outcome, about = verdict["outcome"], f"{job.id} got {verdict['outcome']}"
    dry = verdict["dry"]
    if dry is not None:
        judgement.expect(
            "1", "can_cancel says what cancel then answers", str(dry.outcome) == outcome, f"{about}, not {dry.outcome}"
        )
    judgement.expect(
        "1", "a verdict carries the state", verdict["state"] == str(after.state), f"{about} with {verdict['state']}"
    )
    if outcome == "refused":
        judgement.expect(
            "4", "a refusal carries the stage", verdict["stage"] == before.stage, f"{about}: {verdict['stage']}"
        )
        judgement.expect("4", "a refusal leaves the job as it was", _same(before, after), about)
    if outcome == "deferred":
        right = after.cancel is not None and after.cancel.delivered_at is None
        judgement.expect("5", "a deferred cancel is not delivered at once", right, about)
    if outcome in {"already_canceling", "already_terminal"} and not verdict["force"]:
        judgement.expect("13", "a second request changes nothing", _same(before, after), about)
    if outcome in {"canceling", "deferred", "canceled"} and before.cancel is None:
        cancel = after.cancel
        right = cancel is not None and str(cancel.outcome) == outcome and str(cancel.cause) == "user"
        judgement.expect("9", "an accepted request is on the job", right, f"{about}, its cancel is {cancel}")
    elif before.cancel is not None and after.cancel is not None:
        right = (before.cancel.cause, before.cancel.by) == (after.cancel.cause, after.cancel.by)
        judgement.expect("13", "the first accepted cause stays", right, about)


def _same(before: Snapshot[Any], after: Snapshot[Any]) -> bool:
    """Whether nothing but the note of a refusal came."""
    after_others = [entry for entry in after.history if entry.step != "cancel_refused"]
    before_others = [entry for entry in before.history if entry.step != "cancel_refused"]
    return image(_bare(before)) == image(_bare(after)) and len(after_others) == len(before_others)


def _bare(snapshot: Snapshot[Any]) -> Snapshot[Any]:
    """Without its history, and without its progress, which a child that is canceled with it changes too."""
    return evolve(snapshot, history=(), progress=None)


def _stages(job: Job, verdict: Event) -> set[str | None]:
    """The stages that may have been open between the question and the answer, and None for between two stages."""
    stages: set[str | None] = {verdict["before"].stage, verdict["after"].stage}
    open_stage: str | None = None
    leaving = False
    for event in job.events:
        if event.n > verdict.n:
            break
        if event.what in {"stage?", "stage+"}:
            if event.n >= verdict["asked"]:
                stages |= {open_stage, event["stage"]}
            open_stage, leaving = event["stage"], event.what == "stage?"
        elif event.what in {"stage~", "stage-"}:
            if event.n >= verdict["asked"]:
                stages |= {open_stage, None}
            leaving, open_stage = event.what == "stage~", open_stage if event.what == "stage~" else None
    return stages | {open_stage} | ({None} if leaving else set[str | None]())


def _allowed(job: Job, plan: KindPlan, before: Snapshot[Any], stages: set[str | None], verdict: Event) -> set[str]:
    """What section 4 allows to answer."""
    force, state = bool(verdict["force"]), str(before.state)
    if state in TERMINAL:
        return {"already_terminal"}
    if state == "canceling":
        held = before.cancel is not None and before.cancel.delivered_at is None
        deferred = before.cancel is not None and str(before.cancel.outcome) == "deferred"
        if not (force and held and deferred):
            return {"already_canceling"}
        sure = before.stage is not None and before.cancel is not None and not before.cancel.forced
        return {"canceling"} if sure else {"canceling", "already_canceling"}  # else it is on its way
    if state == "pending":
        return {"canceling"} if _has_undo(job, verdict) else {"canceled"}
    return _running(job, plan, stages, verdict)


def _running(job: Job, plan: KindPlan, stages: set[str | None], verdict: Event) -> set[str]:
    """What is right to answer of a job that runs in one of these stages."""
    force, defer = bool(verdict["force"]), bool(verdict["defer"])
    allowed = {
        _met((plan.on_cancel if name is None else plan.stage(name).on_cancel), force=force, defer=defer)
        for name in stages
    }
    # Whether a policy between stages still shields a job whose code has ended is not specified.
    ended = any(event.what == "end" and event.n < verdict.n for event in job.events)
    return allowed | {"canceling"} if ended else allowed


def _met(policy: str, *, force: bool, defer: bool) -> str:
    if force or policy == "interrupt":
        return "canceling"
    return "refused" if policy == "refuse" and not defer else "deferred"


def _has_undo(job: Job, verdict: Event) -> bool:
    return any(registered(event) < verdict.n for event in job.of("undo+"))
