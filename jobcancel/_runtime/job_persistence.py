"""What a job with a journal persists beside its record, and how its attempts end and follow each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

from anyio.lowlevel import checkpoint_if_cancelled

from jobcancel._core.decision import shutdown_request
from jobcancel._core.endings import Ending
from jobcancel._core.journal import JobJournal
from jobcancel._core.plain import plain
from jobcancel._core.policies import OnCancel, OnRestart
from jobcancel._core.specs import Stage
from jobcancel.errors import StageUnavailableError, StoreError

from .job import Job
from .journal import Persistence
from .journal_writer import JournalWriter
from .stage import deliver_first

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_ENDS: Final = frozenset({"done", "failed", "timed_out", "canceled", "interrupted"})  # of a stage that began


class JobPersistence(JobJournal, Persistence):
    """What one job persists; see ``Persistence`` and ``JobJournal``.

    Attributes:
        stopping: Whether the scheduler shuts down and another attempt follows.
        stopped: Whether the job's scope was cancelled for that.
        detached: Whether the scheduler was left before the job settled: nothing more happens to it here.
        from_earlier_attempt: Whether an earlier attempt of the parent submitted the job.
        why_lost: Why no other attempt follows, if the job's process ended.
        kept_results: What ``run_stage`` returned in earlier attempts, by stage and passage.
        passages: How often this attempt has called ``run_stage``, by stage, less one.

    Args:
        job: The job.
        writer: Writes its changes.
        args: The handler's arguments, plain data.
        kwargs: Those by keyword.
    """

    __slots__ = (
        "_job",
        "_writer",
        "detached",
        "from_earlier_attempt",
        "kept_results",
        "passages",
        "stopped",
        "stopping",
        "why_lost",
    )

    journaled: bool = True

    def __init__(self, job: Job, writer: JournalWriter, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        timeout_s = None if job.timeout_s == job.spec.timeout_s else job.timeout_s
        JobJournal.__init__(self, job, args, kwargs, timeout_s)
        self._job, self._writer = job, writer
        self.stopping = self.stopped = self.detached = self.from_earlier_attempt = False
        self.why_lost: str = ""
        self.passages: dict[str, int] = {}
        self.kept_results: dict[tuple[str, int], Any] = {}

    def changed(self) -> None:
        """Write a change of the job, and stop the code if that waited for a stage's end."""
        self._writer.write(self)
        if self.stopping and not self.stopped:
            self._stop_code()

    def stop(self) -> None:
        """Stop the attempt, so that another can follow: at once, or when the stage that shields it ends."""
        self.stopping = True
        if self._job.scope is None:
            self._job.ending_without_code = (
                self._job.ending_without_code or Ending.INTERRUPTED
            )  # its code has not begun
        else:
            self._stop_code()

    def _stop_code(self, *, entering: bool = False) -> None:
        """Cancel the scope so that another attempt can follow, unless a stage or a policy shields the code now.

        A stage that commits may finish, since it cannot begin again; after it another attempt may be impossible.

        Args:
            entering: The code is about to begin a stage: the kind's policy between stages no longer applies.
        """
        job = self._job
        over = job.code_ended and not job.children
        commits = job.stage is not None and job.stage.commits
        shielded = commits or job.on_cancel is not OnCancel.INTERRUPT
        if job.cancel is not None or over or (shielded and not (entering and job.stage is None)):
            return
        if self.committed_stage:
            job.host.cancel(job, shutdown_request())
        else:
            self.stopped = True
            job.host.loop.soon(self._cut)

    def _cut(self) -> None:
        """Cancel the scope of stopped code, and its children; no effect if the job is canceled."""
        job = self._job
        if job.cancel is None:
            if job.scope is not None and not job.code_ended:
                job.scope.cancel()
            job.host.cancel_children(job)

    @property
    def committed_stage(self) -> str:
        """The stage that commits and would begin again in another attempt, since its result is not stored; or ''."""
        stored = Counter(stage for stage, _, _ in self.results)
        begun = Counter(step for step, _, _, status, _ in self._job.history or () if status in _ENDS)
        stages = (stage.name for stage in self._job.spec.stages if stage.commits)
        return next((name for name in stages if begun[name] > stored[name]), "")

    def detach(self) -> None:
        """Leave the job unsettled, since its scheduler is left, and wake its waiting tasks."""
        self.detached = True
        self._job.disarm()
        self._job.wake()

    def begin(self, code: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """Return a coroutine that runs the job's code; code that must not begin twice begins when that is committed."""
        return self._begin_once(code) if self._job.spec.on_restart is OnRestart.FAIL else code

    async def _begin_once(self, code: Coroutine[Any, Any, T]) -> T:
        try:
            await self._commit_start()
        except BaseException:
            code.close()
            raise
        return await code

    async def _commit_start(self) -> None:
        """Wait until it is committed that the code begins, also while the disk is full."""
        if self.committed("starting") or self.committed("started") is not None:
            return
        await self._writer.commit(self, patient=True).done()
        cancel = self._job.cancel
        if cancel is not None and not cancel.held:
            self._job.host.deliver(self._job)
            await checkpoint_if_cancelled()  # a cancel that came during the wait: the code does not begin

    async def commit_undos(self) -> None:
        """Wait until the compensations are committed: after a crash no other one may reuse its token."""
        with suppress(StoreError):  # compensations run although the disk is full
            await self._writer.commit_all(self._job.id)

    async def before_child(self) -> None:
        """Raise the cancellation of an attempt that was stopped, before it submits a child."""
        await self._raise_stop("a child")

    async def _raise_stop(self, wanted: str) -> None:
        if self.stopped and self._job.cancel is None:
            self._cut()
            await checkpoint_if_cancelled()
            raise StageUnavailableError(self._job.id, wanted)

    async def _before_stage(self, name: str) -> None:
        """Raise the cancellation of an attempt that is stopped, or that stops here."""
        if self.stopping and not self.stopped:
            self._stop_code(entering=True)
        await self._raise_stop(name)

    async def before_stage(self, stage: Stage) -> None:
        """Commit that a stage that commits begins, before it does: a crash must not make it begin again."""
        await self._before_stage(stage.name)
        if not stage.commits or self._job.cancel is not None or self._job.stage is not None:
            return
        self.committing = stage.name
        try:
            await self._commit_stage_start()
            await self._before_stage(stage.name)
        except BaseException:
            self.stage_not_entered()
            raise

    async def _commit_stage_start(self) -> None:
        """Wait until it is committed that the stage begins, also while the disk is full, and no request is undecided.

        A request in the same commit is decided before the stage begins, in this process and after a crash.
        """
        while True:
            await self._writer.commit(self, patient=True).done()
            if not self.requests and not self.committed("asked"):
                return

    def stage_not_entered(self) -> None:
        """Undo ``before_stage``."""
        if self.committing is not None and self._job.stage is None:
            self.committing = None
            self._writer.write(self)

    def leaving_stage(self) -> None:
        """Note that the open stage ends; written with its history entry."""
        self.committing = None

    async def run_stage(
        self,
        stage: Stage,
        entered: AbstractAsyncContextManager[None],
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        *args: *Ts,
    ) -> T:
        """Run a function as a stage and persist its result, or return the result that an earlier attempt persisted."""
        job, name = self._job, stage.name
        if job.spec.on_restart is not OnRestart.RERUN:
            return await Persistence.run_stage(self, stage, entered, fn, *args)
        passage = self.passages[name] = self.passages.get(name, -1) + 1
        if (name, passage) in self.kept_results:
            await self._before_stage(name)
            if job.cancel is not None:
                await deliver_first(job, name)
            job.log().append((name, job.host.now(), 0.0, "reused", None))
            job.changed()
            return plain(self.kept_results[name, passage], name)  # type: ignore[no-any-return]
        async with entered:
            value = await fn(*args)
            result = plain(value, f"the result of stage {name!r}, which is kept for later attempts,")
            self.results = [*self.results, (name, passage, result)]
        return plain(result, name)  # type: ignore[no-any-return]  # a copy: the job may change its own


def persistence_of(job: Job) -> JobPersistence:
    """Return the persistence of a job that has a journal."""
    assert isinstance(job.persistence, JobPersistence)  # noqa: S101  # for type checkers
    return job.persistence
