"""What was said of a job at its submit; it never changes."""

from __future__ import annotations

from typing import Final, NamedTuple


class Origin(NamedTuple):
    """What was said of a job when it was submitted.

    Attributes:
        owner: Whose it is, or None.
        labels: Mapping of strings, or None for none.
        key: Its idempotency key, or None.
        parent_id: Its parent, or None.
    """

    owner: str | None = None
    labels: dict[str, str] | None = None
    key: str | None = None
    parent_id: str | None = None


NO_ORIGIN: Final = Origin()  # nothing was said; most jobs share it
