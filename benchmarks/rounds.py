"""Interleaved rounds: every contender once a round, in an order that rotates, on the CPU's clock."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Mapping, Sequence
from time import process_time
from types import TracebackType
from typing import Any


class Stopwatch:
    """The CPU time of a ``with`` block, in seconds as ``cpu_s``.

    Every contender is given the same garbage collector: a full collection before, then left on as in a service.
    """

    cpu_s = 0.0

    def __enter__(self) -> Stopwatch:
        gc.collect()
        self._begun = process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cpu_s = process_time() - self._begun


Round = Mapping[str, float]  # CPU seconds a job, by contender

# Does the work for so many jobs; what is set up and torn down around it stays outside of the stopwatch.
Contender = Callable[[int, Stopwatch], Coroutine[Any, Any, None]]


async def measure(contenders: Mapping[str, Contender], jobs: int, rounds: int) -> list[Round]:
    """Return each round's CPU seconds a job, by contender; a first round warms up and does not count."""
    names = list(contenders)
    measured = [await _round(contenders, _rotated(names, number), jobs) for number in range(rounds + 1)]
    return measured[1:]


async def _round(contenders: Mapping[str, Contender], order: Sequence[str], jobs: int) -> Round:
    took = dict.fromkeys(contenders, 0.0)
    for name in order:
        watch = Stopwatch()
        await contenders[name](jobs, watch)
        await asyncio.sleep(0)  # what the contender left on the loop is its own
        took[name] = watch.cpu_s / jobs
    return took


def _rotated(names: list[str], by: int) -> list[str]:
    by %= len(names)
    return names[by:] + names[:by]
