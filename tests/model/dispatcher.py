"""The runtime's part in what happens to a job from outside, and after its code has ended: without a loop.

Between two steps anything else may happen; within a step nothing, as within the runtime between two awaits.
"""

from __future__ import annotations

from typing import NamedTuple

from jobcancel._core.decision import Cancellation, Outcome
from jobcancel._core.endings import Ending, Failure
from jobcancel._core.job import Release
from jobcancel._core.policies import CancelCause
from jobcancel._core.states import Event
from jobcancel.errors import IllegalTransitionError

from .sim import NOW, Code, Sim
from .trace import Entry, Seen

RETURNED = (Ending.RETURNED, Ending.PARTIAL)


class Ask(NamedTuple):
    """A request."""

    cause: CancelCause
    defer: bool = False
    force: bool = False

    def __str__(self) -> str:
        return " ".join([self.cause, *["defer"] * self.defer, *["force"] * self.force])


class Dispatcher:
    """A parent and its child, and what the runtime does with them.

    Attributes:
        parent: The parent.
        child: Its child, once it has one.
        seen: What their traces say.
        entries: What happened in the last step.
    """

    parent: Sim
    child: Sim | None
    seen: dict[str, Seen]
    entries: list[Entry]

    def ask(self, job: Sim, ask: Ask) -> None:
        cause, defer, force = ask
        by = "a later one" if self.seen[job.role].cause else "the first"
        request = Cancellation(cause, by=by, defer=defer, force=force)
        before, place = job.facts(), len(self.entries)
        dry = job.verdict(request)
        verdict = job.request_cancel(request, NOW)
        recorded = "" if job.cancel is None else f"{job.cancel.by}, {job.cancel.cause}"
        self.entries.insert(
            place,
            Entry(
                job.role,
                "asked",
                verdict.outcome,
                cause,
                defer,
                force,
                dry.outcome,
                recorded,
                changed=job.facts() != before,
            ),
        )
        if verdict.outcome is Outcome.CANCELING:
            if job.started is not None:
                job.queued = True
            elif job.ending_without_code is None:
                job.ending_without_code = Ending.UNWOUND
        elif verdict.outcome is Outcome.CANCELED:
            self.settled(job)
            self.gone(job)

    def flush(self, job: Sim) -> None:
        job.queued = False
        self.deliver(job)

    def deliver(self, job: Sim) -> None:
        if job.settled is not None or not job.deliver(NOW):
            return
        job.record("delivered")
        job.cut = job.code in (Code.RUNNING, Code.UNWINDING)
        self.cancel_child(job)

    def cancel_child(self, job: Sim) -> None:
        child = self.child
        if job is self.parent and child is not None and child.settled is None:
            self.ask(child, Ask(CancelCause.PARENT))

    def start(self, job: Sim) -> None:
        job.apply(Event.STARTED, NOW)
        job.record("started")

    def expire(self, job: Sim) -> None:
        if job.undo and job.compensates(Event.FAILED):
            job.ending_without_code = Ending.EXPIRED
        else:
            job.record("ended", Ending.EXPIRED)
            self.settle(job, *job.ending(Ending.EXPIRED))
            self.gone(job)

    def abandon(self, job: Sim) -> None:
        if job.stage is not None:
            self.leave_stage(job, raised=True)
        self.settle(job, *job.ending(Ending.ABANDONED), name=Ending.ABANDONED)

    def late(self, job: Sim, event: Event) -> None:
        try:
            job.apply(event, NOW)
        except IllegalTransitionError:
            job.record("too late", event)

    def checkpoint(self, job: Sim) -> None:
        job.code = Code.UNWINDING
        job.record("torn")

    def leave_stage(self, job: Sim, *, raised: bool) -> None:
        name = job.stage_name or ""
        release = job.leave_stage("failed" if raised else "done", NOW, raised=raised)
        self.entries.append(Entry(job.role, "left", name, raised=raised, release=release.name.lower()))
        if release is not Release.NOTHING:
            self.deliver(job)
            if release is Release.RAISE:
                self.checkpoint(job)

    def end_code(self, job: Sim, ending: Ending) -> None:
        job.code, job.end, job.code_ended = Code.ENDED, ending, True
        job.record("ended", ending)
        if job is self.parent and job.cancel is not None and job.cancel.held and self.child and not self.child.settled:
            self.deliver(job)
        if ending not in RETURNED:
            self.cancel_child(job)

    def conclude(self, job: Sim) -> None:
        assert isinstance(job.end, Ending)
        event, failure = job.ending(job.end)
        job.end = event, failure
        job.code = Code.UNDOING
        if job.undo and job.compensates(event):
            job.record("undone", job.undo[-1])
        else:
            self.over(job)

    def undo(self, job: Sim) -> None:
        undos = job.undo or []
        undos.pop()  # it has run; requests that came meanwhile met it as something to undo
        if undos:
            job.record("undone", undos[-1])
        else:
            self.over(job)

    def over(self, job: Sim) -> None:
        if job.cancel is not None:
            job.cancel.compensated = not job.undo
        if job.settled is None and isinstance(job.end, tuple):
            self.settle(job, *job.end)
        self.gone(job)

    def settle(self, job: Sim, event: Event, failure: Failure | None, name: str = "") -> None:
        job.failure = failure
        job.apply(event, NOW)
        self.settled(job, name)

    def settled(self, job: Sim, name: str = "") -> None:
        code = "" if job.failure is None else job.failure.code
        pierced = job.cancel is not None and job.cancel.pierced
        self.entries.append(Entry(job.role, "settled", name, state=job.state, code=code, marked=pierced))
        if job is self.child:
            cause = "" if job.cancel is None else str(job.cancel.cause)
            self.parent.children_canceled += job.state == "canceled" and cause == "parent"
            self.entries.append(Entry(self.parent.role, "child", job.state, cause=cause))

    def gone(self, job: Sim) -> None:
        job.code = Code.GONE
        undone = job.cancel is not None and job.cancel.compensated
        self.entries.append(Entry(job.role, "gone", marked=undone))
