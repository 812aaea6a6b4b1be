"""Whether the snapshot of a settled job agrees with what the soak knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from jobcancel import CancelCause, CancelStatus, FailureCode, JobState, Outcome, Snapshot

from .handlers import Setting
from .kinds import KINDS
from .ledger import CLEAN, EITHER, Ledger, Left
from .plan import Plan

SETTLING: Final = ("succeeded", "partially_succeeded", "failed", "withdrawn", "unwound", "abandoned")
LATE_S: Final = 0.5  # of the tests' clock, which makes two turns of the loop in 0.05 s
UNDOES: Final = (JobState.CANCELED, JobState.FAILED)
VALUES: Final = {Left.RETURNED: JobState.SUCCEEDED, Left.PARTIAL: JobState.PARTIALLY_SUCCEEDED}


def wrong_in(setting: Setting, n: int, snapshot: Snapshot[Any], *, closing: bool) -> Iterator[str]:
    """Return what is wrong with job ``n``, whose waiter has this snapshot; its row is not closed yet."""
    ledger, cancel = setting.ledger, snapshot.cancel
    if not snapshot.settled or snapshot.settled_at is None or snapshot.id != f"j{n}":
        yield "a waiter woke before its job had settled"
    if ledger.terminal.get(n, snapshot.state) != snapshot.state:
        yield "a terminal state was left"
    steps = [entry.step for entry in snapshot.history if entry.step in SETTLING]
    if len(steps) != 1:
        yield f"the history has other than one settling event: {steps}"
    yield from _of_the_end(ledger, n, snapshot)
    yield from _of_requests(ledger, n, cancel)
    if cancel is not None:
        yield from _of_the_cause(setting, n, snapshot, cancel, closing=closing)
    if cancel is None or not cancel.abandoned:
        yield from _of_what_ended(ledger, n, snapshot)


def _of_the_end(ledger: Ledger, n: int, snapshot: Snapshot[Any]) -> Iterator[str]:
    """Check the state against how the handler ended in its own eyes."""
    state, cancel, left = snapshot.state, snapshot.cancel, Left(ledger.left[n])
    code = None if snapshot.failure is None else snapshot.failure.code
    unwound = _unwound(snapshot)
    ledger.happened["expired"] += code is FailureCode.EXPIRED
    delivered = cancel is not None and cancel.delivered_at is not None
    if cancel is not None and cancel.abandoned:
        good = unwound and delivered
    elif left in VALUES:
        finished = state is VALUES[left] and snapshot.result == n and code is None
        good = finished or (unwound and delivered and n in ledger.family)
    elif left is Left.RAISED:
        good = state is JobState.FAILED and code is FailureCode.HANDLER_ERROR
    elif left is Left.CANCELED:
        good = unwound and delivered
    elif left is Left.FOREIGN:
        good = (state is JobState.FAILED and code is FailureCode.FOREIGN_CANCEL) or (unwound and delivered)
    else:
        good = left is Left.NOT_BEGUN and (unwound or code is FailureCode.EXPIRED)
    if not good:
        yield f"the end does not fit: {left.name} became {state} {code or ''}".rstrip()
    if ledger.seen[n] and not delivered:
        yield "a cancellation was seen that was never delivered"
    if ledger.torn[n] and not (cancel is not None and cancel.forced):
        yield "a shielded stage was torn without a force"


def _unwound(snapshot: Snapshot[Any]) -> bool:
    """Return whether the job ended by its cancel."""
    if snapshot.cancel is None:
        return False
    if snapshot.cancel.cause is not CancelCause.TIMEOUT:
        return snapshot.state is JobState.CANCELED and snapshot.failure is None
    failure = snapshot.failure
    return snapshot.state is JobState.FAILED and failure is not None and failure.code is FailureCode.TIMED_OUT


def _of_requests(ledger: Ledger, n: int, cancel: CancelStatus | None) -> Iterator[str]:
    """Check the cancel on the snapshot against the answers that users got."""
    asked = ledger.asked.get(n)
    by_user = cancel is not None and cancel.cause is CancelCause.USER
    if asked is None:
        if by_user:
            yield "a user's cancel without an answer to any user" + (" (refused)" if ledger.refused[n] else "")
        if n in ledger.joined and cancel is None:
            yield "an accepted cancel was lost"
    elif cancel is None:
        yield "an accepted cancel was lost"
    # A force may have opened what another user's held cancel waited for.
    elif (cancel.by, cancel.outcome) != (asked.by, asked.outcome) and not (
        asked.force and cancel.forced and cancel.outcome is Outcome.DEFERRED
    ):
        yield f"the cancel was asked by {asked.by} ({asked.outcome}), not {cancel.by} ({cancel.outcome})"
    if asked is not None and asked.force and cancel is not None and not cancel.forced:
        yield "a force is not recorded"


def _of_the_cause(
    setting: Setting, n: int, snapshot: Snapshot[Any], cancel: CancelStatus, *, closing: bool
) -> Iterator[str]:
    cause, ledger = cancel.cause, setting.ledger
    ledger.happened[f"cause: {cause}"] += 1
    for mark in ("forced", "ignored", "abandoned", "pierced", "stuck", "unresponsive"):
        if getattr(cancel, mark):
            ledger.happened[f"marked {mark}"] += 1
    waited = snapshot.settled_at is not None and (snapshot.settled_at - cancel.requested_at).total_seconds() > LATE_S
    if waited and cancel.outcome is Outcome.CANCELING and cancel.delivered_at is None:
        yield "an accepted cancel was not delivered"
    if cancel.pierced and ledger.left[n] != Left.FOREIGN:
        yield "marked as pierced though nothing foreign came"
    if cause is CancelCause.SHUTDOWN and not closing:
        yield "a shutdown's cancel while nothing was shut down"
    if cause is CancelCause.PARENT and (ledger.client[n] or snapshot.parent_id is None):
        yield "a parent's cancel of a job without a parent"
    if cause is CancelCause.TIMEOUT and "timeout_s" not in KINDS[snapshot.kind]:
        plan: Plan = setting.plan(n)
        if plan.timeout_s is None or not ledger.client[n]:
            yield "a timeout of a job that has none"


def _of_what_ended(ledger: Ledger, n: int, snapshot: Snapshot[Any]) -> Iterator[str]:
    """Check what has to be over by now: the code, its threads, its children, its compensations."""
    yield from unpaid(ledger, n, snapshot)
    if ledger.left[n] == Left.RUNNING or n in ledger.threads:
        yield "settled while its code still ran"
    if any(ledger.left[child] == Left.RUNNING for child in ledger.family.get(n, ())):
        yield "settled before its children"
    if snapshot.cancel is not None:
        yield from _of_ignoring(ledger, n, snapshot.cancel)


def _of_ignoring(ledger: Ledger, n: int, cancel: CancelStatus) -> Iterator[str]:
    """Check the mark of a value that was returned after the delivery.

    A job that then waited for its children or, with a kind that compensates always, ran its compensations may have
    returned before the delivery.
    """
    returned = ledger.left[n] in VALUES and cancel.delivered_at is not None
    may_be_before = n in ledger.family or ledger.undone[n]
    if cancel.ignored != returned and not (returned and may_be_before):
        yield "wrongly marked as ignored, or not"


def unpaid(ledger: Ledger, n: int, snapshot: Snapshot[Any]) -> Iterator[str]:
    """Check that each compensation ran exactly once if the job's end asks for it, and else not at all."""
    due, undone = ledger.due[n], ledger.undone[n]
    owed = due if snapshot.state in KINDS[snapshot.kind].get("compensate_on", UNDOES) else 0
    if undone != owed:
        yield f"{undone} compensations ran, not {owed}"
    recorded = sum(entry.status in ("compensated", FailureCode.CLEANUP_FAILED) for entry in snapshot.history)
    if recorded != undone:
        yield f"{recorded} compensations are recorded, and {undone} ran"
    clean = undone == due and ledger.dirty[n] == CLEAN
    if snapshot.cancel is not None and ledger.dirty[n] != EITHER and snapshot.cancel.compensated != clean:
        yield "wrongly marked as compensated, or not"
