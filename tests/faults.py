"""Planted faults: for each invariant, what could be written wrongly in the package and the test that must notice.

``python -m tests.run_faults`` applies each one to a copy of the package and requires its test to fail.
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen
from attrs.validators import ge, le

INVARIANTS: Final = range(1, 18)


@frozen
class Fault:
    """One way to break an invariant.

    Attributes:
        invariant: Number of the invariant that it breaks.
        file: Where, as a path from the top of the tree: ``jobcancel/_core/decision.py``.
        old: What stands there; occurs exactly once in the file.
        new: What to write instead.
        test: Which test must fail then, as a pytest node id; without ``[...]`` it stands for every backend.
    """

    invariant: int = field(validator=[ge(INVARIANTS.start), le(INVARIANTS.stop - 1)])
    file: str
    old: str
    new: str
    test: str


FAULTS: tuple[Fault, ...] = ()
