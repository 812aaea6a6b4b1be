"""A program as data: kinds with the bodies of their handlers, what the host does from outside, and how it ends.

The ``repr`` of a program is Python that makes it again, so that a finding can be replayed and made shorter.
"""

from __future__ import annotations

from pprint import pformat
from typing import Any, TypeAlias

from attrs import field, frozen

Op: TypeAlias = tuple[Any, ...]
"""One step of a handler or of the host: a name and its arguments; see ``handlers`` and ``conductor``."""


@frozen
class StagePlan:
    """One stage of a kind."""

    name: str
    on_cancel: str = "interrupt"
    commits: bool = False
    timeout_s: float | None = None


@frozen
class KindPlan:
    """A kind and the body of its handler; ``options`` are those of ``Registry.kind`` that are not at their default."""

    name: str
    body: tuple[Op, ...] = ()
    stages: tuple[StagePlan, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def option(self, name: str, default: Any) -> Any:
        return dict(self.options).get(name, default)

    def stage(self, name: str) -> StagePlan:
        """The stage of that name; an undeclared one has the kind's own policy."""
        declared = {stage.name: stage for stage in self.stages}
        return declared.get(name) or StagePlan(name, self.on_cancel)

    @property
    def retires(self) -> bool:
        """Whether its settled jobs are forgotten soon."""
        return bool({"retain_s", "retain_count"} & dict(self.options).keys())

    @property
    def on_cancel(self) -> str:
        return str(self.option("on_cancel", "interrupt"))


@frozen
class Program:
    """Everything that a run depends on, the turns of threads aside."""

    seed: int
    backend: str
    store: str
    kinds: tuple[KindPlan, ...] = ()
    acts: tuple[Op, ...] = ()
    ending: str = "normal"
    closing: tuple[Op, ...] = field(default=())  # what the host does while the scheduler ends
    max_running: int | None = None
    drain_s: float = 0.0
    store_delay_s: float = 0.0

    def kind(self, name: str) -> KindPlan:
        return next(kind for kind in self.kinds if kind.name == name)

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {self.backend}, store {self.store}, ending {self.ending!r}"]
        lines.append(f"max_running={self.max_running} drain_s={self.drain_s} store_delay_s={self.store_delay_s}")
        for kind in self.kinds:
            lines.append(f"kind {kind.name} {dict(kind.options)}")
            lines.extend(f"  {stage}" for stage in kind.stages)
            lines.append("  " + pformat(kind.body, width=110).replace("\n", "\n  "))
        lines.append("the host: " + pformat(self.acts, width=110).replace("\n", "\n  "))
        lines.append("while it ends: " + pformat(self.closing, width=110).replace("\n", "\n  "))
        return "\n".join(lines)
