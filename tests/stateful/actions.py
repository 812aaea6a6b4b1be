"""What the machine may do, as plain tuples, drawn at random from a seed.

Where an action needs a job it carries a number; the machine takes the job of that number, counted round and round
among those that fit, and does nothing if none does. So every list of actions can be run, and every part of one: a
failing list is shortened by leaving actions out.

Hypothesis is not used: its engine repeats and varies what it drew before, so that of some 3000 steps many were alike
and a fifth of the faults never came up, and it took minutes to shorten what halving shortens in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from .kinds import KINDS, STAGE_NAMES

Action = tuple[Any, ...]
Draw = Callable[[Random], Action]

FLAVORS: Final = ("good", "raises", "exits", "leaks", "hangs")
REACTIONS: Final = ("swallow", "returned", "partial", "raised", "group", "undo")
# Kinds with limits come in crowds, else no job ever waits for a slot.
CROWDS: Final = (*KINDS, "limited", "limited", "paired", "timed", "timed", "hasty", "staged")
LABELS: Final[tuple[dict[str, str], ...]] = ({}, {"team": "red"}, {"team": "blue", "size": "s"})


def flag(random: Random) -> bool:
    return random.random() < 0.5


def flags(random: Random) -> tuple[bool, bool]:
    """Return ``defer`` and ``force``."""
    return random.random() < 0.25, random.random() < 0.25


def number(random: Random) -> int:
    """Half of what happens happens to one job, so that stories of several steps come about."""
    return 0 if flag(random) else random.randrange(30)


def submit(random: Random) -> Action:
    undo = random.choices(FLAVORS, k=random.choice((0, 0, 1, 2)))
    options = {
        "owner": random.choice((None, "ada", "ada", "bob")),
        "key": random.choice((None, "k1", "k1", "k2")),
        "argument": random.choice((0, 0, 1)),
        "labels": random.choice(LABELS),
        "timeout_s": random.choice((None, None, None, 8)),
    }
    return "submit", random.choice(CROWDS), undo, options


def cancel(random: Random) -> Action:
    return "cancel", number(random), flags(random)


def filters(random: Random) -> dict[str, Any]:
    states = ("pending", "running", "canceling", "succeeded", "failed", "canceled")
    every = {
        "owner": random.choice(("ada", "bob")),
        "kind": random.choice(CROWDS),
        "state": random.choice(states),
        "labels": random.choice(LABELS),
    }
    return {name: every[name] for name in random.sample([*every], k=random.choice((0, 1, 1, 2)))}


def just(*action: Any) -> Draw:
    def draw(random: Random) -> Action:
        return action

    return draw


def weighted(choices: dict[Draw, int]) -> Draw:
    return lambda random: random.choices([*choices], [*choices.values()])[0](random)


# Commands that may race with a cancel: each acts at once, or awaits nothing but a stage or a child.
QUICK: Final[dict[Draw, int]] = {
    lambda random: ("enter_own", random.randrange(12), flag(random)): 6,
    just("leave"): 5,
    lambda random: (random.choice(("returned", "partial")),): 2,
    lambda random: ("add", random.choice(FLAVORS)): 3,
    lambda random: ("child", random.choice(CROWDS)): 3,
    just("fail", "error"): 1,
}
COMMANDS: Final[dict[Draw, int]] = {
    **QUICK,
    lambda random: ("enter", random.choice(STAGE_NAMES), flag(random)): 1,
    just("shield"): 3,
    lambda random: ("fail", random.choice(("exit", "generator_exit", "group", "leak", "leak"))): 2,
    lambda random: ("react_with", random.choice(REACTIONS)): 3,
    lambda random: ("cancel_itself", *flags(random)): 1,
    just("thread"): 1,
}
quick, command = weighted(QUICK), weighted(COMMANDS)

WATCHING: Final[dict[Draw, int]] = {
    lambda random: ("watch", number(random), random.choice(("eager", "slow", "raises"))): 3,
    lambda random: ("watch_on", number(random)): 2,
    lambda random: ("unwatch", number(random)): 1,
    lambda random: ("wait", number(random), random.choice((None, 2))): 3,
    lambda random: ("unwait", number(random)): 3,
}
ACTIONS: Final[dict[Draw, int]] = {
    submit: 11,
    lambda random: ("tell", number(random), command(random)): 40,
    lambda random: ("race", number(random), quick(random), flags(random)): 3,
    lambda random: ("release", number(random), flag(random)): 2,
    cancel: 6,
    lambda random: ("advance", random.choice((1, 2, 4, 7, 12))): 6,
    lambda random: ("burst", [random.choice((submit, cancel))(random) for _ in range(3)]): 2,
    lambda random: ("cancel_many", filters(random), flags(random)): 1,
    lambda random: ("stranger", number(random)): 1,
    lambda random: ("find", filters(random), random.randrange(1, 4)): 1,
    weighted(WATCHING): 8,
    lambda random: ("shutdown", random.choice((0, 5))): 1,
    lambda random: ("leave", random.choice(("normally", "normally", "raises", "cancelled"))): 1,
    just("reenter"): 5,
}
action = weighted(ACTIONS)


def script(random: Random) -> list[Action]:
    return [action(random) for _ in range(random.randrange(40, 80))]
