"""The matrix has its cells: a table that came out empty would pass. ``python -m tests.endings`` runs them."""

from __future__ import annotations

import pytest

from .__main__ import GROUPS
from .cells import all_cells, pairs, pairwise_cells


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
    assert len({cell.ending.name for cell in pairwise_cells(GROUPS[group])}) >= endings
    assert len(list(all_cells(GROUPS[group]))) > endings


def test_no_two_cells_are_the_same() -> None:
    names = [str(cell) for endings in GROUPS.values() for cell in all_cells(endings)]
    assert len(names) == len(set(names)) > 2000


def test_the_selection_has_every_pair_in_a_quarter_of_the_cells() -> None:
    endings = tuple(ending for group in GROUPS.values() for ending in group)
    everything, selected = list(all_cells(endings)), list(pairwise_cells(endings))

    # Written out for a host that exists on each loop, with each store, and whose jobs may do anything.
    mine = [cell for cell in selected if cell.ending.name == "returns"]
    assert {cell.loop for cell in mine} == {"asyncio", "uvloop", "trio"}
    assert {cell.store for cell in mine} == {"none", "memory", "sqlite"}
    assert {cell.situation for cell in mine} == {"idle", "running", "refusing", "threaded", "undoing", "watched"}
    assert set[object]().union(*map(pairs, selected)) == set[object]().union(*map(pairs, everything))
    assert len(selected) == len({str(cell) for cell in selected}) < len(everything) / 4
    # And each loop, store and state of the jobs were together with some ending.
    threes = {(cell.loop, cell.store, cell.situation) for cell in everything}
    assert {(cell.loop, cell.store, cell.situation) for cell in selected} == threes
