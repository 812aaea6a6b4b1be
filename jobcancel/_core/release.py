"""What follows from a stage's end."""

from __future__ import annotations

from enum import Enum


class Release(Enum):
    """What becomes of a held cancel when a stage ends."""

    NOTHING = "nothing is held"
    DELIVER = "deliver it, raise nothing here"
    RAISE = "deliver it and raise it here"
