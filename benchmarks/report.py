"""The tables: for people, and as JSON."""

from __future__ import annotations

import asyncio
import json
import platform
from collections.abc import Iterator
from statistics import median
from typing import Any

from attrs import frozen

from . import cancel, settle
from .rounds import Round, measure
from .targets import CANCEL, SETTLE, Target


@frozen
class Run:
    """One run of everything: the rounds of both measurements."""

    settle: list[Round]
    cancel: list[Round]

    def figures(self) -> Iterator[tuple[Target, float]]:
        """Return each target and what this run makes of it."""
        for target in SETTLE:
            yield target, target.figure(self.settle)
        for target in CANCEL:
            yield target, target.figure(self.cancel)


def run(*, quick: bool) -> Run:
    """Measure everything once; ``quick`` only looks whether it runs."""
    jobs, live, rounds = (200, 200, 2) if quick else (5_000, 10_000, 9)
    return Run(
        asyncio.run(measure(settle.CONTENDERS, jobs, rounds)),
        asyncio.run(measure(cancel.CONTENDERS, live, rounds)),
    )


def as_json(runs: list[Run], *, quick: bool) -> str:
    """Return everything that was found, the worst figure of all runs first."""
    return json.dumps({"python": platform.python_version(), "quick": quick, "targets": list(_rows(runs, quick=quick))})


def as_text(runs: list[Run], *, quick: bool) -> Iterator[str]:
    """Return the lines for people."""
    yield f"CPython {platform.python_version()}, asyncio; CPU time, medians of interleaved rounds"
    yield ""
    yield from _costs("submit to settled", [run.settle for run in runs])
    yield from _costs("cancel all", [run.cancel for run in runs])
    yield f"{'ratio of':<20}{'to':<22}{'runs':<36}{'worst':>7}{'must':>7}{'aim':>7}  verdict"
    for row in _rows(runs, quick=quick):
        each = " ".join(f"{figure:.2f}" for figure in row["runs"])
        must, aim = (("-" if row[name] is None else f"{row[name]:.2f}") for name in ("must", "aim"))
        yield f"{row['row']:<20}{row['against']:<22}{each:<36}{row['worst']:>7.2f}{must:>7}{aim:>7}  {row['verdict']}"


def _rows(runs: list[Run], *, quick: bool) -> Iterator[dict[str, Any]]:
    for results in zip(*(run.figures() for run in runs), strict=True):
        target, figures = results[0][0], [figure for _, figure in results]
        yield {
            "row": target.row,
            "against": target.against,
            "worst": max(figures),
            "must": target.must,
            "aim": target.aim,
            "verdict": "smoke run" if quick else target.verdict(max(figures)),
            "runs": figures,
        }


def _costs(title: str, runs: list[list[Round]]) -> Iterator[str]:
    """Return what a job costs with each contender, over all runs."""
    rounds = [one for run in runs for one in run]
    yield f"{title}, microseconds a job"
    for name in rounds[0]:
        yield f"  {name:<24}{median(one[name] for one in rounds) * 1e6:>8.2f}"
    yield ""
