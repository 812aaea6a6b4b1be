"""What the child says: acknowledgements to a pipe, and the effects of its jobs to a file, a line of JSON each."""

from __future__ import annotations

import json
import os
from typing import Any


class Pen:
    """Writes whole lines, one system call each: what was written is there when the process is killed.

    All lines of one life are numbered in the order in which the loop's thread came to them.

    Args:
        life: Which process on this journal this is, from 0.
        acknowledged: The pipe to the parent.
        effects: The file of effects, opened with ``O_APPEND``.
    """

    def __init__(self, life: int, acknowledged: int, effects: int) -> None:
        self.life = life
        self._acknowledged, self._effects = acknowledged, effects
        self._number = 0

    def acknowledge(self, what: str, **facts: Any) -> None:
        """Tell the parent of an answer that has been received, or how far this process is."""
        self._write(self._acknowledged, what, facts)

    def effect(self, what: str, **facts: Any) -> None:
        """Put down what a job does, or what is about to be asked of it."""
        self._write(self._effects, what, facts)

    def _write(self, descriptor: int, what: str, facts: dict[str, Any]) -> None:
        self._number += 1
        line = json.dumps({"what": what, "life": self.life, "n": self._number, **facts}) + "\n"
        data = line.encode()
        while data:  # a pipe may take less at once than a long line
            data = data[os.write(descriptor, data) :]
