"""One process that has imported everything, and forks another one for each cell: a cell then takes no import's time."""

from __future__ import annotations

import faulthandler
import gc
import json
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from attrs import define, field

from .cells import Cell, Jobs
from .life import live_again, live_again_in, look_back
from .scene import Scene

_LOOK_S: Final = 0.002
_MORE_S: Final = 30.0  # after the cell's bound, when faulthandler itself does not end it


@define
class Report:
    """What one cell's process has left.

    Attributes:
        cell: Which.
        exit_code: As ``os.waitstatus_to_exitcode`` gives it.
        seconds: From its start to its end.
        processor_s: What it used of a processor.
        facts: What it has put down, those of the next life included.
        stderr: What stands there.
        log: What jobcancel has logged.
        next_exit_code: Of the process that lives again on the file.
    """

    cell: Cell
    exit_code: int
    seconds: float
    processor_s: float
    facts: list[dict[str, Any]] = field(factory=list[dict[str, Any]])
    stderr: str = ""
    log: str = ""
    next_exit_code: int = 0


@define
class _Child:
    cell: Cell
    folder: Path
    started: float
    report: Report | None = None  # that of its first life, once it lives again


class Zygote:
    """Runs cells, ``at_once`` of them at once.

    Args:
        folder: For the cells' files.
        at_once: How many processes there are.
        bound_s: How long a cell may take.
    """

    def __init__(self, folder: Path, at_once: int, bound_s: float) -> None:
        self._folder, self._at_once, self._bound_s = folder, at_once, bound_s
        self._running: dict[int, _Child] = {}
        self._begun = 0
        self.child: Callable[[], int] | None = None

    def run(self, cells: Iterable[Cell]) -> Iterator[Report]:
        """Give the reports as they come. In a forked child it ends at once and leaves ``child`` to be called.

        The caller does that where nothing of the parent is left to unwind, and exits as any program does.
        """
        gc.collect()
        gc.freeze()
        todo = deque(cells)
        while todo or self._running:
            while todo and len(self._running) < self._at_once:
                cell = todo.popleft()
                self._begun += 1
                folder = self._folder / f"{self._begun}"
                folder.mkdir()
                if self._fork(_Child(cell, folder, time.monotonic()), partial(first_life, cell, folder)):
                    return
            for pid in [*self._running]:
                ended = self._look(pid)
                if ended is not None and ended.report is None:
                    return
                if ended is not None and ended.report is not None:
                    yield ended.report
            time.sleep(_LOOK_S)

    def _fork(self, child: _Child, main: Callable[[], None]) -> bool:
        """Fork; return whether this is the child."""
        pid = os.fork()
        if pid:
            self._running[pid] = child
            return False
        self.child = partial(in_child, main, child.folder, self._bound_s)
        return True

    def _look(self, pid: int) -> _Child | None:
        """Return the child if its cell is done; one without a report means that this is a new child."""
        child = self._running[pid]
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if not done:
            if time.monotonic() > child.started + self._bound_s + _MORE_S:
                os.kill(pid, signal.SIGKILL)
            return None
        del self._running[pid]
        code = os.waitstatus_to_exitcode(status)
        if child.report is not None:
            child.report.next_exit_code = code
        else:
            used = usage.ru_utime + usage.ru_stime
            report = Report(child.cell, code, time.monotonic() - child.started, used)
            if child.cell.store == "sqlite":
                again = _Child(child.cell, child.folder, time.monotonic(), report)
                forked = self._fork(again, partial(live_again_in, child.cell, child.folder))
                return _Child(child.cell, child.folder, 0) if forked else None
            child.report = report
        _collect(child.report, child.folder)
        return child


def _collect(report: Report, folder: Path) -> None:
    facts, log = folder / "facts", folder / "log"
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    report.facts = [json.loads(line) for line in lines]
    report.stderr = (folder / "stderr").read_text(encoding="utf-8", errors="replace")
    report.log = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def in_child(main: Callable[[], None], folder: Path, bound_s: float) -> int:
    """Be a process of its own: stderr, log, signals and a time when it is over whatever happens."""
    stderr = os.open(folder / "stderr", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(stderr, 1)
    os.dup2(stderr, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.dump_traceback_later(bound_s, exit=True, file=stderr)
    warnings.simplefilter("always")
    logger = logging.getLogger("jobcancel")
    logger.addHandler(logging.FileHandler(folder / "log", delay=True, errors="backslashreplace"))
    logger.propagate = False
    main()
    gc.collect()
    return 0


def first_life(cell: Cell, folder: Path) -> None:
    """Run the cell's host as its own program would, and put down what came out of it."""
    scene = Scene(cell, folder)
    threading.Thread(target=scene.drive, name="driver", daemon=True).start()
    try:
        outcome = _outcome(scene)
    except KeyboardInterrupt as error:  # the second one came when all was over
        scene.close()
        outcome = named(error)
    scene.facts.put("outcome", name=outcome)
    look_back(scene)
    if cell.store == "memory" and scene.store is not None:
        if cell.ending.jobs is Jobs.DROPPED:
            scene.store.close()  # as the process's end closes a file
        live_again(cell, scene.store, scene.facts)


def _outcome(scene: Scene) -> str:
    try:
        scene.cell.ending.run(scene)
    except BaseException as error:
        outcome = named(error)
    else:
        outcome = "returned"
    scene.close()
    return outcome


def named(error: BaseException) -> str:
    """Return an exception's name, with those in a group, and what a ``RuntimeError`` of the loop says."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return f"{type(group).__name__}({', '.join(map(named, group.exceptions))})"
    return f"RuntimeError: {error}" if type(error) is RuntimeError else type(error).__name__


def flush() -> None:
    """Write what a fork would write twice."""
    sys.stdout.flush()
    sys.stderr.flush()
