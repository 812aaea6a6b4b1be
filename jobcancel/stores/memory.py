"""A journal in this process's memory, for a host's tests of what its jobs do after a restart."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from threading import Lock

from jobcancel._core.journal import Entry
from jobcancel.errors import StoreError, StoreInUseError

from .codec import ascii_only, decode_rows, encode_entries

_WHERE = "in memory"


class MemoryStore:
    """A ``Store`` that outlives its scheduler, not the process. Pass it to a second scheduler to test a restart.

    It holds encoded text, so that entries read back are equal to those from a file.
    """

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._in_use = Lock()  # a lock rather than a flag: two threads may open at once

    def __repr__(self) -> str:
        return f"<journal in memory of {len(self._texts)} jobs>"

    def open(self) -> None:
        """Open the store for one scheduler.

        Raises:
            StoreInUseError: Another scheduler has it open.
        """
        if not self._in_use.acquire(blocking=False):
            raise StoreInUseError(_WHERE, os.getpid())

    def read(self) -> Iterable[Entry]:
        """Return the entries, job by job.

        Raises:
            StoreError: The store is not open.
        """
        self._require_open()
        texts = [(job_id, text) for job_id, texts in self._texts.items() for text in texts]
        return decode_rows(_WHERE, ((number, *row) for number, row in enumerate(texts, 1)))

    def append(self, entries: Sequence[Entry]) -> None:
        """Append the entries, all of them or none.

        Raises:
            StoreError: The store is not open, or a body is no plain data.
        """
        self._require_open()
        rows, superseded = encode_entries(_WHERE, entries, ascii_only)
        for job_id in superseded:
            self._texts.pop(job_id, None)
        for job_id, text in rows:
            self._texts.setdefault(job_id, []).append(text)

    def compact(self) -> None:
        """Do nothing: ``append`` has deleted superseded entries already.

        Raises:
            StoreError: The store is not open.
        """
        self._require_open()

    def close(self) -> None:
        """Close the store; the entries stay."""
        if self._in_use.locked():
            self._in_use.release()

    def _require_open(self) -> None:
        if not self._in_use.locked():
            raise StoreError(_WHERE, "is not open; open() comes first")
