"""A live job whose every change is journaled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, cast

from anyio.lowlevel import checkpoint_if_cancelled

from jobcancel._core.calls import Call
from jobcancel._core.decision import shutdown_request
from jobcancel._core.endings import Ending, Failure
from jobcancel._core.journal import JobJournal
from jobcancel._core.policies import OnCancel, OnRestart
from jobcancel._core.states import Event
from jobcancel.errors import StageUnavailableError, StoreError

from .job import Job
from .journal import Journal
from .ticket import Ticket

_LEFT: Final = frozenset({"done", "failed", "timed_out", "canceled", "interrupted"})  # how a stage that began ended


class DurableJob(Job):
    """A live job of a scheduler with a store.

    Attributes:
        pages: What the journal says of it.
        journal: Where its changes go.
        limbo: Whether its submit is not yet kept: nobody has been told of it, and it does not start.
        admitted: Whether it got its slot while in limbo.
        unwanted: Whether its parent's children were canceled while in limbo.
        results: What ``run_stage`` gave in earlier attempts, by stage and passage.
        passages: How often this attempt has come through ``run_stage``, by stage.
        stopping: Whether the scheduler shuts down and another attempt follows.
        stopped: Whether its scope was cancelled for that.
        parted: Whether the scheduler was left before it settled: here nothing more will happen to it.
        lost: Why no other attempt follows, if its process ended.
        former: Whether an attempt of its parent had submitted it that is over: it says nothing of the next.
    """

    __slots__ = (
        "admitted",
        "former",
        "journal",
        "limbo",
        "lost",
        "pages",
        "parted",
        "passages",
        "results",
        "stopped",
        "stopping",
        "unwanted",
    )

    def __init__(self, *args: Any) -> None:
        Job.__init__(self, *args)
        self.limbo = self.admitted = self.unwanted = False
        self.stopping = self.stopped = self.parted = self.former = False
        self.lost: str = ""
        self.passages: dict[str, int] = {}
        self.results: dict[tuple[str, int], Any] = {}
        self.pages: JobJournal
        self.journal: Journal

    def keep(self, journal: Journal, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Have every change written from now on.

        Args:
            journal: Where.
            args: The handler's arguments, plain data.
            kwargs: Those by keyword.
        """
        timeout_s = None if self.timeout_s == self.spec.timeout_s else self.timeout_s
        self.pages = JobJournal(self, args, kwargs, timeout_s)
        if self.call is not None and self.spec.on_restart is OnRestart.FAIL:
            self.call = OnceCall(self.call, self)
        self.journal, self.heard = journal, True

    def changed(self) -> None:
        """Have a change journaled, stop the code if that waited for a stage's end, and tell everyone who watches."""
        self.journal.write(self.pages)
        if self.stopping and not self.stopped:
            self.stop_code()
        Job.changed(self)

    def stop(self) -> None:
        """Stop the attempt, so that another can follow: at once, or when the stage that shields it ends."""
        self.stopping = True
        if self.scope is None:
            self.doomed = self.doomed or Ending.INTERRUPTED  # its code has not begun
        else:
            self.stop_code()

    def stop_code(self, *, entering: bool = False) -> None:
        """Cancel the scope so that another attempt can follow, unless a stage or a policy shields the code now.

        A stage that commits is let finish, since it could not begin again; with it another attempt may have become
        impossible.

        Args:
            entering: The code is about to begin a stage: what shields it between two stages ends here.
        """
        over = self.code_ended and not self.children
        commits = self.stage is not None and self.stage.commits
        shielded = commits or self.on_cancel is not OnCancel.INTERRUPT
        if self.cancel is not None or over or (shielded and not (entering and self.stage is None)):
            return
        if self.committed:
            self.kernel.cancel(self, shutdown_request())
        else:
            self.stopped = True
            self.kernel.loop.soon(self.cut)

    @property
    def committed(self) -> str:
        """The stage that commits and would begin again in another attempt, since its result was not kept; or ''."""
        kept = Counter(stage for stage, _, _ in self.pages.results)
        begun = Counter(step for step, _, _, status, _ in self.history or () if status in _LEFT)
        stages = (stage.name for stage in self.spec.stages if stage.commits)
        return next((name for name in stages if begun[name] > kept[name]), "")

    def ending(
        self, ending: Ending, message: str = "", details: dict[str, Any] | None = None
    ) -> tuple[Event, Failure | None]:
        """Return what the end of the code means for the job: code that unwound since it was stopped begins again."""
        if self.stopped and self.cancel is None:
            cut_short = ending in (Ending.RETURNED, Ending.PARTIAL) and self.children_canceled
            if ending is Ending.UNWOUND or cut_short:
                ending = Ending.INTERRUPTED
        return Job.ending(self, ending, message, details)

    def cancel_for(self, parent: Job) -> None:
        """Ask for a cancel because the parent's children are canceled, now or when the submit is kept."""
        if self.limbo:
            self.unwanted = True
        else:
            Job.cancel_for(self, parent)

    def release(self, child: Job) -> None:
        """Let go of a child that has settled, and count how it ended."""
        counted = self.children_canceled
        Job.release(self, child)
        if durable(child).former:
            self.children_canceled = counted

    async def stop_first(self, wanted: str, *, stage: bool = True) -> None:
        """Let nothing new begin in an attempt that was stopped for the next one, and no stage once it is to stop."""
        if stage and self.stopping and not self.stopped:
            self.stop_code(entering=True)
        if self.stopped and self.cancel is None:
            self.cut()
            await checkpoint_if_cancelled()
            raise StageUnavailableError(self.id, wanted)

    async def keep_undos(self) -> None:
        """Let the compensations be kept before they run: after a crash no other one shall get a token again."""
        with suppress(StoreError):  # a broken disk shall not keep anything from being undone
            await self.journal.commit(self.id)

    def part(self) -> None:
        """Let it be, unsettled: its scheduler is left. Who waits for it hears of that."""
        self.parted = True
        self.disarm()
        self.wake()

    def cut(self) -> None:
        """Cancel the scope of code that was stopped, and its children; no effect if it ended or is canceled."""
        if self.cancel is None:
            if self.scope is not None and not self.code_ended:
                self.scope.cancel()
            self.kernel.deliveries.cancel_children(self)


class OnceCall(Call[Any]):
    """A call that must not begin twice: that it begins is kept before it does; a full disk is waited for."""

    __slots__ = ("_job",)

    def __init__(self, call: Call[Any], job: DurableJob) -> None:
        super().__init__(call.kind, cast("Any", call.kind.handler), call.args, call.kwargs)
        self._job = job

    def start(self, job: object) -> Coroutine[Any, Any, Any]:
        """Return the coroutine that begins when it may."""
        return self._begin(job)

    async def _begin(self, job: object) -> Any:
        live = self._job
        if not live.pages.says("starting") and live.pages.says("started") is None:
            await live.journal.promise(live.pages, Ticket[None](live.kernel, patient=True)).done()
            if live.cancel is not None and not live.cancel.held:
                live.kernel.deliveries.deliver(live)
                await checkpoint_if_cancelled()  # what the wait has let slip, so that the code does not begin
        begun: Coroutine[Any, Any, Any] = super().start(job)
        return await begun


def durable(job: Job) -> DurableJob:
    """Return a job of a durable scheduler as what it is."""
    return cast("DurableJob", job)
