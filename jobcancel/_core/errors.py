"""Every error that jobcancel raises; ``jobcancel.errors`` draws the tree and is where a host imports them from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .snapshot import Snapshot
    from .states import Event, JobState


class JobCancelError(Exception):
    """Base of every error of this library; ``template`` is the message, a format string over the error's attributes."""

    template: str = ""

    def __str__(self) -> str:
        return self.template.format(self=self) if self.template else super().__str__()


class RegistrationError(JobCancelError):
    """A kind or a handler cannot be registered as asked; the registry is unchanged."""


class _DataError(JobCancelError, ValueError):
    """A value in data is not allowed.

    Attributes:
        path: Where in the data, as in ``kinds.ingest.stages[2].on_cancel``.
        value: The value there.
        allowed: What is allowed there, in words.
    """

    template: str = "{self.path}: {self.value!r} is not allowed here; allowed: {self.allowed}"

    def __init__(self, path: str, value: object, allowed: str) -> None:
        super().__init__(path, value, allowed)
        self.path: str = path
        self.value: object = value
        self.allowed: str = allowed

    def __str__(self) -> str:
        try:
            return super().__str__()
        except (ValueError, RecursionError):  # an int too long to be written, or what is nested too deep
            return f"{self.path}: what stands there is not allowed; allowed: {self.allowed}"


class KindDataError(_DataError, RegistrationError):
    """Kinds declared as data are wrong."""


class ContractDataError(_DataError):
    """A contract cannot be loaded as asked: its data are wrong, or there is no such contract, file or variant."""


class UnknownKindError(JobCancelError):
    """No kind of that name is registered, or it is another registry's.

    Attributes:
        kind: The name.
        known: The names of the registry's kinds.
        foreign: Whether a kind of another registry was called.
    """

    template: str = "{self.problem}; registered: {self.listed}"

    def __init__(self, kind: str, known: tuple[str, ...], foreign: bool = False) -> None:
        super().__init__(kind, known, foreign)
        self.kind: str = kind
        self.known: tuple[str, ...] = known
        self.foreign: bool = foreign

    @property
    def problem(self) -> str:
        """What is wrong, in words."""
        if not self.foreign:
            return f"no kind is named {self.kind!r}"
        return (
            f"kind {self.kind!r} is of another registry than the scheduler's; "
            "call a kind of the registry that the scheduler was made with"
        )

    @property
    def listed(self) -> str:
        """The registered names, in words."""
        return ", ".join(sorted(self.known)) or "none"


class UnknownCompensationError(JobCancelError):
    """No compensation of that name is registered."""

    template: str = (
        "no compensation is named {self.name!r}; registered: {self.listed}; "
        "register it with @registry.compensation({self.name!r})"
    )

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name: str = name
        self.known: tuple[str, ...] = known

    @property
    def listed(self) -> str:
        """The registered names, in words."""
        return ", ".join(sorted(self.known)) or "none"


class MissingHandlerError(JobCancelError):
    """The kind was declared from data and no handler was registered for it."""

    template: str = "kind {self.kind!r} has no handler; register one with @registry.handler({self.kind!r})"

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind: str = kind


class JobNotFoundError(JobCancelError):
    """No job of that id: never submitted, past its retention, or another owner's."""

    template: str = "job {self.job_id} not found: unknown id, another owner's, or past its retention"

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id: str = job_id


class QueueFullError(JobCancelError):
    """The kind already has ``max_pending`` jobs waiting; nothing was submitted."""

    template: str = "kind {self.kind!r} has {self.max_pending} jobs pending, its max_pending; submit again later"

    def __init__(self, kind: str, max_pending: int) -> None:
        super().__init__(kind, max_pending)
        self.kind: str = kind
        self.max_pending: int = max_pending


class IdempotencyConflictError(JobCancelError):
    """The idempotency key belongs to an earlier job with other arguments; nothing was submitted."""

    template: str = (
        "key {self.key!r} was used for job {self.job_id} of kind {self.kind!r} with other arguments; "
        "use a new key for a new job"
    )

    def __init__(self, key: str, kind: str, job_id: str) -> None:
        super().__init__(key, kind, job_id)
        self.key: str = key
        self.kind: str = kind
        self.job_id: str = job_id


class SchedulerClosedError(JobCancelError):
    """The scheduler takes no call of this sort: it is not entered, shuts down, or has closed."""

    template: str = (
        "cannot {self.wanted}: the scheduler is not running, or shuts down; use it inside `async with scheduler:`"
    )

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted: str = wanted


class WrongTaskError(JobCancelError):
    """A scheduler was left by another task than the one that entered it."""

    template: str = "enter and leave a scheduler in one task: keep `async with scheduler:` inside one coroutine"


class DeadlockError(JobCancelError):
    """A job would wait for itself or for a job that waits for it; ``wanted`` is what it asked for, in words."""

    template: str = "job {self.job_id} would wait for itself for ever: it may not {self.wanted}"

    def __init__(self, job_id: str, wanted: str) -> None:
        super().__init__(job_id, wanted)
        self.job_id: str = job_id
        self.wanted: str = wanted


class IllegalTransitionError(JobCancelError):
    """An event arrived that the job's state does not accept. It had no effect."""

    template: str = "job {self.job_id}: {self.event} is not legal in {self.state}"

    def __init__(self, job_id: str, state: JobState, event: Event) -> None:
        super().__init__(job_id, state, event)
        self.job_id: str = job_id
        self.state: JobState = state
        self.event: Event = event


class StageError(JobCancelError):
    """A stage was not entered."""

    def __init__(self, job_id: str, stage: str) -> None:
        super().__init__(job_id, stage)
        self.job_id: str = job_id
        self.stage: str = stage


class UnknownStageError(StageError):
    """A strict kind does not declare the stage."""

    template: str = (
        "job {self.job_id}: stage {self.stage!r} is not declared; declared: {self.listed} "
        "(or declare the kind with strict=False)"
    )

    def __init__(self, job_id: str, stage: str, declared: tuple[str, ...]) -> None:
        JobCancelError.__init__(self, job_id, stage, declared)
        self.job_id: str = job_id
        self.stage: str = stage
        self.declared: tuple[str, ...] = declared

    @property
    def listed(self) -> str:
        """The declared stages, in words."""
        return ", ".join(sorted(self.declared)) or "none"


class StageActiveError(StageError):
    """Another stage of the job is open. Stages do not nest."""

    template: str = "job {self.job_id}: stage {self.stage!r} cannot begin inside {self.active!r}; leave that one first"

    def __init__(self, job_id: str, stage: str, active: str) -> None:
        JobCancelError.__init__(self, job_id, stage, active)
        self.job_id: str = job_id
        self.stage: str = stage
        self.active: str = active


class StageUnavailableError(StageError):
    """A cancel was accepted and cannot be delivered here, under a shield of the job's own: nothing new begins."""

    template: str = "job {self.job_id} is being canceled: {self.stage!r} does not begin; let the cancellation out"


class StageNotReachedError(StageError):
    """A test's job settled, as ``snapshot``, without entering the stage in which it was to be canceled."""

    def __init__(self, job_id: str, stage: str, snapshot: Snapshot[Any]) -> None:
        JobCancelError.__init__(self, job_id, stage, snapshot)
        self.job_id: str = job_id
        self.stage: str = stage
        self.snapshot: Snapshot[Any] = snapshot

    def __str__(self) -> str:
        state, failure = self.snapshot.state, self.snapshot.failure
        how = f"{state}: {failure.code}: {failure.message}" if failure else state
        return f"job {self.job_id} never entered stage {self.stage!r}, so no cancel was requested; it ended {how}"


class StageTimeoutError(JobCancelError, TimeoutError):
    """A stage took longer than its ``timeout_s`` and was torn down."""

    template: str = "job {self.job_id}: stage {self.stage!r} took longer than its timeout_s={self.timeout_s:g}"

    def __init__(self, job_id: str, stage: str, timeout_s: float) -> None:
        JobCancelError.__init__(self, job_id, stage, timeout_s)  # past OSError, which would take three for its own
        self.job_id: str = job_id
        self.stage: str = stage
        self.timeout_s: float = timeout_s


class StaleAttemptError(JobCancelError):
    """Code of an ended or abandoned attempt tried to write to its job. Nothing was written."""

    template: str = "job {self.job_id}: attempt {self.attempt} is over and can write nothing more"

    def __init__(self, job_id: str, attempt: int) -> None:
        super().__init__(job_id, attempt)
        self.job_id: str = job_id
        self.attempt: int = attempt


class StoreError(JobCancelError):
    """The journal cannot be read or written. What was asked for was not done.

    Attributes:
        where: The journal, as its store names it.
        problem: What is wrong, and what to do, in words.
    """

    template: str = "journal {self.where}: {self.problem}"

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where: str = where
        self.problem: str = problem


class StoreInUseError(StoreError):
    """Another scheduler has the journal open; ``pid`` is its process, or None if that is unknown."""

    template: str = (
        "journal {self.where} is in use by process {self.pid}: one scheduler has a journal at a time; "
        "stop that one, or give this one another journal"
    )

    def __init__(self, where: str, pid: int | None = None) -> None:
        JobCancelError.__init__(self, where, pid)
        self.where: str = where
        self.problem: str = "in use"
        self.pid: int | None = pid


class StoreFormatError(StoreError):
    """The journal is a newer version's, is damaged, or is no journal at all; it was left as it is."""


class _EndedError(JobCancelError):
    """A job whose result was asked for did not succeed; ``snapshot`` is the settled job."""

    def __init__(self, snapshot: Snapshot[Any]) -> None:
        super().__init__(snapshot)
        self.snapshot: Snapshot[Any] = snapshot


class JobFailedError(_EndedError):
    """The job failed; ``snapshot.failure`` says why."""

    def __str__(self) -> str:
        failure = self.snapshot.failure
        return f"job {self.snapshot.id} ({self.snapshot.kind}) failed: " + (
            f"{failure.code}: {failure.message}" if failure else "no reason recorded"
        )


class JobCanceledError(_EndedError):
    """The job was canceled; ``snapshot.cancel`` says by whom and why."""

    def __str__(self) -> str:
        cancel = self.snapshot.cancel
        why = f" ({cancel.cause}{f': {cancel.reason}' if cancel.reason else ''})" if cancel else ""
        return f"job {self.snapshot.id} ({self.snapshot.kind}) was canceled{why}"
