"""Where a journal is kept: what a scheduler asks of a store, and what a store's author promises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from .entry import Entry


class Store(Protocol):
    """Where a scheduler's journal is kept: what its jobs were asked and what became of them, as entries in order.

    A scheduler calls it from threads of its own, never two calls at a time and never from the loop's thread, so that
    every method may block. ``open`` comes first, then ``read`` once, then ``append`` and ``compact`` as often as
    needed, then ``close``; afterwards it may be opened again. ``jobcancel.testing.store_conformance`` shows whether
    an implementation keeps all that is promised here.
    """

    def open(self) -> None:
        """Take the journal for this scheduler alone; make it if there is none. No effect if it raises.

        Raises:
            StoreInUseError: Another scheduler has it, in this process or in another.
            StoreFormatError: It is a newer version's, damaged, or no journal. It is left as it is.
            StoreError: It cannot be reached.
        """
        ...

    def read(self) -> Iterable[Entry]:
        """Give the entries, those of one job in the order in which they were appended; their ``final`` may be lost.

        Raises:
            StoreFormatError: They cannot be read (while they are given).
        """
        ...

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep the entries, all of them or none; when this returns they outlast the process.

        Of a job with a ``final`` entry nothing that came before it has to be kept; of one with a final entry without
        a body nothing at all.

        Raises:
            StoreError: They were not kept. The scheduler tries again with what nobody waits for.
        """
        ...

    def compact(self) -> None:
        """Give room back that entries no longer need; the entries that ``read`` gives stay the same.

        Raises:
            StoreError: It cannot be written; the entries are there all the same.
        """
        ...

    def close(self) -> None:
        """Let the journal go; no effect if it is not open. Another scheduler may then take it."""
        ...
