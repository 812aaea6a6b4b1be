"""The lists of faults fit the tree: a function or a test that is renamed is renamed there, too."""

from __future__ import annotations

import pytest

from tests.edited_copy import TOP
from tests.faults.fault import Fault
from tests.faults.plant import FAULTS
from tests.faults.rules import RULES
from tests.kill.faults import FAULTS as KILL_FAULTS
from tests.programs.faults import FAULTS as PROGRAM_FAULTS


@pytest.mark.parametrize("fault", FAULTS.values(), ids=[*FAULTS])
def test_a_fault_names_an_existing_test(fault: Fault) -> None:
    path, _, name = fault.shown_by.partition("::")
    text = (TOP / path).read_text(encoding="utf-8")
    assert not name or f"def {name.partition('[')[0]}(" in text


def test_every_rule_has_a_fault() -> None:
    assert {fault.rule for fault in FAULTS.values()} == RULES.keys()


@pytest.mark.parametrize("faults", [FAULTS, KILL_FAULTS, PROGRAM_FAULTS], ids=["suite", "kills", "programs"])
def test_each_fault_replaces_an_existing_function(faults: dict[str, Fault]) -> None:
    for fault in faults.values():
        assert callable(fault.original())
