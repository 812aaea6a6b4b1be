"""The policies of a kind, as enums; ``decision`` and the runtime carry them out."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias


class OnCancel(StrEnum):
    """What a user's cancel request meets. ``refuse`` defers requests of a shutdown, a timeout or a parent."""

    INTERRUPT = "interrupt"
    DEFER = "defer"
    REFUSE = "refuse"


OnCancelValue: TypeAlias = OnCancel | Literal["interrupt", "defer", "refuse"]
"""The policy, or its string: what an option takes, spelled out for checkers and editors."""


class OnGraceExpired(StrEnum):
    """What happens when a delivered cancel did not end the job within ``grace_s``.

    ``wait`` records the job as stuck and goes on waiting. ``force`` also opens the library's own shields (a
    subprocess is killed at once). ``abandon`` settles the job while its code still
    runs; its slot stays taken and its compensations wait until that code has really ended.
    """

    WAIT = "wait"
    FORCE = "force"
    ABANDON = "abandon"


OnGraceExpiredValue: TypeAlias = OnGraceExpired | Literal["wait", "force", "abandon"]
"""The policy, or its string."""


class OnRestart(StrEnum):
    """What happens to a job that was running when its process ended; without a store it has no effect.

    ``fail`` ends it ``WORKER_LOST``, with its compensations. ``rerun`` runs it again as the next attempt, with the
    results that ``run_stage`` gave; a shutdown is then no cancel. A job in, or past, a stage that commits is not run
    again blindly: it has failed.
    """

    FAIL = "fail"
    RERUN = "rerun"


OnRestartValue: TypeAlias = OnRestart | Literal["fail", "rerun"]
"""The policy, or its string."""


class CancelCause(StrEnum):
    """The cause of a cancel. Only a user's request can be refused."""

    USER = "user"
    SHUTDOWN = "shutdown"
    TIMEOUT = "timeout"
    PARENT = "parent"


class FailureCode(StrEnum):
    """Why a job failed.

    ``CLEANUP_FAILED`` never ends a job: it marks a compensation in the history that raised or overran.
    ``WORKER_LOST`` is given by a durable store's recovery.
    """

    HANDLER_ERROR = "HANDLER_ERROR"
    TIMED_OUT = "TIMED_OUT"
    FOREIGN_CANCEL = "FOREIGN_CANCEL"
    WORKER_LOST = "WORKER_LOST"
    EXPIRED = "EXPIRED"
    CLEANUP_FAILED = "CLEANUP_FAILED"
