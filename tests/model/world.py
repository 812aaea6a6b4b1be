"""One state of the model: a parent and its child, what their code may do, and how a step is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobcancel._core.decision import Cancellation, Outcome
from jobcancel._core.endings import Ending
from jobcancel._core.policies import OnCancel
from jobcancel._core.specs import KindSpec, Stage
from jobcancel.errors import StageUnavailableError

from .dispatcher import Dispatcher
from .sim import NOW, Code, Sim
from .trace import Entry, Seen, fold

Action = tuple[str, str, Any]

STAGES = {
    name: Stage(name, on_cancel=policy, commits=name.endswith("_commit"))
    for policy in OnCancel
    for name in (policy.value, f"{policy.value}_commit")
}
SILENT = (Outcome.REFUSED, Outcome.ALREADY_CANCELING, Outcome.ALREADY_TERMINAL)


class World(Dispatcher):
    """The jobs, what their traces say, and what happened in the last step.

    Args:
        between: The parent's policy between stages.
        undo: Whether the parent was submitted with a compensation.
    """

    def __init__(self, between: OnCancel, *, undo: bool) -> None:
        self.entries: list[Entry] = []
        self.between, self.origin = between, (between, undo)
        undos = ("undo0",) if undo else ()
        self.parent = Sim("parent", KindSpec(name="parent", on_cancel=between), list(undos) or None, self.entries)
        self.child: Sim | None = None
        self.seen = {"parent": Seen(between, undo=undos), "child": Seen("interrupt", state="")}

    def twin(self) -> World:
        other = object.__new__(World)
        other.entries, other.between, other.origin, other.seen = [], self.between, self.origin, dict(self.seen)
        other.parent = self.parent.twin(other.entries)
        other.child = None if self.child is None else self.child.twin(other.entries)
        return other

    def identity(self) -> tuple[Any, ...]:
        """Return what distinguishes this state: the jobs, and as much of the traces as an invariant looks at."""
        child = None if self.child is None else self.child.identity()
        return (self.between, self.parent.identity(), child, *self.seen.values())

    def note(self, entry: Entry) -> None:
        """Take an entry into what is known of its job."""
        between = self.between if entry.job == "parent" else "interrupt"
        self.seen[entry.job] = fold(self.seen[entry.job], entry, between)

    def stays(self, action: Action) -> bool:
        """Whether ``action`` claims to change nothing, so that no copy is needed; if it does, that is a violation."""
        role, verb, argument = action
        job = self.parent if role == "parent" else self.child
        if verb != "ask" or job is None:
            return verb == "late"
        return job.verdict(Cancellation(argument.cause, defer=argument.defer, force=argument.force)).outcome in SILENT

    def perform(self, action: Action) -> list[Entry]:
        """Let one thing happen; return what it led to."""
        self.entries.clear()
        role, verb, argument = action
        job = self.parent if role == "parent" else self.child
        step: Callable[..., None] = getattr(self, verb)
        if argument is None:
            step(job)
        else:
            step(job, argument)
        return self.entries

    # What a job's code does.

    def begin(self, job: Sim) -> None:
        if job.ending_without_code is not None:
            self.end_code(job, job.ending_without_code)
        elif job.cancel is not None and not job.cancel.held:
            if job.deliver(NOW):
                job.record("delivered")
            self.end_code(job, Ending.UNWOUND)
        else:
            job.code = Code.RUNNING
            job.record("began")

    def enter(self, job: Sim, name: str) -> None:
        stage = STAGES[name]
        try:
            job.enter_stage(stage, NOW)
        except StageUnavailableError:
            self.deliver(job)
            self.checkpoint(job)
            return
        self.entries.append(Entry(job.role, "entered", name, policy=stage.on_cancel, commits=stage.commits))

    def leave(self, job: Sim) -> None:
        self.leave_stage(job, raised=job.code is Code.UNWINDING)

    def swallow(self, job: Sim) -> None:
        job.code = Code.RUNNING
        job.record("swallowed")

    def register(self, job: Sim) -> None:
        name = f"undo{job.registered}"
        job.registered += 1
        job.undo = [*(job.undo or ()), name]
        job.record("registered", name)

    def submit(self, job: Sim) -> None:
        if job.cancel is not None and not job.cancel.held:
            self.deliver(job)
            self.checkpoint(job)
        else:
            self.child = Sim("child", KindSpec(name="child"), None, self.entries)
            self.child.record("submitted")

    def finish(self, job: Sim, ending: Ending) -> None:
        if job.stage is not None:  # an exception leaves it on its way out
            self.leave_stage(job, raised=True)
        self.end_code(job, ending)

    def native(self, job: Sim) -> None:
        """A foreign cancellation pierces the shield."""
        job.record("pierced")
        if job.cancel is not None and job.cancel.held:
            job.cancel.pierced = True
        self.finish(job, Ending.FOREIGN)
