"""What one cell's process works with: the scheduler, what releases its jobs, and the facts that it leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import anyio
import trio
import uvloop

from jobcancel import Scheduler
from jobcancel.abc import Store
from jobcancel.stores import MemoryStore, SqliteStore

from .cells import Cell
from .kinds import World, begin

PAUSE_S: Final = 0.03  # between two signals, and until the jobs that wait for the gate may go on
_TICK_S: Final = 0.02


async def stay() -> None:
    """Do nothing until something ends the host.

    asyncio's loop misses a signal that arrives just before it waits. A loop that wakes often handles that one later.
    """
    while True:  # noqa: ASYNC110  # no event ends it
        await anyio.sleep(_TICK_S)


class Facts:
    """A file of what happened, one JSON object a line; it survives whatever becomes of the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def put(self, what: str, **fields: Any) -> None:
        """Add a fact."""
        os.write(self._file, json.dumps({"what": what, **fields}).encode() + b"\n")


class Scene:
    """One cell while it runs.

    Attributes:
        cell: Which.
        facts: What happened.
        world: What the jobs work with; its gate releases them.
        store: The journal, or None.
        scheduler: The host's.
        ends: Set by the host when everything is as the cell wants it: now it ends, or wants its signals.
        handled: Set when the host's code has handled the first signal; only then the next one is sent. CPython merges
            two signals if its main thread has no time between them.
        leaving: Set when the host's body is over.
    """

    def __init__(self, cell: Cell, folder: Path) -> None:
        self.cell = cell
        self.facts: Facts = Facts(folder / "facts")
        self.world: World = World(self.facts.put)
        self.store: Store | None = store_of(cell.store, folder)
        self.scheduler: Scheduler = Scheduler(cell.ending.kinds(), app=self.world, store=self.store)
        self.ends: threading.Event = threading.Event()
        self.handled: threading.Event = threading.Event()
        self.leaving: threading.Event = threading.Event()
        self._over = False
        self._lock = threading.Lock()
        self._main = threading.get_ident()

    def run(self, main: Callable[[], Awaitable[object]]) -> None:
        """Run an async host as it would run itself on the cell's loop."""
        if self.cell.loop == "trio":
            trio.run(main)
            return
        factory = uvloop.new_event_loop if self.cell.loop == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:

            async def awaits() -> None:
                await main()

            runner.run(awaits())

    async def begin(self) -> None:
        """Bring the jobs where the cell wants them; the scheduler is open."""
        await begin(self.world, self.scheduler, self.cell.situation)

    def leave(self) -> None:
        """Note that the host's body is over."""
        self.handled.set()
        self.leaving.set()

    def wrong(self, problem: str) -> None:
        """Put down what the host itself has found to be wrong."""
        self.facts.put("wrong", problem=problem)

    def drive(self) -> None:
        """Send the ending's signals and release the jobs, from a thread of its own."""
        self.ends.wait()
        time.sleep(PAUSE_S)  # the loop then waits in its selector, most probably; see ``stay``
        for each in self.cell.ending.signals:
            self._signal(each)
            if len(self.cell.ending.signals) > 1:
                self.handled.wait()
            time.sleep(PAUSE_S)
        self.leaving.wait()
        time.sleep(PAUSE_S)
        self.facts.put("gate opens")
        self.world.gate.set()

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if not self._over:
                signal.pthread_kill(self._main, number)  # as the kernel does for a process: its main thread first

    def close(self) -> None:
        """Send no more signals: the host is over."""
        with self._lock:
            self._over = True


def store_of(name: str, folder: Path) -> Store | None:
    """Return a store by its name in the matrix."""
    if name == "none":
        return None
    return MemoryStore() if name == "memory" else SqliteStore(folder / "jobs.db")
