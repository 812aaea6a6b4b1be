"""Breadth first through every interleaving, to a depth; the first violation found is one of the shortest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, product
from typing import NamedTuple

from attrs import Factory, define

from jobcancel._core.policies import OnCancel

from .invariants import ANY, INVARIANTS
from .moves import moves
from .trace import Entry
from .world import Action, World


class Path(NamedTuple):
    """How a state was first reached: the newest action, and the way to where it was taken."""

    before: Path | None
    action: Action


Start = tuple[Path | None, World]
UNDER_WAY: tuple[Action, ...] = (
    ("parent", "start", None),
    ("parent", "begin", None),
    ("parent", "submit", None),
    ("child", "start", None),
    ("child", "begin", None),
)


@define
class Violation:
    """What does not hold, and the shortest way there.

    Attributes:
        broken: The invariant, in its own words.
        start: How the job was submitted.
        trace: Each step's action and what it led to.
    """

    broken: str
    start: str
    trace: list[tuple[Action, list[Entry]]]


@define
class Report:
    """What a search saw.

    Attributes:
        states: Distinct states.
        steps: Steps taken from them: each is the end of a trace that was checked.
        levels: New states at each depth, for each of the two searches.
        moved: How often each transition (state, event, next state) was seen.
        answered: How often each outcome was.
        violation: What does not hold, or None.
    """

    states: int = 0
    steps: int = 0
    levels: list[list[int]] = Factory(list[list[int]])
    moved: Counter[tuple[str, str, str]] = Factory(Counter[tuple[str, str, str]])
    answered: Counter[str] = Factory(Counter[str])
    violation: Violation | None = None


def submits() -> list[Start]:
    """Return a submitted parent of each policy between stages, with a compensation given at submit and without."""
    return [(None, World(between, undo=undo)) for between, undo in product(OnCancel, (False, True))]


def under_way() -> list[Start]:
    """Return a parent whose child runs: from there a search soon reaches the ends of both."""
    world = World(OnCancel.INTERRUPT, undo=True)
    path: Path | None = None
    for action in UNDER_WAY:
        _step(world, action)
        path = Path(path, action)
    return [(path, world)]


def search(depth: int) -> Report:
    """Explore every interleaving of at most ``depth`` steps, from the submit and then from where a child runs."""
    report, states = Report(), set[object]()
    for starts in (submits(), under_way()):
        states |= _explore(starts, depth, report)
    report.states = len(states)
    return report


def _explore(level: list[Start], depth: int, report: Report) -> set[object]:
    known: set[object] = {world.identity() for _, world in level}
    sizes = [len(level)]
    report.levels.append(sizes)
    while len(sizes) <= depth and report.violation is None:
        level = list(_next_level(level, known, report))
        sizes.append(len(level))
    return known


def _next_level(level: list[Start], known: set[object], report: Report) -> Iterator[Start]:
    for path, world in level:
        for action in moves(world):
            after = world if world.stays(action) else world.twin()
            states = {"parent": str(world.parent.state), "child": "" if world.child is None else str(world.child.state)}
            broken = _step(after, action)
            report.steps += 1
            _count(report, states, after.entries)
            if broken:
                report.violation = _violation(broken, Path(path, action), after)
                return
            if after is not world and (identity := after.identity()) not in known:
                known.add(identity)
                yield Path(path, action), after


def _step(world: World, action: Action) -> str:
    """Let ``action`` happen; return which invariant that breaks, or ""."""
    try:
        entries = world.perform(action)
    except Exception as error:  # the core may not refuse this action in any of these states
        return f"the core raised {type(error).__name__}: {error}"
    for entry in entries:
        seen, other = world.seen[entry.job], world.seen["child" if entry.job == "parent" else "parent"]
        for name, holds in chain(INVARIANTS.get(entry.what, ()), INVARIANTS[ANY]):
            if not holds(entry, seen, other):
                return name.replace("_", " ")
        world.note(entry)
    return ""


def _count(report: Report, states: dict[str, str], entries: list[Entry]) -> None:
    for entry in entries:
        if entry.what == "moved":
            report.moved[states[entry.job] or "pending", entry.name, entry.state] += 1
            states[entry.job] = entry.state
        elif entry.what == "asked":
            report.answered[entry.name] += 1


def _violation(broken: str, path: Path | None, end: World) -> Violation:
    actions: list[Action] = []
    while path is not None:
        actions.append(path.action)
        path = path.before
    between, undo = end.origin
    world = World(between, undo=undo)
    trace: list[tuple[Action, list[Entry]]] = []
    for action in reversed(actions):
        _step(world, action)
        trace.append((action, list(world.entries)))
    return Violation(broken, f"{between} between stages{', a compensation given at submit' if undo else ''}", trace)
