"""Drawing the kinds of a program and the bodies of their handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from .plan import KindPlan, Op, StagePlan
from .undos import FLAVORS
from .values import BAD_NUMBERS, ERRORS, PLAIN, VALUES
from .world import GATES

FEATURES: Final = (
    *("stages", "undos", "children", "threads", "odd values", "odd errors", "own scopes", "reactions"),
    *("time", "limits", "restarts", "pierce", "callers", "bad numbers", "store trouble", "shutdown", "burn"),
    "retention",
)
POLICIES: Final = ("interrupt", "defer", "refuse")
STAGES: Final = ("s0", "s1", "s2")
UNDECLARED: Final = "s9"
REACTIONS: Final = ("swallow", "return", "wrap", "undo", "cleanup", "linger", "linger")
DEEPEST: Final = 3


def draw(rng: Random, weights: Mapping[str, float]) -> str:
    """One of the names, by weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


class Bodies:
    """Draws kinds; ``features`` are those that this program has."""

    def __init__(self, rng: Random, features: frozenset[str]) -> None:
        self.rng, self.features = rng, features
        self.names: list[str] = []

    def kinds(self) -> tuple[KindPlan, ...]:
        self.names = [f"k{number}" for number in range(self.rng.randint(1, 4))]
        return tuple(self._kind(name) for name in self.names)

    def _has(self, feature: str) -> bool:
        return feature in self.features

    def _kind(self, name: str) -> KindPlan:
        stages = tuple(self._stage(stage) for stage in STAGES if self._has("stages"))
        return KindPlan(name, self._body(DEEPEST), stages, tuple(self._options().items()))

    def _stage(self, name: str) -> StagePlan:
        timeout_s = self.rng.choice([None, None, 3.0]) if self._has("time") else None
        return StagePlan(name, self.rng.choice(POLICIES), self.rng.random() < 0.25, timeout_s)

    def _options(self) -> dict[str, Any]:
        rng, options = self.rng, dict[str, Any]()
        if rng.random() < 0.4:
            options["on_cancel"] = rng.choice(POLICIES)
        if self._has("time"):
            options["on_grace_expired"] = rng.choice(["wait", "force", "abandon"])
            options["grace_s"] = rng.choice([0.2, 2.0, 30.0])
            options["cleanup_s"] = rng.choice([1.0, 4.0])
            options |= {"timeout_s": 5.0} if rng.random() < 0.3 else {}
            options |= {"expires_s": 4.0} if rng.random() < 0.3 else {}
        if self._has("limits"):
            options |= {"max_running": rng.randint(1, 2)} if rng.random() < 0.6 else {}
            options |= {"max_pending": rng.randint(1, 3)} if rng.random() < 0.5 else {}
        if self._has("undos") and rng.random() < 0.4:
            endings = ("succeeded", "partially_succeeded", "failed", "canceled")
            options["compensate_on"] = tuple(state for state in endings if rng.random() < 0.5)
        if self._has("retention"):
            options |= {"retain_count": rng.randint(1, 3)} if rng.random() < 0.3 else {}
            options |= {"retain_s": 3.0} if rng.random() < 0.3 else {}
        if self._has("restarts") and rng.random() < 0.5:
            options["on_restart"] = "rerun"
        return options

    # Bodies.

    def _body(self, depth: int) -> tuple[Op, ...]:
        steps = [self._step(depth) for _ in range(self.rng.randint(1, 4 if depth == DEEPEST else 3))]
        if depth == DEEPEST and self._has("children") and self._coin(0.3):
            steps.append(("child", self.rng.choice(self.names), True, False))  # it returns before its child has ended
        if depth == DEEPEST or self._coin(0.1):
            steps.append(self._last())
        return tuple(steps)

    def _staged(self, depth: int) -> tuple[Op, ...]:
        """The body of a stage: often it waits for something first, as stages do."""
        gate: tuple[Op, ...] = (("gate", self.rng.randrange(GATES)),) if self._coin(0.4) else ()
        return (*gate, *self._body(depth))

    def _last(self) -> Op:
        rng = self.rng
        if self._has("odd errors") and rng.random() < 0.3:
            return ("raise", rng.choice([*ERRORS, "leak", "mixed"]))
        if rng.random() < 0.15:
            return ("raise", "error")
        return ("return", rng.choice([*VALUES]) if self._has("odd values") else rng.choice(PLAIN))

    def _step(self, depth: int) -> Op:
        simple = {"pause": 3.0, "gate": 3.0, "context": 0.3}
        nested: dict[str, float] = {}
        if self._has("stages"):
            nested |= {"stage": 5.0, "run_stage": 1.5}
        if self._has("own scopes"):
            nested |= {"shield": 1.0, "cut_after": 1.0, "group": 1.0, "gather": 1.0}
        if self._has("reactions"):
            nested |= {"react": 2.0}
            simple |= {"cancel_itself": 0.5, "deadlock": 0.3}
        simple |= {"undo": 2.0} if self._has("undos") else {}
        simple |= {"child": 2.0, "batch": 1.0} if self._has("children") else {}
        simple |= {"thread": 1.0} if self._has("threads") else {}
        simple |= {"note": 0.7, "progress": 0.7} if self._has("odd values") else {}
        simple |= {"burn": 0.1} if self._has("burn") else {}
        name = draw(self.rng, simple | (nested if depth else {}))
        made: dict[str, Callable[[], Op]] = {
            "stage": lambda: ("stage", self._stage_name(), self._coin(0.3), *self._staged(depth - 1)),
            "run_stage": lambda: ("run_stage", self._stage_name(), self._coin(0.3), *self._staged(depth - 1)),
            "shield": lambda: ("shield", *self._body(depth - 1)),
            "cut_after": lambda: ("cut_after", self.rng.randint(0, 6), *self._body(depth - 1)),
            "group": lambda: ("group", *self._branches(depth - 1)),
            "gather": lambda: ("gather", *self._branches(depth - 1)),
            "react": lambda: ("react", self.rng.choice(REACTIONS)),
        }
        if name == "react":
            return (*made[name](), *self._body(depth - 1))
        return made[name]() if name in made else self._simple(name)

    def _branches(self, depth: int) -> tuple[tuple[Op, ...], ...]:
        return tuple(self._body(depth) for _ in range(self.rng.randint(2, 3)))

    def _simple(self, name: str) -> Op:
        rng = self.rng
        arguments: dict[str, Callable[[], tuple[Any, ...]]] = {
            "pause": lambda: (rng.randint(1, 4),),
            "gate": lambda: (rng.randrange(GATES),),
            "undo": lambda: (rng.choice(FLAVORS),),
            "child": lambda: (rng.choice(self.names), self._coin(0.6), self._coin(0.4)),
            "batch": lambda: (self._coin(0.6), *(rng.choice(self.names) for _ in range(rng.randint(1, 4)))),
            "thread": lambda: (rng.randrange(GATES), self._coin(0.5)),
            "note": lambda: (rng.choice([*VALUES]),),
            "progress": lambda: (rng.choice(["fine", *BAD_NUMBERS]),),
            "cancel_itself": lambda: (self._coin(0.3), self._coin(0.3)),
            "deadlock": lambda: (rng.choice(["wait", "shutdown"]),),
            "burn": lambda: (0.005,),
        }
        return (name, *(arguments[name]() if name in arguments else ()))

    def _stage_name(self) -> str:
        return self.rng.choice([*STAGES, *STAGES, UNDECLARED])

    def _coin(self, chance: float) -> bool:
        return self.rng.random() < chance
