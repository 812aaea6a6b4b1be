"""Examples: a scheduler, a list of actions, and a clean end whatever happened; and how a failing list is shortened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from random import Random
from typing import Any, Final

import anyio

from .actions import Action, script
from .calls import Setting
from .machine import Machine

Backend = tuple[str, dict[str, Any]]

STUCK_S: Final = 60  # seconds on the real clock; nothing here waits for time, so only a hang takes that long
TRIES: Final = 400  # how often a failing list is tried again, to shorten it


def run_example(backend: Backend, setting: Setting, actions: Sequence[Action], tally: Counter[str]) -> None:
    """Run one list of actions on a backend; raise what failed."""
    failures: list[BaseException] = []

    async def main() -> None:
        with anyio.fail_after(STUCK_S):
            async with anyio.create_task_group() as group:
                machine = Machine(setting, group, tally)
                try:
                    await machine.run(actions)
                except Exception as error:
                    failures.append(error)  # goes out bare, not in the group's
                finally:
                    machine.dismiss()

    name, options = backend
    if name == "trio":  # which shuffles what is ready; the same failure has to come again
        loop = import_module("trio._core._run")
        vars(loop)["_ALLOW_DETERMINISTIC_SCHEDULING"] = True
        vars(loop)["_r"].seed(0)
    tally["examples"] += 1
    try:
        anyio.run(main, backend=name, backend_options=options)
    except BaseExceptionGroup as group:
        failures.append(group)
    if failures:
        raise failures[0]


def shortened(actions: list[Action], fails: Callable[[list[Action]], bool]) -> list[Action]:
    """Take away what the failure does not need: every part of a list of actions is one too."""
    size, tries = len(actions) // 2, 0
    while size:
        start = 0
        while start < len(actions) and tries < TRIES:
            shorter = actions[:start] + actions[start + size :]
            tries += 1
            if fails(shorter):
                actions = shorter
            else:
                start += size
        size //= 2
    return actions


def run_seed(backend: Backend, seed: str, tally: Counter[str]) -> None:
    """Run the example of that seed; one that fails is shortened first."""
    random = Random(seed)  # noqa: S311  # no secret
    setting = Setting(random.choice((2, 2, 4, None)), random.choice((0, 5)))
    drawn = script(random)

    def failure(actions: list[Action], counted: Counter[str]) -> Exception | None:
        try:
            run_example(backend, setting, actions, counted)
        except Exception as error:
            return error
        return None

    first = failure(drawn, tally)
    if first is not None:
        short = shortened(drawn, lambda actions: failure(actions, Counter()) is not None)
        lines = "".join(f"    {action},\n" for action in short)
        error = failure(short, Counter()) or first
        raise AssertionError(f"{error}\nseed {seed}, {setting}\n[\n{lines}]") from error
