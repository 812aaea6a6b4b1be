"""What a group of measurements gives: costs, of which less is better, with their spread and what is wanted of them."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from statistics import median
from typing import Any

from attrs import asdict, frozen


@frozen
class Figure:
    """One cost, as one run found it.

    Attributes:
        row: What was measured.
        unit: Of the values; ``ratio`` for a cost in terms of another.
        values: One a round.
        must: What may not be exceeded; None if nothing is promised.
        aim: What is to be had if it is cheap.
        note: What has to be known of it; without values, why there are none.
    """

    row: str
    unit: str
    values: tuple[float, ...] = ()
    must: float | None = None
    aim: float | None = None
    note: str = ""


@frozen
class Line:
    """One cost over all runs.

    Attributes:
        group: The group of measurements.
        row: What was measured.
        unit: Of the values.
        runs: The median of each run's rounds.
        low: The least of all rounds.
        high: The most of all rounds.
        must: What may not be exceeded.
        aim: What is to be had if it is cheap.
        note: What has to be known of it.
        verdict: What the worst run makes of it.
    """

    group: str
    row: str
    unit: str
    runs: tuple[float, ...]
    low: float
    high: float
    must: float | None
    aim: float | None
    note: str
    verdict: str


def merged(group: str, runs: Sequence[Sequence[Figure]], *, quick: bool) -> Iterator[Line]:
    """Return a group's lines; each run has the same figures."""
    for figures in zip(*runs, strict=True):
        first = figures[0]
        every = [value for figure in figures for value in figure.values]
        medians = tuple(median(figure.values) for figure in figures if figure.values)
        low, high = (min(every), max(every)) if every else (0.0, 0.0)
        verdict = "smoke run" if quick else _verdict(medians, first)
        yield Line(group, first.row, first.unit, medians, low, high, first.must, first.aim, first.note, verdict)


def _verdict(medians: Sequence[float], wanted: Figure) -> str:
    if not medians:
        return "not measured"
    if wanted.must is None and wanted.aim is None:
        return ""
    worst = max(medians)
    if wanted.aim is not None and worst <= wanted.aim:
        return "aim met"
    return "must met" if wanted.must is not None and worst <= wanted.must else "MISSED"


def environment(backend: str) -> dict[str, str]:
    """Return what the figures depend on."""
    versions = {name: version(name) for name in ("anyio", "attrs", *([backend] if backend != "asyncio" else []))}
    return {"python": platform.python_version(), "machine": platform.machine(), "backend": backend, **versions}


def as_json(lines: Sequence[Line], where: Mapping[str, str]) -> str:
    """Return everything that was found."""
    return json.dumps({"environment": dict(where), "lines": [asdict(line) for line in lines]}, indent=1)


def as_text(lines: Sequence[Line], where: Mapping[str, str]) -> Iterator[str]:
    """Return the table for people."""
    yield ", ".join(f"{name} {value}" for name, value in where.items())
    yield "less is better; median of the runs' medians, the worst run, and in brackets the spread of all rounds"
    group = ""
    for line in lines:
        if line.group != group:
            group = line.group
            yield f"\n{group:<52}{'unit':<7}{'median':>10}{'worst':>10}  {'rounds':<22}{'must':>7}{'aim':>7}"
        yield _text(line)


def _text(line: Line) -> str:
    if not line.runs:
        return f"  {line.row:<50}{line.unit:<7}{'-':>10}  {line.note}"
    spread = f"({line.low:.4g} to {line.high:.4g})"
    must, aim = ("" if wanted is None else f"{wanted:g}" for wanted in (line.must, line.aim))
    ends = "  ".join(each for each in (line.verdict, line.note) if each)
    middle = f"{median(line.runs):>10.4g}{max(line.runs):>10.4g}"
    return f"  {line.row:<50}{line.unit:<7}{middle}  {spread:<22}{must:>7}{aim:>7}  {ends}".rstrip()


def read(text: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the environment and the lines of a JSON text that ``as_json`` wrote."""
    data = json.loads(text)
    return data["environment"], data["lines"]
