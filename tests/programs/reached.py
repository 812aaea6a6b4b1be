"""What a long run has to have reached: an oracle that never sees a thing proves nothing of it."""

from __future__ import annotations

from collections import Counter
from typing import Final

from .conductor import CALLERS
from .generate import STORES
from .host import ASYNCIO_ENDINGS
from .play import BACKENDS
from .undos import FLAVORS
from .values import ERRORS, VALUES

POLICIES: Final = ("interrupt", "defer", "refuse")
OUTCOMES: Final = ("canceled", "canceling", "deferred", "refused", "already_canceling", "already_terminal")
REACTIONS: Final = ("swallow", "return", "wrap", "undo", "cleanup", "linger")

ALWAYS: Final = (
    *(f"verdict: {outcome}" for outcome in OUTCOMES),
    *(f"stage: {policy}" for policy in POLICIES),
    *(f"state: {state}" for state in ("succeeded", "partially_succeeded", "failed", "canceled")),
    *(f"cause: {cause}" for cause in ("user", "shutdown", "parent")),
    *("submit", "child", "batch", "thread", "can_cancel, then cancel", "cancel_many", "shutdown"),
)
"""What every run of a few hundred programs reaches."""

IN_THE_LONG_RUN: Final = (
    *ALWAYS,
    *(f"programs: {backend}, store {store}" for backend in BACKENDS for store in STORES),
    *(f"ending: {ending}" for ending in ASYNCIO_ENDINGS),
    *(f"caller: {caller}" for caller in CALLERS),
    *(f"stage: {policy}, commits" for policy in POLICIES),
    *(f"compensation: {flavor}" for flavor in FLAVORS),
    *(f"handler raises: {error}" for error in (*ERRORS, "leak", "mixed")),
    *(f"handler returns: {value}" for value in VALUES),
    *(f"a cancellation meets: {reaction}" for reaction in REACTIONS),
    *(f"own {what}" for what in ("shield", "scope cut", "task group", "gather")),
    *(f"cancel: {mark}" for mark in ("abandoned", "forced", "ignored", "pierced", "stuck")),
    *(f"bad number refused: {where}" for where in ("submit", "wait", "shutdown", "find")),
    *(f"error: {error}" for error in ("StageActiveError", "StageTimeoutError")),
    *(f"submit: {error}" for error in ("QueueFullError", "SchedulerClosedError", "StoreError")),
    *(f"failure: {code}" for code in ("HANDLER_ERROR", "TIMED_OUT", "FOREIGN_CANCEL", "EXPIRED", "WORKER_LOST")),
    *("cause: timeout", "wait in a job: DeadlockError", "shutdown in a job: DeadlockError", "a job cancels itself"),
    *("native cancel of a job's task", "the store fails for a while", "thread that checks", "a job runs again"),
    *("an onlooker is cancelled", "submit: the key's first job", "submit after the end is refused"),
)
"""What ten minutes reach, on all loops and stores."""


def missing(counts: Counter[str], *, short: bool) -> list[str]:
    return [name for name in (ALWAYS if short else IN_THE_LONG_RUN) if not counts[name]]
