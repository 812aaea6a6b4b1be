"""The list of the survivors that are no gap in the tests, each with its reason: ``explained.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Final

from attrs import field, frozen

from tests.mutation.mutants import Mutant

LIST: Final = Path(__file__).with_name("explained.toml")

# file, function, the lines that are replaced, what stands there instead: nothing of it changes with a line's number
Key = tuple[str, str, str, str]


@frozen
class Explanations:
    """The list, and which of its entries have been met.

    Attributes:
        reasons: Why nothing can tell this mutant from the original.
        met: What survived and stands in the list.
    """

    reasons: dict[Key, str]
    met: set[Key] = field(factory=set[Key])

    @classmethod
    def read(cls) -> Explanations:
        """Reads the list; its header says what an entry holds.

        Raises:
            ValueError: An entry stands there twice, or without a reason.
        """
        reasons: dict[Key, str] = {}
        for entry in tomllib.loads(LIST.read_text(encoding="utf-8")).get("explained", []):
            for mutated in entry["mutated"]:
                key = (entry["file"], entry["function"], entry["line"], mutated)
                if key in reasons or not entry["reason"]:
                    raise ValueError(f"explained.toml: twice, or without a reason: {key}")
                reasons[key] = entry["reason"]
        return cls(reasons)

    def cover(self, mutant: Mutant) -> bool:
        """Returns whether the list explains a survivor."""
        key = (mutant.file, mutant.function, mutant.old, mutant.new)
        if key not in self.reasons:
            return False
        self.met.add(key)
        return True

    def stale(self, files: Collection[str]) -> list[str]:
        """Returns the entries for ``files`` that explain nothing that survived."""
        left = [key for key in self.reasons if key[0] in files and key not in self.met]
        return [f"{file} {function}\n    - {old}\n    + {new}" for file, function, old, new in left]
