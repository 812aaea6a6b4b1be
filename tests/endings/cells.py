"""The matrix as data: every ending of a host, by loop, by store, by what the jobs are doing."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING, Final

from attrs import frozen

from jobcancel import Registry

from .kinds import registry

if TYPE_CHECKING:
    from .scene import Scene

ASYNCIO: Final = ("asyncio", "uvloop")
LOOPS: Final = (*ASYNCIO, "trio")
STORES: Final = ("none", "memory", "sqlite")
# `watched` beside the five of the specification: a task and a thread wait for the job while the host ends.
SITUATIONS: Final = ("idle", "running", "refusing", "threaded", "undoing", "watched")
ALONE: Final = ("alone",)  # the ending brings its own jobs
CTRL_C: Final = (signal.SIGINT,)


class Jobs(StrEnum):
    """What an ending may do to the jobs."""

    LEFT = "left"  # the scheduler is left in order: every job ends by its policy
    PIERCED = "pierced"  # the loop cancels every task natively, the jobs' own too: what they were is recorded
    DROPPED = "dropped"  # the host never lets the scheduler leave: the process ends, and the next one recovers


@frozen
class Ending:
    """One way in which a host ends.

    Attributes:
        name: Its name on the command line.
        run: The host: returns, or raises, as its ``asyncio.run`` does.
        outcome: What comes out of that: ``returned`` or the exception's name; several where the moment decides.
        jobs: What it may do to the jobs.
        loops: Where it exists.
        stores: With which it exists.
        situations: What its jobs may be doing.
        signals: What the process gets once the host asks for its end.
        exit_code: Of the process, as ``os.waitstatus_to_exitcode`` gives it.
        quiet: Whether jobcancel has nothing to warn of.
        kinds: What its jobs are of, in the next life too.
        noise: What may stand on stderr, as regular expressions for whole lines: the loop's own complaints about a
            host that ends so.
        source: A public report of a library that did not survive it.
    """

    name: str
    run: Callable[[Scene], None]
    outcome: tuple[str, ...] = ("returned",)
    jobs: Jobs = Jobs.LEFT
    loops: tuple[str, ...] = LOOPS
    stores: tuple[str, ...] = STORES
    situations: tuple[str, ...] = SITUATIONS
    signals: tuple[signal.Signals, ...] = ()
    exit_code: int = 0
    quiet: bool = True
    kinds: Callable[[], Registry] = registry
    noise: tuple[str, ...] = ()
    source: str = ""


@frozen
class Cell:
    """One process of the matrix."""

    ending: Ending
    loop: str
    store: str
    situation: str

    def __str__(self) -> str:
        return f"{self.ending.name}/{self.loop}/{self.store}/{self.situation}"


def all_cells(endings: tuple[Ending, ...]) -> Iterator[Cell]:
    """Give every cell."""
    for ending in endings:
        for loop in ending.loops:
            for store in ending.stores:
                for situation in ending.situations:
                    yield Cell(ending, loop, store, situation)


def pairs(cell: Cell) -> set[tuple[object, ...]]:
    """Return what a cell combines: its ending with each other property, and these with each other, two at a time."""
    properties = (("ending", cell.ending.name), ("loop", cell.loop), ("store", cell.store), ("jobs", cell.situation))
    return set(combinations(properties, 2))


def pairwise_cells(endings: tuple[Ending, ...]) -> Iterator[Cell]:
    """Give a fixed selection that has every pair of properties that any cell has.

    Of cells with as many new pairs, it takes one whose loop, store and jobs were together least often, so that all of
    these threes have their turns too.
    """
    covered: set[tuple[object, ...]] = set()
    together: Counter[tuple[str, str, str]] = Counter()
    for ending in endings:
        cells = list(all_cells((ending,)))
        missing = set[tuple[object, ...]]().union(*map(pairs, cells)) - covered
        while missing:
            gains = [(len(pairs(each) & missing), -together[_three(each)]) for each in cells]
            cell = cells[gains.index(max(gains))]
            yield cell
            missing -= pairs(cell)
            covered |= pairs(cell)
            together[_three(cell)] += 1


def _three(cell: Cell) -> tuple[str, str, str]:
    return cell.loop, cell.store, cell.situation
