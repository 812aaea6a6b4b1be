"""What the process holds: memory, objects, tasks, threads, open files; and whether it stays flat."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path
from typing import Final, cast

from attrs import define, field

SAMPLES: Final = 50  # one at every 2 % of a run
RISE: Final = 1.10  # how much of the second quarter's maximum the last half's may be
LEAST: Final = 100_000  # jobs; below, a sample is taken before the caches of the interpreter are full
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@define
class Gauge:
    """Samples of memory in MiB and of objects that the collector knows, taken after a full collection."""

    rss: list[float] = field(factory=list[float])
    objects: list[int] = field(factory=list[int])

    def sample(self) -> None:
        gc.collect()
        self.rss.append(int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 2**20)
        self.objects.append(len(gc.get_objects()))

    def risen(self) -> list[str]:
        """Return what is not flat: the last half's maximum is more than ``RISE`` times the second quarter's."""
        return [
            f"{name} rose from {before:.0f} to {after:.0f}"
            for name, before, after in (("rss, MiB,", *_maxima(self.rss)), ("objects", *_maxima(self.objects)))
            if after > RISE * before
        ]


def _maxima(samples: list[float] | list[int]) -> tuple[float, float]:
    """Return the maximum of the second quarter and of the last half."""
    count = len(samples)
    return max(samples[count // 4 : count // 2], default=0), max(samples[count // 2 :], default=0)


def instances(*names: str) -> dict[str, int]:
    """Return how many objects of the package's classes of these names are alive, those that are."""
    gc.collect()
    counts: dict[str, int] = {}
    for thing in cast("list[object]", gc.get_objects()):
        kind = type(thing)
        if kind.__name__ in names and kind.__module__.startswith("jobcancel"):
            counts[kind.__name__] = counts.get(kind.__name__, 0) + 1
    return counts


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a count, no paths


def tasks() -> int:
    """Return how many tasks live in the running loop."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        import trio

        return trio.lowlevel.current_statistics().tasks_living


def threads() -> list[str]:
    """Return the threads other than the main one and the idle workers of the loops' pools."""
    names = (thread.name for thread in threading.enumerate() if thread is not threading.main_thread())
    return [name for name in names if not name.startswith(("AnyIO worker", "Trio thread"))]
