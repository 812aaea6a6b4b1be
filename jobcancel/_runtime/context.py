"""The handler's side of a running job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from os import PathLike
from subprocess import CompletedProcess
from threading import get_ident
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, TypeVarTuple, Unpack, overload

from anyio import from_thread

from jobcancel._core.arguments import AMOUNT
from jobcancel._core.calls import AnyCall, Call
from jobcancel._core.compensations import AnyUndo, Undo, undo_of
from jobcancel._core.context import JobContext, JobHandle
from jobcancel._core.job import ProgressRecord
from jobcancel._core.plain import labels as plain_labels
from jobcancel._core.plain import plain, string, text
from jobcancel._core.submission import call_of, calls_of
from jobcancel.errors import StaleAttemptError

from .job import CURRENT, Job
from .processes import run_process
from .stage import StageScope
from .threads import run_in_thread

if TYPE_CHECKING:
    from jobcancel._core.snapshot import Snapshot

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class RunningJob:
    """A handler's first argument; see ``JobContext`` for its methods."""

    __slots__ = ("_job",)

    def __init__(self, job: Job) -> None:
        self._job = job

    def __repr__(self) -> str:
        return f"<job {self._job.id} ({self._job.spec.name}), {self._job.state}>"

    @property
    def id(self) -> str:
        """The job's id."""
        return self._job.id

    @property
    def kind(self) -> str:
        """Its kind's name."""
        return self._job.spec.name

    @property
    def attempt(self) -> int:
        """Which run of the handler this is, from 1."""
        return self._job.attempt

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels given at submit."""
        return dict(self._job.origin.labels or {})

    @property
    def app(self) -> Any:
        """What the host gave the scheduler."""
        return self._job.host.app

    @property
    def cancel_requested(self) -> bool:
        """Whether a cancel was accepted, be it delivered or held."""
        return self._job.cancel is not None

    def stage(self, name: str) -> StageScope:
        """Return a stage to be entered."""
        job = self._job
        if job.call is None:
            raise StaleAttemptError(job.id, job.attempt)
        return StageScope(job, job.call.kind.stage(job.id, name))

    async def run_stage(self, name: str, fn: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts) -> T:
        """Run an async function as a stage."""
        return await self.stage(name).run(fn, *args)

    @overload
    def add_compensation(self, fn: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None: ...
    @overload
    def add_compensation(self, fn: str, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def add_compensation(self, fn: Undo) -> None: ...
    def add_compensation(self, fn: Callable[..., object] | str | Undo, *args: Any, **kwargs: Any) -> None:
        """Register an undo. Code of an abandoned job may still do so: what it did has to be undone too."""
        undo = undo_of(self._job.host.registry.compensations, fn, args, kwargs)
        self._in_loop(partial(self._add_compensation, undo))

    def _add_compensation(self, undo: AnyUndo) -> None:
        job = self._job
        if job.code_ended:
            raise StaleAttemptError(job.id, job.attempt)
        job.register(undo)

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the job is."""
        done, message = AMOUNT.check(done, "done"), text(message, "message")
        if total is not None:
            total = AMOUNT.check(total, "total", "None if it is not known")
        self._in_loop(partial(self._progress, done, total, message))

    def _progress(self, done: float, total: float | None, message: str | None) -> None:
        job = self._writable()
        if job.progress is None:
            job.progress = ProgressRecord()
        job.progress.done, job.progress.total, job.progress.message = done, total, message
        if job.observed:
            job.changed()

    def note(self, step: str, **details: object) -> None:
        """Add an entry to the job's history."""
        copy = plain(details, "details") or None
        self._in_loop(partial(self._note, string(step, "step"), copy))

    def _note(self, step: str, details: dict[str, Any] | None) -> None:
        job = self._writable()
        job.note(step, job.host.now(), details=details)

    @overload
    async def submit(self, call: Call[R], /, *, labels: Mapping[str, str] | None = None) -> JobHandle[R]: ...
    @overload
    async def submit(
        self, call: str, /, *args: Any, labels: Mapping[str, str] | None = None, **kwargs: Any
    ) -> JobHandle[Any]: ...
    async def submit(
        self, call: Call[Any] | str, /, *args: Any, labels: Mapping[str, str] | None = None, **kwargs: Any
    ) -> JobHandle[Any]:
        """Submit a child."""
        host = self._job.host
        call = call_of(host.registry, call, args, kwargs)
        return await host.submit_child(self._job, call, plain_labels(labels))

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
        """Submit children and wait for all."""
        host = self._job.host
        return await host.run_batch(self._job, calls_of(host.registry, calls), plain_labels(labels))

    async def run_sync(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """Run a function in a thread."""
        return await run_in_thread(self._job, fn, *args)

    def check_canceled(self) -> None:
        """Raise a delivered cancellation inside a thread."""
        from_thread.check_cancelled()

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
        """Run a subprocess."""
        return await run_process(
            self._job, cmd, input=input, cwd=cwd, env=env, check=check, on_line=on_line, kill_after_s=kill_after_s
        )

    def _writable(self) -> Job:
        """Return the job, unless it is settled: a stale attempt can write nothing."""
        if self._job.settled is not None or self._job.code_ended:
            raise StaleAttemptError(self._job.id, self._job.attempt)
        return self._job

    def _in_loop(self, write: Callable[[], None]) -> None:
        """Call ``write`` in the loop's thread, also from a thread of ``run_sync``."""
        if get_ident() == self._job.host.thread:
            write()
        else:
            from_thread.run_sync(write)


def current_job() -> JobContext[Any] | None:
    """Return the context of the job whose code calls this, or None outside of any job's code.

    A job's code is its handler and what that calls, in tasks and threads too that inherit the handler's context
    variables: those of task groups, ``asyncio.create_task`` and ``job.run_sync``. When the handler has ended there is
    no code of the job any more: a compensation gets None, and so does a task that outlives the handler.
    """
    job = CURRENT.get()
    return None if job is None or job.code_ended else RunningJob(job)
