"""The matrix has its cells: a table that came out empty would pass. ``python -m tests.endings`` runs them."""

from __future__ import annotations

import pytest

from .__main__ import GROUPS
from .cells import all_cells, diagonal


@pytest.mark.parametrize(
    ("group", "endings"),
    [
        ("hosts", 22),
        ("generators", 5),
        ("openings", 6),
        ("blocking", 4),
        ("servers", 5),
        ("answers", 20),
        ("values", 70),
    ],
)
def test_each_group_of_endings_has_its_cells(group: str, endings: int) -> None:
    assert len(list(diagonal(GROUPS[group]))) >= endings
    assert len(list(all_cells(GROUPS[group]))) > endings


def test_no_two_cells_are_the_same() -> None:
    names = [str(cell) for endings in GROUPS.values() for cell in all_cells(endings)]
    assert len(names) == len(set(names)) > 2000
