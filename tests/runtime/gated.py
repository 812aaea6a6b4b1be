"""A store whose every commit waits for the test, which may also let it fail."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from anyio import to_thread

from jobcancel.abc import Entry
from jobcancel.errors import StoreError
from jobcancel.stores import MemoryStore


class GatedStore(MemoryStore):
    """In memory; while ``closed`` a commit waits at the gate until ``pass_one`` or ``fail_one``.

    Attributes:
        closed: Whether commits stop at the gate.
        fails: Whether each commit that comes through the gate fails.
        raises: What is raised in its place.
        tries: How many have come.
        bodies: What was committed, with the ids of the jobs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.closed = self.fails = False
        self.raises: BaseException | None = None
        self.tries = 0
        self.bodies: list[tuple[str, Any]] = []
        self._arrived = threading.Semaphore(0)
        self._passed = threading.Semaphore(0)
        self._problem: StoreError | None = None

    def append(self, entries: Sequence[Entry]) -> None:
        self.tries += 1
        if self.closed:
            self._arrived.release()
            self._passed.acquire()
            problem, self._problem = self._problem, None
            if problem is not None:
                raise problem
        if self.raises is not None:
            raise self.raises
        if self.fails:
            raise StoreError("at the gate", "it is full")
        super().append(entries)
        self.bodies += [(job_id, body) for job_id, body, _ in entries]

    async def arrived(self) -> None:
        """Wait until a commit waits at the gate."""
        await to_thread.run_sync(self._arrived.acquire)

    def pass_one(self) -> None:
        self._passed.release()

    def fail_one(self) -> None:
        self._problem = StoreError("at the gate", "it is full")
        self._passed.release()

    def open_gate(self) -> None:
        """Let the commit at the gate pass, if there is one, and all that come."""
        self.closed = False
        self._passed.release()
