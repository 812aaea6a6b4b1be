"""A journal in this process's memory: for a host's tests of what its jobs do after a restart."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from threading import Lock

from jobcancel._core.journal import Entry
from jobcancel.errors import StoreError, StoreInUseError

from .codec import ascii_only, entries_of, rows_of

_WHERE = "in memory"


class MemoryStore:
    """A ``Store`` that outlasts its scheduler, not the process; give it to the next scheduler for a restart.

    It keeps text, as a file would: what is read back is what a file would give.
    """

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._in_use = Lock()  # a lock rather than a flag: two threads may open at once

    def __repr__(self) -> str:
        return f"<journal in memory of {len(self._texts)} jobs>"

    def open(self) -> None:
        """Take it for one scheduler alone.

        Raises:
            StoreInUseError: A scheduler has it.
        """
        if not self._in_use.acquire(blocking=False):
            raise StoreInUseError(_WHERE, os.getpid())

    def read(self) -> Iterable[Entry]:
        """Give the entries, job by job.

        Raises:
            StoreError: It is not open.
        """
        self._must_be_open()
        texts = [(job_id, text) for job_id, texts in self._texts.items() for text in texts]
        return entries_of(_WHERE, ((number, *row) for number, row in enumerate(texts, 1)))

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep the entries, all of them or none.

        Raises:
            StoreError: It is not open, or a body is no plain data.
        """
        self._must_be_open()
        rows, superseded = rows_of(_WHERE, entries, ascii_only)
        for job_id in superseded:
            self._texts.pop(job_id, None)
        for job_id, text in rows:
            self._texts.setdefault(job_id, []).append(text)

    def compact(self) -> None:
        """Do nothing: what was superseded has gone already.

        Raises:
            StoreError: It is not open.
        """
        self._must_be_open()

    def close(self) -> None:
        """Let it go; the entries stay."""
        if self._in_use.locked():
            self._in_use.release()

    def _must_be_open(self) -> None:
        if not self._in_use.locked():
            raise StoreError(_WHERE, "is not open; open() comes first")
