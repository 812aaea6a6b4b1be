"""The real scheduler does what the reference says, step by step; ``python -m tests.stateful`` tries it for longer."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import BACKENDS

from .actions import Action
from .calls import Setting
from .example import run_example, run_seed, shortened
from .machine import Machine

EXAMPLES, SEED = 6, 3


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What the jobs raise on purpose fills no log."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def test_scheduler_and_reference_agree_after_every_step(anyio_backend: tuple[str, dict[str, Any]]) -> None:
    tally = Counter[str]()
    for example in range(EXAMPLES):
        run_seed(anyio_backend, f"{SEED}/{example}", tally)
    assert tally["examples"] == EXAMPLES


def test_a_wrong_answer_is_found_and_its_script_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wrongly(self: Machine, number: int) -> None:
        raise AssertionError("wrong")

    def fails(script: list[Action]) -> bool:
        try:
            run_example(BACKENDS["asyncio"], Setting(None, 0), script, Counter())
        except AssertionError:
            return True
        return False

    monkeypatch.setattr(Machine, "do_unwatch", wrongly)
    script: list[Action] = [("advance", 1), ("submit", "plain", [], {"argument": 0}), ("unwatch", 1), ("advance", 2)]
    assert shortened(script, fails) == [("unwatch", 1)]
