"""What a handler sees of its job, and a submitter of the one it submitted; protocols, for engines to offer too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, TypeVarTuple, Unpack, overload

if TYPE_CHECKING:
    from os import PathLike
    from subprocess import CompletedProcess

    # Checkers know this module without having it installed; Python 3.11's own TypeVar takes no default.
    from typing_extensions import TypeVar as TypeVarWithDefault

    from .calls import AnyCall, Call
    from .compensations import Undo
    from .decision import Verdict
    from .snapshot import Snapshot

    App_co = TypeVarWithDefault("App_co", covariant=True, default=Any)
else:
    App_co = TypeVar("App_co", covariant=True)

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class JobHandle(Protocol[R_co]):
    """The submitter's side of one job.

    Not awaitable: a job does not belong to the task that waits for it, and cancelling a wait never cancels the job.
    """

    @property
    def id(self) -> str:
        """The job's id."""
        ...

    @property
    def kind(self) -> str:
        """Its kind's name."""
        ...

    @property
    def created(self) -> bool:
        """False if an idempotency key led to a job that existed."""
        ...

    async def cancel(
        self, *, by: str | None = None, reason: str | None = None, defer: bool = False, force: bool = False
    ) -> Verdict:
        """Request a cancel; see ``JobService.cancel``."""
        ...

    async def wait(self, *, timeout_s: float | None = None) -> Snapshot[R_co]:
        """Wait until the job is settled or ``timeout_s`` seconds are over; see ``JobService.wait``."""
        ...

    async def result(self) -> R_co:
        """Wait until the job is settled and return its value; that of a partial success too.

        Raises:
            JobFailedError: It failed.
            JobCanceledError: It was canceled.
        """
        ...


class JobContext(Protocol[App_co]):
    """What a handler gets as its first argument.

    ``JobContext[Pools]`` says that ``app`` is a ``Pools``; a plain ``JobContext`` leaves it untyped. Kinds whose
    handlers take different types may be in one registry: the type is a promise of the host, which is not checked.

    ``progress``, ``note``, ``add_compensation`` and ``check_canceled`` may also be called from the threads of
    ``run_sync``; everything else belongs to the event loop.
    """

    @property
    def id(self) -> str:
        """The job's id."""
        ...

    @property
    def kind(self) -> str:
        """Its kind's name."""
        ...

    @property
    def attempt(self) -> int:
        """Which run of the handler this is, from 1."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels given at submit."""
        ...

    @property
    def app(self) -> App_co:
        """What the host gave the scheduler as ``app``: its pools, clients, settings."""
        ...

    @property
    def cancel_requested(self) -> bool:
        """Whether a cancel was accepted, delivered or held."""
        ...

    def stage(self, name: str) -> AbstractAsyncContextManager[None]:
        """Return the stage ``name`` to be entered with ``async with``.

        Entering is a checkpoint that delivers an accepted cancel first; so is leaving, when one was held. Stages do
        not nest; one may be entered again.

        Raises:
            UnknownStageError: A strict kind does not declare it (at once).
            StageActiveError: Another stage is open (on entering).
            StageUnavailableError: A cancel was accepted and cannot be delivered here (on entering).
            StageTimeoutError: The stage took longer than its ``timeout_s`` (on leaving).
        """
        ...

    async def run_stage(self, name: str, fn: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts) -> T:
        """Run ``await fn(*args)`` as the stage ``name`` and return its value.

        With a durable store, and a kind with ``on_restart="rerun"``, the value is persisted: a later attempt that comes
        to the same passage through the stage (its n-th ``run_stage`` of that name) gets the value, and nothing runs.

        Raises:
            TypeError: The value has to be persisted and is no plain data.
            ValueError: The value has to be persisted, and contains itself or is nested deeper than a hundred levels.
        """
        ...

    @overload
    def add_compensation(self, fn: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None: ...
    @overload
    def add_compensation(self, fn: str, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def add_compensation(self, fn: Undo) -> None: ...
    def add_compensation(self, fn: Callable[..., object] | str | Undo, *args: Any, **kwargs: Any) -> None:
        """Register an undo, run after the job's code has unwound if the job ends in a state of ``compensate_on``.

        The newest runs first. One that has to survive a restart is registered by name
        (``@registry.compensation("refund")``), with plain data as arguments.

        Args:
            fn: An async function, or a plain one, which runs in a thread; or the name of a compensation, or what
                calling a compensation gave.
            *args: Its arguments.
            **kwargs: Its arguments by keyword.

        Raises:
            StaleAttemptError: The job's code has ended.
            UnknownCompensationError: No compensation of that name is registered.
            TypeError: The arguments do not fit, or, of one by name, are no plain data.
        """
        ...

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Report the job's progress: ``done`` units of ``total``.

        Raises:
            StaleAttemptError: The job is settled.
            TypeError: ``done`` or ``total`` is no number, or ``message`` no string.
            ValueError: A number is negative or not finite.
        """
        ...

    def note(self, step: str, **details: object) -> None:
        """Add an entry to the job's history; ``details`` are plain data.

        Raises:
            StaleAttemptError: The job is settled.
            TypeError: The details are no plain data.
            ValueError: They contain themselves, or are nested deeper than a hundred levels.
        """
        ...

    @overload
    async def submit(self, call: Call[R], /, *, labels: Mapping[str, str] | None = None) -> JobHandle[R]: ...
    @overload
    async def submit(
        self, call: str, /, *args: Any, labels: Mapping[str, str] | None = None, **kwargs: Any
    ) -> JobHandle[Any]: ...
    async def submit(
        self, call: Call[Any] | str, /, *args: Any, labels: Mapping[str, str] | None = None, **kwargs: Any
    ) -> JobHandle[Any]:
        """Submit a child. It settles before this job does, and is canceled when this job's cancel is delivered.

        Children count against their kind's limit, never the scheduler's.

        Args:
            call: What calling a kind gave, or, for names that come from data, a kind's name.
            *args: With a name: the handler's arguments.
            labels: Strings by string, laid over this job's own.
            **kwargs: With a name: the handler's arguments by keyword.

        Raises:
            TypeError: It is no call of a kind (a kind that was not called, a coroutine), or the arguments do not fit.
            UnknownKindError: No kind has that name, or the call is of another registry's kind.
            MissingHandlerError: The kind has no handler.
            StageUnavailableError: A cancel was accepted and cannot be delivered here.
            DeadlockError: The child's kind has a limit and is among this job's own ancestors.
            QueueFullError: The child's kind has ``max_pending`` jobs waiting.
        """
        ...

    @overload
    async def batch(
        self, calls: Iterable[Call[R]], /, *, labels: Mapping[str, str] | None = None
    ) -> list[Snapshot[R]]: ...
    @overload
    async def batch(
        self, calls: Iterable[AnyCall], /, *, labels: Mapping[str, str] | None = None
    ) -> list[Snapshot[Any]]: ...
    async def batch(
        self, calls: Iterable[AnyCall], /, *, labels: Mapping[str, str] | None = None
    ) -> list[Snapshot[Any]]:
        """Submit one child a call, wait for all, and return them in the order of the calls.

        All children are submitted, or none. A child's failure does not raise. The job's progress rolls the children
        up.

        Args:
            calls: Each is what calling a kind gave, or a kind's name with the handler's arguments by position, as in
                ``("publish", "intro")``, or a name alone where the handler needs no arguments.
            labels: Strings by string, for each child, laid over this job's own.

        Raises:
            TypeError: Something among them is no call of a kind, or arguments do not fit.
            UnknownKindError: No kind has such a name, or a call is of another registry's kind.
            MissingHandlerError: A kind has no handler.
            StageUnavailableError: A cancel was accepted and cannot be delivered here.
            DeadlockError: A child's kind has a limit and is among this job's own ancestors.
            QueueFullError: The children do not fit into a kind's ``max_pending``.
        """
        ...

    async def run_sync(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """Run ``fn(*args)`` in a thread of the scheduler and return its value.

        A thread cannot be stopped: the job stays canceling until it ends, and its value is returned though a cancel
        was delivered meanwhile; the next checkpoint raises. ``check_canceled`` lets the thread stop itself.
        """
        ...

    def check_canceled(self) -> None:
        """Raise the cancellation, inside a thread of ``run_sync``, if one has been delivered."""
        ...

    async def run_process(
        self,
        cmd: str | bytes | Sequence[str | PathLike[str]],
        *,
        input: bytes | None = None,  # noqa: A002  # the name that subprocess.run gives it
        cwd: str | PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        on_line: Callable[[str], object] | None = None,
        kill_after_s: float = 5,
    ) -> CompletedProcess[bytes]:
        """Run a subprocess to its end, in a process group of its own.

        When the cancellation arrives the group gets SIGTERM, and SIGKILL after ``kill_after_s`` seconds; the process
        is reaped before the cancellation goes on.

        Args:
            cmd: A program and its arguments, or one string for the shell.
            input: Bytes for its standard input, which is closed after them; empty if None.
            cwd: Its working folder.
            env: Its environment, in place of this process's.
            check: Raise if it exits with a code other than 0.
            on_line: Called with every line of its output and errors as it comes, without the line's end.
            kill_after_s: Seconds between the polite request to end and the kill; ``inf`` for no kill without a force.

        Raises:
            TypeError: ``kill_after_s`` is no number; nothing was started.
            ValueError: ``kill_after_s`` is negative, ``nan``, or above a hundred years; nothing was started.
            subprocess.CalledProcessError: ``check`` is set and the exit code is not 0.
            OSError: It could not be started.
        """
        ...
