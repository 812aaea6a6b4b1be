"""What may happen next in a world."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from jobcancel._core.endings import Ending
from jobcancel._core.policies import CancelCause
from jobcancel._core.states import Event, JobState

from .dispatcher import Ask
from .sim import Code, Sim
from .world import STAGES, Action, World

EVERY_ASK = tuple(Ask(*ask) for ask in product(CancelCause, (False, True), (False, True)))
# With a child the interleavings are what counts: fewer sorts of request and of stage, all orders of them.
FEW_ASKS = (Ask(CancelCause.USER), Ask(CancelCause.USER, force=True), Ask(CancelCause.TIMEOUT))
CHILD_ASKS = FEW_ASKS[:2]
FEW_STAGES = ("interrupt_commit", "defer", "refuse")
CHILD_STAGES = ("defer",)
MOST_UNDOS = 2


def moves(world: World) -> Iterator[Action]:
    """Return every action that is possible in ``world``."""
    yield from _job_moves(world, world.parent)
    if world.child is not None:
        yield from _job_moves(world, world.child)


def _job_moves(world: World, job: Sim) -> Iterator[Action]:
    parent = job is world.parent
    asks = EVERY_ASK if world.child is None else FEW_ASKS if parent else CHILD_ASKS
    for ask in asks:
        yield job.role, "ask", ask
    if job.queued:
        yield job.role, "flush", None
    match job.code:
        case Code.AHEAD:
            yield from _before(job)
        case Code.RUNNING:
            yield from _running(world, job)
        case Code.UNWINDING:
            yield from _unwinding(job)
        case Code.ENDED if not (parent and _child_is_open(world)):
            yield job.role, "conclude", None
        case Code.UNDOING:
            yield job.role, "undo", None
        case Code.GONE if parent:
            for event in Event:
                yield job.role, "late", event
        case _:
            pass
    if _grace_is_over(world, job):
        yield job.role, "abandon", None


def _before(job: Sim) -> Iterator[Action]:
    if job.started is not None or job.ending_without_code is not None:
        yield job.role, "begin", None
    elif job.state is JobState.PENDING:
        yield job.role, "start", None
        yield job.role, "expire", None


def _running(world: World, job: Sim) -> Iterator[Action]:
    parent = job is world.parent
    if job.cut:
        yield job.role, "checkpoint", None
    if job.stage is not None:
        yield job.role, "leave", None
    else:
        for name in STAGES if world.child is None else FEW_STAGES if parent else CHILD_STAGES:
            yield job.role, "enter", name
        yield job.role, "finish", Ending.RETURNED
        if parent:
            yield job.role, "finish", Ending.PARTIAL
    yield job.role, "finish", Ending.RAISED
    if not parent:
        return
    if not job.cut:
        yield job.role, "native", None
    if job.registered < MOST_UNDOS:
        yield job.role, "register", None
    if world.child is None:
        yield job.role, "submit", None


def _unwinding(job: Sim) -> Iterator[Action]:
    if job.stage is not None:
        yield job.role, "leave", None
    else:
        yield job.role, "finish", Ending.UNWOUND
    yield job.role, "finish", Ending.RAISED
    if job.role == "parent":
        yield job.role, "swallow", None


def _child_is_open(world: World) -> bool:
    return world.child is not None and world.child.settled is None


def _grace_is_over(world: World, job: Sim) -> bool:
    """Grace is counted from the delivery to the code's end, and not while a child is unsettled."""
    if job.settled is not None or job.cancel is None or job.cancel.delivered_at is None:
        return False
    return job.code in (Code.AHEAD, Code.RUNNING, Code.UNWINDING) and not (
        job is world.parent and _child_is_open(world)
    )
