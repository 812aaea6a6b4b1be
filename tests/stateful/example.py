"""Examples: a scheduler, a list of actions, and a clean end whatever happened; and how a failing list is shortened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import anyio
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from .actions import Action, actions
from .machine import Machine, Setting

Backend = tuple[str, dict[str, Any]]

STUCK_S: Final = 60  # seconds on the real clock; nothing here waits for time, so only a hang takes that long
LEAST, MOST = 40, 80  # actions in one example
TRIES: Final = 400  # how often a failing list is tried again, to shorten it


def run_example(backend: Backend, setting: Setting, script: Sequence[Action], tally: Counter[str]) -> None:
    """Run one list of actions on a backend; raise what failed."""
    failures: list[BaseException] = []

    async def main() -> None:
        with anyio.fail_after(STUCK_S):
            async with anyio.create_task_group() as group:
                machine = Machine(setting, group, tally)
                try:
                    await machine.run(script)
                except Exception as error:
                    failures.append(error)  # goes out bare, not in the group's
                finally:
                    machine.dismiss()

    name, options = backend
    tally["examples"] += 1
    try:
        anyio.run(main, backend=name, backend_options=options)
    except BaseExceptionGroup as group:
        failures.append(group)
    if failures:
        raise failures[0]


def shortened(script: list[Action], fails: Callable[[list[Action]], bool]) -> list[Action]:
    """Take away what the failure does not need: every part of a list of actions is one too.

    Hypothesis could do this, but tries for minutes what halving finds in a few hundred runs.
    """
    size, tries = len(script) // 2, 0
    while size:
        start = 0
        while start < len(script) and tries < TRIES:
            shorter = script[:start] + script[start + size :]
            tries += 1
            if fails(shorter):
                script = shorter
            else:
                start += size
        size //= 2
    return script


def run_examples(backend: Backend, count: int, tally: Counter[str], *, number: int | None) -> None:
    """Run ``count`` examples; the same ones each time without ``number``, or those of that seed."""

    @settings(
        max_examples=count,
        derandomize=number is None,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.builds(Setting, st.sampled_from([None, 2, 4]), st.sampled_from([0, 5])),
        st.lists(actions, min_size=LEAST, max_size=MOST),
    )
    def examples(setting: Setting, script: list[Action]) -> None:
        def failure(shorter: list[Action]) -> BaseException | None:
            try:
                run_example(backend, setting, shorter, Counter())
            except Exception as error:
                return error
            return None

        try:
            run_example(backend, setting, script, tally)
        except Exception as error:
            short = shortened(script, lambda shorter: failure(shorter) is not None)
            lines = "".join(f"    {action},\n" for action in short)
            found.append((f"{setting}\n[\n{lines}]", failure(short) or error))
            raise

    found: list[tuple[str, BaseException]] = []
    try:
        (examples if number is None else seed(number)(examples))()
    except Exception:
        if not found:
            raise
    if found:
        script, error = found[-1]
        error.__suppress_context__ = True  # the first failure, of the whole list
        raise AssertionError(f"{error}\nafter {script}") from error
