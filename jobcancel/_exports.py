"""What ``import jobcancel`` offers; ``jobcancel`` itself loads this file when somebody asks for a name of it."""

from importlib import import_module
from typing import TYPE_CHECKING

from ._core.causes import CancelCause, Failure, FailureCode
from ._core.compensations import Compensation, CompensationContext, Undo
from ._core.context import JobContext, JobHandle
from ._core.decision import Outcome, Verdict
from ._core.kinds import Call, Kind, Partial
from ._core.policies import OnCancel, OnGraceExpired, OnRestart
from ._core.registry import Registry
from ._core.specs import Stage
from ._core.states import Event, JobState
from ._runtime.scheduler import Scheduler
from .abc import Clock, Entry, JobService, Store
from .errors import (
    ContractDataError,
    DeadlockError,
    IdempotencyConflictError,
    IllegalTransitionError,
    JobCanceledError,
    JobCancelError,
    JobFailedError,
    JobNotFoundError,
    KindDataError,
    MissingHandlerError,
    QueueFullError,
    RegistrationError,
    SchedulerClosedError,
    StageActiveError,
    StageError,
    StageNotReachedError,
    StageTimeoutError,
    StageUnavailableError,
    StaleAttemptError,
    StoreError,
    StoreFormatError,
    StoreInUseError,
    UnknownCompensationError,
    UnknownKindError,
    UnknownStageError,
    WrongTaskError,
)

if TYPE_CHECKING:
    from ._core.diagram import mermaid
    from ._core.snapshot import BatchProgress, CancelStatus, HistoryEntry, Page, Progress, Snapshot
    from ._runtime.blocking import BlockingScheduler
else:
    # What not everyone uses who imports a scheduler; the records that show a job take a third as long as all the rest.
    _LATER = {
        "._core.diagram": ("mermaid",),
        "._core.snapshot": ("BatchProgress", "CancelStatus", "HistoryEntry", "Page", "Progress", "Snapshot"),
        "._runtime.blocking": ("BlockingScheduler",),
    }

    def __getattr__(name: str) -> object:
        for home, names in _LATER.items():
            if name in names:
                return getattr(import_module(home, __package__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = (
    "BatchProgress",
    "BlockingScheduler",
    "Call",
    "CancelCause",
    "CancelStatus",
    "Clock",
    "Compensation",
    "CompensationContext",
    "ContractDataError",
    "DeadlockError",
    "Entry",
    "Event",
    "Failure",
    "FailureCode",
    "HistoryEntry",
    "IdempotencyConflictError",
    "IllegalTransitionError",
    "JobCancelError",
    "JobCanceledError",
    "JobContext",
    "JobFailedError",
    "JobHandle",
    "JobNotFoundError",
    "JobService",
    "JobState",
    "Kind",
    "KindDataError",
    "MissingHandlerError",
    "OnCancel",
    "OnGraceExpired",
    "OnRestart",
    "Outcome",
    "Page",
    "Partial",
    "Progress",
    "QueueFullError",
    "RegistrationError",
    "Registry",
    "Scheduler",
    "SchedulerClosedError",
    "Snapshot",
    "Stage",
    "StageActiveError",
    "StageError",
    "StageNotReachedError",
    "StageTimeoutError",
    "StageUnavailableError",
    "StaleAttemptError",
    "Store",
    "StoreError",
    "StoreFormatError",
    "StoreInUseError",
    "Undo",
    "UnknownCompensationError",
    "UnknownKindError",
    "UnknownStageError",
    "Verdict",
    "WrongTaskError",
    "mermaid",
)
