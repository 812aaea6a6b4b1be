"""What one job does and what is done to it, drawn from the run's seed and the job's number alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final, NamedTuple

KINDS: Final = (
    *("plain",) * 24,
    *("staged",) * 38,
    *("guarded",) * 4,
    *("limited",) * 7,
    *("timed",) * 5,
    *("abandoned",) * 2,
    *("abandoned_late",) * 1,
    *("forced",) * 2,
    *("stuck",) * 2,
    *("always",) * 4,
    *("keyed",) * 6,
    *("parent",) * 5,
)
STUBBORN: Final = ("abandoned", "abandoned_late", "forced", "stuck")
STAGES: Final = ("reading", "writing", "paying", "closing", "slow", "slow_paying")
PROCESS_EVERY: Final = 700  # one job in so many runs a subprocess
CHILD_KINDS: Final = ("child", "child", "child_limited")


class Step(NamedTuple):
    """One thing a handler does: what, for how long or how many, and which."""

    what: str
    length: int
    name: str = ""


class Act(NamedTuple):
    """One thing done to a job: what, and so many ticks after the last (0: a few turns of the loop)."""

    what: str
    ticks: int


class Plan:
    """A job.

    Attributes:
        n: Its number.
        kind: Its kind.
        steps: What its handler does.
        ending: What it does at last: ``return``, ``partial``, ``raise`` or ``foreign``.
        manner: What it does with a cancellation: ``pass``, ``swallow`` one, ``finish`` all the same, ``cleanup``,
            ``stubborn``, ``enter`` a stage under a shield, raise an ``error``.
        acts: What its client does.
        undos: Compensations given at submit.
        timeout_s: Its own timeout.
        owner: Its owner.
        key: Its idempotency key, of a few that come again and again.
    """

    __slots__ = ("acts", "ending", "key", "kind", "manner", "n", "owner", "steps", "timeout_s", "undos")

    def __init__(self, rng: Random, n: int, *, child: bool = False) -> None:
        self.n = n
        draw = rng.random
        below = partial(_below, draw)
        self.kind = CHILD_KINDS[below(3)] if child else KINDS[below(100)]
        self.ending = _ending(draw())
        self.manner = _manner(draw(), self.kind)
        self.steps = [_step(draw, self.kind) for _ in range(below(5))]
        self.timeout_s = 0.05 * (1 + below(20)) if draw() < 0.06 else None
        if n % PROCESS_EVERY == PROCESS_EVERY // 7 and not child:
            self.kind, self.timeout_s = "staged", 0.5
            self.steps = [Step("process", below(2))]
        elif self.kind == "parent":
            self.steps.insert(below(len(self.steps) + 1), Step("children", 1 + below(3), ("submit", "batch")[below(2)]))
        self.owner = f"o{below(40)}" if draw() < 0.4 else None
        self.key = f"k{below(20)}" if self.kind == "keyed" else None
        self.undos = 1 + below(2) if draw() < 0.12 else 0
        self.acts = _acts(draw)


def _below(draw: Callable[[], float], most: int) -> int:
    """Return an int from 0 to below ``most``; ``Random.randrange`` takes five times as long."""
    return int(draw() * most)


def _ending(drawn: float) -> str:
    if drawn < 0.89:
        return "return"
    if drawn < 0.95:
        return "partial"
    return "raise" if drawn < 0.99 else "foreign"


def _manner(drawn: float, kind: str) -> str:
    if kind in STUBBORN and drawn < 0.8:
        return "stubborn"
    for manner, share in (("swallow", 0.1), ("finish", 0.2), ("cleanup", 0.3), ("enter", 0.36), ("error", 0.42)):
        if drawn < share:
            return manner
    return "pass"


_STEPS: Final = (("walk", 0.15), ("pause", 0.25), ("undo", 0.40), ("thread", 0.405), ("group", 0.43), ("say", 0.46))
_UNDOS: Final = ("good", "good", "good", "good", "raises", "overruns")


def _step(draw: Callable[[], float], kind: str) -> Step:
    drawn, length = draw(), _below(draw, 6)
    what = next((what for what, share in _STEPS if drawn < share), "walk" if kind == "plain" else "stage")
    if what == "thread" and kind in STUBBORN:
        what = "walk"  # a settled job's thread would be no finding there
    if what == "undo":
        return Step(what, length, _UNDOS[_below(draw, 6)])
    if what != "stage":
        return Step(what, 2 * length if what == "walk" else length)
    name = STAGES[min(_below(draw, 9), 5)] if drawn < 0.9 else "closing"
    return Step(what, 2 * length + 1 if name.startswith("slow") else length, name)


_ACTS: Final = (
    ("cancel", 0.30),
    ("defer", 0.36),
    ("force", 0.42),
    ("ask", 0.44),
    ("harden", 0.48),
    ("leave", 0.53),
    ("time", 0.56),
    ("watch", 0.60),
    ("glance", 0.64),
    ("double", 0.67),
    ("stranger", 0.69),
    ("find", 0.70),
    ("many", 0.7015),
)


def _acts(draw: Callable[[], float]) -> list[Act]:
    acts: list[Act] = []
    while draw() < 0.5 and len(acts) < 4:
        drawn = draw()
        name = next((name for name, share in _ACTS if drawn < share), "")
        if name:
            acts.append(Act(name, max(0, _below(draw, 8) - 3)))
    return acts
