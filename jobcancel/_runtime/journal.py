"""What a scheduler's parts ask of its journal, and the journal of a scheduler without a store, which does nothing.

Every submit, cancel and end of a job takes the same path with a store and without one: the journal commits, or has
nothing to do. ``durable_journal`` has the implementation with a store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Generic, Protocol, TypeVar, TypeVarTuple, Unpack

from jobcancel._core.calls import Call
from jobcancel._core.decision import Cancellation, Verdict
from jobcancel._core.job import JobRecord
from jobcancel._core.packing import Settled
from jobcancel._core.specs import Stage
from jobcancel.errors import StoreError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Ts = TypeVarTuple("Ts")
J = TypeVar("J", bound=JobRecord)
J_contra = TypeVar("J_contra", bound=JobRecord, contravariant=True)


class Pending(Protocol[T_co]):
    """The result of a step that may have to be committed first."""

    async def answer(self) -> T_co:
        """Wait until the step is committed and applied, whatever cancels the caller meanwhile, and return its result.

        Raises:
            StoreError: It could not be committed; nothing has changed.
        """
        ...


class Journal(Protocol[J_contra]):
    """The journal of one scheduler.

    Attributes:
        commits: Whether anything is persisted at all.
        closed: Whether nothing is written any more.
    """

    commits: bool

    @property
    def closed(self) -> bool:
        """Whether nothing is written any more."""
        ...

    def begin(self) -> None:
        """Prepare for a session; to be called in the loop before anything else."""
        ...

    async def run(self) -> None:
        """Write what there is to write, until ``stop``; the session runs this as a task."""
        ...

    async def load(self) -> None:
        """Open the store and resume its jobs.

        Raises:
            StoreError: The store cannot be opened or read; it is closed again.
        """
        ...

    async def close(self) -> StoreError | None:
        """Write the rest and close the store; return why that failed, or None."""
        ...

    def stop(self) -> None:
        """End ``run``."""
        ...

    def plain_call(self, call: Call[T]) -> Call[T]:
        """Return a call with the arguments that the handler gets in every attempt.

        Raises:
            TypeError: An argument cannot be persisted.
        """
        ...

    def submit(self, job: J_contra) -> Pending[None]:
        """Persist a reserved job, then enter it in the table and start it."""
        ...

    def request(self, job: J_contra | Settled, request: Cancellation) -> Pending[Verdict]:
        """Persist a cancel request, then decide it and apply the decision."""
        ...

    def retain_for_restart(self, job: J_contra) -> bool:
        """End a job's attempt for a shutdown so that the next start resumes the job; False if that is not possible."""
        ...

    def commit_end(self, job: J_contra) -> None:
        """Persist the end of a job whose code has ended."""
        ...

    def is_current(self, job_id: str) -> bool:
        """Return whether all that is known of a job is committed, or cannot be while the store fails."""
        ...

    async def wait_current(self, job_id: str) -> None:
        """Wait until ``is_current``; a cancellation ends the wait."""
        ...

    async def wait_attempt(self, job_id: str) -> None:
        """Wait until the next commit of an uncommitted job has succeeded or failed; a cancellation ends the wait."""
        ...


class Persistence:
    """What one job persists beside its record: nothing. All jobs without a journal share one.

    Attributes:
        journaled: Whether the job's changes are written to a journal.
        stopping: Whether the scheduler shuts down and another attempt follows.
        stopped: Whether the job's scope was cancelled for that.
        detached: Whether the scheduler was left before the job settled: nothing more happens to it here.
        from_earlier_attempt: Whether an earlier attempt of the parent submitted the job.
        why_lost: Why no other attempt follows, if the job's process ended.
    """

    __slots__ = ()

    journaled: bool = False
    stopping: bool = False
    stopped: bool = False
    detached: bool = False
    from_earlier_attempt: bool = False
    why_lost: str = ""

    def changed(self) -> None:
        """Write a change of the job."""

    def begin(self, code: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """Return a coroutine that runs the job's code when it may begin."""
        return code

    async def commit_undos(self) -> None:
        """Wait until the compensations are committed, before they run."""

    async def before_child(self) -> None:
        """Raise the cancellation of an attempt that was stopped, before it submits a child."""

    async def before_stage(self, stage: Stage) -> None:
        """Do what has to be done before a stage begins."""

    def stage_not_entered(self) -> None:
        """Undo ``before_stage``."""

    def leaving_stage(self) -> None:
        """Note that the open stage ends."""

    async def run_stage(
        self,
        stage: Stage,  # noqa: ARG002
        entered: AbstractAsyncContextManager[None],
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        *args: *Ts,
    ) -> T:
        """Run a function as a stage and return its result, or the result that an earlier attempt persisted."""
        async with entered:
            return await fn(*args)


IN_MEMORY: Final = Persistence()


class Applied(Generic[T]):
    """A step that needed no commit; see ``Pending``."""

    __slots__ = ("_result",)

    def __init__(self, result: T) -> None:
        self._result = result

    async def answer(self) -> T:
        """Return the result, without a checkpoint."""
        return self._result


_DONE: Final = Applied[None](None)


class NoJournal(Generic[J]):
    """The journal of a scheduler without a store: every step is applied at once; see ``Journal``.

    Args:
        enter: Enters a reserved job in the table and starts it.
        cancel: Decides a request and applies the decision.
    """

    commits: bool = False
    closed: bool = False

    def __init__(self, enter: Callable[[J], None], cancel: Callable[[J, Cancellation], Verdict]) -> None:
        self._enter, self._cancel = enter, cancel

    def begin(self) -> None:
        """See ``Journal``."""

    async def run(self) -> None:
        """See ``Journal``."""

    async def load(self) -> None:
        """See ``Journal``."""

    async def close(self) -> StoreError | None:
        """See ``Journal``."""
        return None

    def stop(self) -> None:
        """See ``Journal``."""

    def plain_call(self, call: Call[T]) -> Call[T]:
        """See ``Journal``: arguments stay the host's own objects."""
        return call

    def submit(self, job: J) -> Pending[None]:
        """See ``Journal``."""
        self._enter(job)
        return _DONE

    def request(self, job: J | Settled, request: Cancellation) -> Pending[Verdict]:
        """See ``Journal``."""
        return Applied(job.verdict(request) if isinstance(job, Settled) else self._cancel(job, request))

    def retain_for_restart(self, job: J) -> bool:  # noqa: ARG002
        """See ``Journal``: there is no restart."""
        return False

    def commit_end(self, job: J) -> None:
        """See ``Journal``."""

    def is_current(self, job_id: str) -> bool:  # noqa: ARG002
        """See ``Journal``."""
        return True

    async def wait_current(self, job_id: str) -> None:
        """See ``Journal``."""

    async def wait_attempt(self, job_id: str) -> None:
        """See ``Journal``."""
