"""Interleaved rounds: every contender once a round in an order of its own, CPU and wall apart, collections noted.

A ratio is taken within one round, so that both sides met the same machine; a first round warms up and does not count.
The orders are shuffled, by the round's number: were they rotated, one contender would always meet the heap as the same
other one had left it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from random import Random
from statistics import median
from time import perf_counter, process_time
from types import TracebackType
from typing import Any, NamedTuple

import anyio
from anyio.lowlevel import checkpoint

from .figures import Figure

BACKENDS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}


class Stopwatch:
    """The time of a ``with`` block in seconds: ``cpu_s``, ``wall_s`` and, contained in both, ``gc_s``.

    Every contender is given the same garbage collector: a full collection before, then left on as in a service.
    """

    cpu_s = wall_s = gc_s = 0.0

    def __enter__(self) -> Stopwatch:
        gc.collect()
        gc.callbacks.append(self._collecting)
        self._wall, self._cpu = perf_counter(), process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cpu_s, self.wall_s = process_time() - self._cpu, perf_counter() - self._wall
        gc.callbacks.remove(self._collecting)

    def _collecting(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._collects = perf_counter()
        else:
            self.gc_s += perf_counter() - self._collects


class Sample(NamedTuple):
    """What one contender took in one round, in seconds a job."""

    cpu_s: float
    wall_s: float
    gc_s: float


Round = Mapping[str, Sample]

# Does the work for so many jobs; what is set up and torn down around it stays outside of the stopwatch.
Contender = Callable[[int, Stopwatch], Coroutine[Any, Any, None]]


def measure(contenders: Mapping[str, Contender], jobs: int, rounds: int, backend: str) -> list[Round]:
    """Return each round's samples by contender."""
    name, options = BACKENDS[backend]
    return anyio.run(_rounds, contenders, jobs, rounds, backend=name, backend_options=options)


async def _rounds(contenders: Mapping[str, Contender], jobs: int, rounds: int) -> list[Round]:
    names = list(contenders)
    orders = [Random(number).sample(names, len(names)) for number in range(rounds + 1)]  # noqa: S311  # no secret
    return [await _round(contenders, order, jobs) for order in orders][1:]


async def _round(contenders: Mapping[str, Contender], order: Sequence[str], jobs: int) -> Round:
    took: dict[str, Sample] = {}
    for name in order:
        watch = Stopwatch()
        await contenders[name](jobs, watch)
        await checkpoint()  # what the contender left on the loop is its own
        took[name] = Sample(watch.cpu_s / jobs, watch.wall_s / jobs, watch.gc_s / jobs)
    return {name: took[name] for name in contenders}


def ratio(
    rounds: Sequence[Round],
    row: str,
    one: str,
    other: str,
    must: float | None = None,
    aim: float | None = None,
    note: str = "",
) -> Figure:
    """Return what one contender costs in terms of another, in CPU time."""
    values = tuple(each[one].cpu_s / each[other].cpu_s for each in rounds)
    return Figure(f"{row} / {other}", "ratio", values, must, aim, note)


def costs(rounds: Sequence[Round], row: str) -> Iterator[Figure]:
    """Return what a job costs with each contender, in microseconds of CPU."""
    for name in rounds[0]:
        cpu, wall, collecting = (tuple(each[name][place] * 1e6 for each in rounds) for place in range(3))
        note = f"wall {median(wall):.3g}, of it the collector {median(collecting):.2g}"
        yield Figure(f"{row}: {name}", "us", cpu, note=note)
