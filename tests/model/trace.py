"""What a trace of the model is made of: one entry for each thing that was asked, answered, entered, left or settled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple


class Entry(NamedTuple):
    """One thing that happened.

    Attributes:
        job: ``parent`` or ``child``.
        what: What happened, in one word.
        name: Of what: a stage, a compensation, an ending, an event; of ``asked`` the outcome.
        cause: Of ``asked``: who asks; of ``child``: who asked first for its cancel.
        defer: Of ``asked``: defer was given.
        force: Of ``asked``: force was given.
        dry: Of ``asked``: what the dry run had answered just before.
        recorded: Of ``asked``: whose request the record keeps afterwards, and its cause.
        changed: Of ``asked``: whether anything in the record differs afterwards.
        policy: Of ``entered``: the stage's policy.
        commits: Of ``entered``: whether it commits.
        raised: Of ``left``: an exception is leaving the stage already.
        release: Of ``left``: what becomes of a held cancel.
        state: Of ``moved`` and ``settled``: the state after it.
        code: Of ``settled``: the failure's code, if it is one.
        marked: Of ``settled``: the record says pierced; of ``gone``: it says compensated.
    """

    job: str
    what: str
    name: str = ""
    cause: str = ""
    defer: bool = False
    force: bool = False
    dry: str = ""
    recorded: str = ""
    changed: bool = False
    policy: str = ""
    commits: bool = False
    raised: bool = False
    release: str = ""
    state: str = ""
    code: str = ""
    marked: bool = False

    def __str__(self) -> str:
        facts = [f"{field}={value}" for field, value in zip(self._fields[3:], self[3:], strict=True) if value]
        return " ".join([f"{self.job:>6}: {self.what:<10} {self.name}", *facts]).rstrip()


class Seen(NamedTuple):
    """A job's trace, folded: what the entries so far say, and nothing that the job itself says.

    Attributes:
        policy: What a request meets now.
        stage: The open stage, or "".
        commits: Whether the open stage commits.
        state: ``pending``, ``running``, ``canceling`` or the terminal state; "" before it was submitted.
        cause: The cause of the first accepted request, or "".
        held: The cancel waits for the end of what shields the job.
        forced: A force was accepted.
        due: A stage was left under a held cancel; the next thing that happens to the job is its delivery.
        raises: And that delivery is raised there.
        delivered: The cancel was delivered.
        ended: How the handler ended, or "".
        pierced: A foreign cancellation came while a cancel was held.
        undo: What is registered and neither dropped nor undone, oldest first.
        undone: What was undone.
        child_canceled: A child ended canceled because of this job's cancel.
        settled: The terminal state was reached.
    """

    policy: str
    stage: str = ""
    commits: bool = False
    state: str = "pending"
    cause: str = ""
    held: bool = False
    forced: bool = False
    due: bool = False
    raises: bool = False
    delivered: bool = False
    ended: str = ""
    pierced: bool = False
    undo: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    child_canceled: bool = False
    settled: bool = False


ACCEPTING = ("canceled", "canceling", "deferred")
TERMINAL = ("succeeded", "partially_succeeded", "failed", "canceled")


def fold(seen: Seen, entry: Entry, between: str) -> Seen:
    """Return what is known after ``entry``; ``between`` is the kind's policy between stages."""
    learn = _LEARN.get(entry.what)
    seen = seen if learn is None else learn(seen, entry)
    return seen._replace(policy=between) if entry.what == "left" else seen


def _asked(seen: Seen, entry: Entry) -> Seen:
    if entry.name not in ACCEPTING or seen.settled:
        return seen
    forced = seen.forced or entry.force
    if seen.cause:
        return seen._replace(forced=forced, held=False)
    state = "canceled" if entry.name == "canceled" else "canceling"
    return seen._replace(state=state, cause=entry.cause, held=entry.name == "deferred", forced=forced)


def _entered(seen: Seen, entry: Entry) -> Seen:
    undo = () if entry.commits else seen.undo
    return seen._replace(stage=entry.name, policy=entry.policy, commits=entry.commits, undo=undo)


def _left(seen: Seen, entry: Entry) -> Seen:
    raises = seen.held and not entry.raised and not seen.commits
    return seen._replace(stage="", commits=False, due=seen.held, raises=raises)


_LEARN: Final[dict[str, Callable[[Seen, Entry], Seen]]] = {
    "submitted": lambda seen, _: seen._replace(state="pending"),
    "asked": _asked,
    "started": lambda seen, _: seen._replace(state="running"),
    "entered": _entered,
    "left": _left,
    "delivered": lambda seen, _: seen._replace(delivered=True, held=False, due=False),
    "torn": lambda seen, _: seen._replace(raises=False),
    "pierced": lambda seen, _: seen._replace(pierced=seen.held),
    "registered": lambda seen, entry: seen._replace(undo=(*seen.undo, entry.name)),
    "undone": lambda seen, entry: seen._replace(undo=seen.undo[:-1], undone=(*seen.undone, entry.name)),
    "ended": lambda seen, entry: seen._replace(ended=entry.name, policy="interrupt"),
    "child": lambda seen, entry: seen._replace(
        child_canceled=seen.child_canceled or (entry.name, entry.cause) == ("canceled", "parent")
    ),
    "settled": lambda seen, entry: seen._replace(settled=True, state=entry.state),
}
