"""Stores in trouble: slow ones, and ones that fail for a while."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from jobcancel.abc import Entry, Store
from jobcancel.errors import StoreError
from jobcancel.stores import MemoryStore, SqliteStore


class TroubledStore:
    """A store in front of a good one.

    Attributes:
        delay_s: How long each append takes at least, in real seconds.
        failures: How many appends are still to fail.
        failed: How many have.
    """

    def __init__(self, store: Store, delay_s: float) -> None:
        self._store, self.delay_s = store, delay_s
        self.failures = self.failed = 0

    def open(self) -> None:
        self._store.open()

    def read(self) -> Iterable[Entry]:
        return self._store.read()

    def append(self, entries: Sequence[Entry]) -> None:
        time.sleep(self.delay_s)
        if self.failures:
            self.failures -= 1
            self.failed += 1
            raise StoreError("in a test", "the disk is full")
        self._store.append(entries)

    def compact(self) -> None:
        self._store.compact()

    def close(self) -> None:
        self._store.close()


def make_store(name: str, folder: Path, delay_s: float) -> TroubledStore | None:
    """The store of that name, or None for none."""
    if name == "none":
        return None
    return TroubledStore(MemoryStore() if name == "memory" else SqliteStore(folder / "jobs.db"), delay_s)
