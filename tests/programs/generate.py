"""Drawing a program from its seed: the same seed, backend and store give the same program."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from .bodies import FEATURES, Bodies, draw
from .conductor import CALLERS
from .host import ASYNCIO_ENDINGS, ENDINGS, LOOP_ENDINGS
from .plan import Op, Program
from .undos import FLAVORS
from .values import BAD_NUMBERS
from .world import GATES

STORES: Final = ("none", "memory", "sqlite")
PLACES: Final = ("submit", "wait", "shutdown", "find")  # that take a number
STORIES: Final = 0.2  # of what the host does
MANY: Final = 1000  # to pick a job by: a remainder


def generate(seed: int, backend: str, store: str) -> Program:
    """The program of a seed. Each has some features only: what never comes alone is found late."""
    rng = Random(f"{seed} {backend} {store}")  # noqa: S311  # to be repeated, not to be secret
    share = rng.choice([0.25, 0.5, 0.8])
    features = frozenset(feature for feature in FEATURES if rng.random() < share)
    features -= {"pierce"} if backend == "trio" else set[str]()
    features -= {"store trouble", "restarts"} if store == "none" else set[str]()
    kinds = Bodies(rng, features).kinds()
    ending = rng.choice(ENDINGS if backend == "trio" else ASYNCIO_ENDINGS)
    if ending in LOOP_ENDINGS and any("overruns" in repr(kind) for kind in kinds):
        ending = "scope"  # the clock stands still in a loop that ends, so nothing may wait for it
    acts = _Acts(rng, features, [kind.name for kind in kinds], may_overrun=ending not in LOOP_ENDINGS)
    return Program(
        seed,
        backend,
        store,
        kinds,
        acts.all(),
        ending,
        tuple(acts.draw(closing=True) for _ in range(rng.randint(0, 4))),
        rng.choice([None, 1, 2]) if "limits" in features else None,
        rng.choice([0.0, 3.0]) if "time" in features else 0.0,
        rng.choice([0.0, 0.001, 0.004]) if store != "none" else 0.0,
    )


class _Acts:
    """Draws what the host does."""

    def __init__(self, rng: Random, features: frozenset[str], kinds: list[str], *, may_overrun: bool) -> None:
        self.rng, self.features, self.kinds = rng, features, kinds
        self.flavors = [flavor for flavor in FLAVORS if may_overrun or flavor != "overruns"]

    def all(self) -> tuple[Op, ...]:
        """All that the host does before the end: some jobs, what comes to mind, and stories of one job."""
        acts = [self.draw(first=True) for _ in range(self.rng.randint(1, 3))]
        for _ in range(self.rng.randint(3, 16)):
            acts.extend(self._story() if self.rng.random() < STORIES else [self.draw()])
        return tuple(acts)

    def _story(self) -> list[Op]:
        """A job comes as far as it can by itself; then it is to be canceled, and goes on, or time does."""
        rng = self.rng
        asks: Op = rng.choice([("cancel", -1, self._flags(), self._caller()), ("can", -1, self._flags())])
        story: list[Op] = [self.draw(first=True), ("rest",), asks, ("rest",)]
        if "time" in self.features:
            story.extend(("advance", seconds) for seconds in (2.5, 6.0) if rng.random() < 0.5)
        story.append(("open", rng.randrange(GATES)))
        return story

    def draw(self, *, first: bool = False, closing: bool = False) -> Op:
        weights = {"submit": 4.0, "cancel": 4.0, "can": 1.5, "cancel_many": 0.5, "wait": 1.5, "turns": 4.0}
        weights |= {"open": 1.5, "rest": 1.0, "find": 0.5, "unlook": 0.3, "quiet": 0.1}
        features = self.features
        weights |= {"advance": 2.0} if "time" in features else {}
        weights |= {"bad_number": 1.0} if "bad numbers" in features else {}
        weights |= {"pierce": 1.0} if "pierce" in features else {}
        weights |= {"store_fails": 0.7} if "store trouble" in features else {}
        weights |= {"shutdown": 0.5} if "shutdown" in features and not closing else {}
        name = "submit" if first else draw(self.rng, weights)
        return (name, *self._arguments(name))

    def _arguments(self, name: str) -> tuple[Any, ...]:
        rng = self.rng
        number = rng.randrange(MANY)
        arguments: dict[str, Callable[[], tuple[Any, ...]]] = {
            "submit": lambda: (rng.choice(self.kinds), self._submit_options(), self._caller()),
            "cancel": lambda: (number, self._flags(), self._caller()),
            "can": lambda: (number, self._flags()),
            "cancel_many": lambda: (self._flags() | self._filters(),),
            "wait": lambda: (number, rng.choice([None, None, 0, 2.0])),
            "turns": lambda: (rng.randint(1, 12),),
            "open": lambda: (rng.randrange(GATES),),
            "find": lambda: (self._filters(),),
            "unlook": lambda: (number,),
            "advance": lambda: (rng.choice([0.5, 2.5, 6.0]),),
            "bad_number": lambda: (rng.choice([*BAD_NUMBERS]), rng.choice(PLACES), number),
            "pierce": lambda: (number,),
            "store_fails": lambda: (rng.randint(1, 3),),
            "shutdown": lambda: (rng.choice([0.0, 2.0]),),
        }
        return arguments[name]() if name in arguments else ()

    def _caller(self) -> str:
        return self.rng.choice(CALLERS) if "callers" in self.features else "plain"

    def _flags(self) -> dict[str, Any]:
        return {name: True for name in ("defer", "force") if self.rng.random() < 0.2}

    def _filters(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self.rng.random() < 0.4:
            options["kind"] = self.rng.choice(self.kinds)
        if self.rng.random() < 0.3:
            options["state"] = self.rng.choice(["pending", "running", "canceling"])
        return options

    def _submit_options(self) -> dict[str, Any]:
        rng, options = self.rng, dict[str, Any]()
        if "undos" in self.features and rng.random() < 0.4:
            options["undo"] = tuple(rng.choice(self.flavors) for _ in range(rng.randint(1, 3)))
        if "time" in self.features and rng.random() < 0.2:
            options["timeout_s"] = 2.0
        if "limits" in self.features and rng.random() < 0.2:
            options["key"] = rng.choice("ab")
        return options
