"""What a run has to have reached; a machine that never gets there proves nothing."""

from __future__ import annotations

from collections import Counter
from typing import Final

ALWAYS: Final = (
    *(f"verdict: {one}" for one in ("canceled", "canceling", "deferred", "refused")),
    *(f"verdict: {one}" for one in ("already_canceling", "already_terminal")),
    *(f"state: {one}" for one in ("succeeded", "partially_succeeded", "failed", "canceled")),
    *(f"cause: {one}" for one in ("user", "shutdown", "timeout", "parent")),
    *(f"failure: {one}" for one in ("HANDLER_ERROR", "TIMED_OUT", "FOREIGN_CANCEL", "EXPIRED")),
    *(f"cancel: {one}" for one in ("forced", "ignored", "compensated", "but succeeded")),
    *(f"error: {one}" for one in ("JobNotFoundError", "QueueFullError", "SchedulerClosedError", "StageActiveError")),
    *(f"fault: compensation {one}" for one in ("raises", "exits", "hangs", "leaks a cancellation")),
    *(f"fault: handler raises: {one}" for one in ("error", "exit", "generator_exit", "group", "leak")),
    *(f"fault: a cancellation meets: {one}" for one in ("returned", "raised")),
    *(f"fault: a watcher {one}" for one in ("raises", "is slow", "is abandoned")),
    *(f"fault: {one}" for one in ("a shield of its own", "a blocked thread", "a stage's time is over")),
    *(f"fault: {one}" for one in ("a waiter is cancelled", "the host raises", "the host cancelled")),
    *("children", "races", "shutdowns", "keys that led to an earlier job"),
)
"""What every run reaches, the short one too."""

IN_THE_LONG_RUN: Final = (
    "keys that were forgotten",
    *(f"cancel: {one}" for one in ("abandoned", "pierced", "stuck")),
    *(f"error: {one}" for one in ("DeadlockError", "IdempotencyConflictError", "UnknownStageError")),
    *(f"fault: a cancellation meets: {one}" for one in ("swallow", "partial", "group", "undo")),
)
"""What takes some thousand steps to be reached for certain."""


def missing(tally: Counter[str], *, short: bool) -> list[str]:
    return [name for name in (ALWAYS if short else (*ALWAYS, *IN_THE_LONG_RUN)) if not tally[name]]
