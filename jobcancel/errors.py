"""Every error that jobcancel raises, in one tree.

JobCancelError
 ├─ RegistrationError            a kind or handler that cannot be registered
 │   └─ KindDataError            (also ValueError) kinds declared as data: path, value, what is allowed
 ├─ ContractDataError            (also ValueError) a contract that cannot be loaded: path, value, what is allowed
 ├─ UnknownKindError             no kind of that name
 ├─ UnknownCompensationError     no compensation of that name
 ├─ MissingHandlerError          the kind was declared, its handler never registered
 ├─ JobNotFoundError             no job of that id, or not one of this owner's
 ├─ QueueFullError               the kind's ``max_pending`` is reached
 ├─ IdempotencyConflictError     the key was used before, with other arguments
 ├─ SchedulerClosedError         not entered yet, shutting down, or closed
 ├─ WrongTaskError               entered in one task, left in another
 ├─ DeadlockError                a job would wait for itself
 ├─ IllegalTransitionError       an event that the job's state does not accept; no effect
 ├─ StageError                   a stage that was not entered
 │   ├─ UnknownStageError        a strict kind does not declare it
 │   ├─ StageActiveError         another stage is open: stages do not nest
 │   ├─ StageUnavailableError    a cancel was accepted: nothing new begins
 │   └─ StageNotReachedError     a test's job ended without entering the stage in which it was to be canceled
 ├─ StageTimeoutError            (also TimeoutError) the stage's own ``timeout_s`` is over
 ├─ StaleAttemptError            code of an ended or abandoned attempt wants to write
 ├─ StoreError                   the journal cannot be read or written; nothing was applied
 │   ├─ StoreInUseError          another scheduler has it; carries that one's process id
 │   └─ StoreFormatError         a newer version's, damaged, or no journal at all
 ├─ JobFailedError               ``result()`` of a job that failed; carries the snapshot
 └─ JobCanceledError             ``result()`` of a job that was canceled; carries the snapshot

Bad arguments raise ``ValueError`` or ``TypeError`` as everywhere in Python. Every error keeps its facts as
attributes and survives pickling.
"""

from ._core.errors import (
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
    "ContractDataError",
    "DeadlockError",
    "IdempotencyConflictError",
    "IllegalTransitionError",
    "JobCancelError",
    "JobCanceledError",
    "JobFailedError",
    "JobNotFoundError",
    "KindDataError",
    "MissingHandlerError",
    "QueueFullError",
    "RegistrationError",
    "SchedulerClosedError",
    "StageActiveError",
    "StageError",
    "StageNotReachedError",
    "StageTimeoutError",
    "StageUnavailableError",
    "StaleAttemptError",
    "StoreError",
    "StoreFormatError",
    "StoreInUseError",
    "UnknownCompensationError",
    "UnknownKindError",
    "UnknownStageError",
    "WrongTaskError",
)

for _error in __all__:
    globals()[_error].__module__ = __name__  # where a host finds them: in tracebacks, and in pickles
