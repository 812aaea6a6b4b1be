"""What ``import jobcancel`` offers; ``jobcancel`` itself loads this file when somebody asks for a name of it."""

from ._core.causes import CancelCause, Failure, FailureCode
from ._core.compensations import CompensationContext
from ._core.context import JobContext, JobHandle
from ._core.decision import Outcome, Verdict
from ._core.diagram import mermaid
from ._core.kinds import Call, Kind, Partial
from ._core.policies import OnCancel, OnGraceExpired, OnRestart
from ._core.progress import BatchProgress, Progress
from ._core.registry import Registry
from ._core.snapshot import CancelStatus, HistoryEntry, Page, Snapshot
from ._core.specs import Stage
from ._core.states import Event, JobState
from ._runtime.blocking import BlockingScheduler
from ._runtime.scheduler import Scheduler
from .abc import Clock, JobService, Store
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

__all__ = (
    "BatchProgress",
    "BlockingScheduler",
    "Call",
    "CancelCause",
    "CancelStatus",
    "Clock",
    "CompensationContext",
    "ContractDataError",
    "DeadlockError",
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
    "UnknownCompensationError",
    "UnknownKindError",
    "UnknownStageError",
    "Verdict",
    "WrongTaskError",
    "mermaid",
)
