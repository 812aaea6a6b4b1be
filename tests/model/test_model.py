"""The model check, to a smaller depth than ``python -m tests.model`` goes; and that it finds what is wrong."""

from __future__ import annotations

import pytest

from tests.model.__main__ import main
from tests.model.faults import FAULTS
from tests.model.search import search


def test_no_interleaving_of_a_few_steps_breaks_an_invariant(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--depth", "5"])
    printed = capsys.readouterr().out

    assert "Does not hold" not in printed
    assert "NOT REACHED" not in printed
    assert code == 0
    assert "0  running --interrupted-> pending  only a durable store's recovery sends it" in printed


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_has_a_counterexample(name: str) -> None:
    with FAULTS[name]():
        violation = search(6).violation

    assert violation is not None
    assert violation.trace


def test_a_counterexample_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--fault", "refuse_is_treated_as_defer"]) == 1
    printed = capsys.readouterr().out

    assert "Does not hold: a users request is refused exactly in refuse without defer or force" in printed
    assert "parent ask user" in printed
