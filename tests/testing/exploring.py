"""Helpers for the tests of ``explore``: a ``make`` for a handler, a check that records, the faults of a report."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from anyio.lowlevel import checkpoint

from jobcancel import Registry
from jobcancel.testing import Report, Run, Submission

Make = Callable[[], AbstractAsyncContextManager[Submission]]


def make_for(
    handler: Callable[..., Any], *, app: Any = None, undo: Sequence[Callable[[], object]] = (), **options: Any
) -> Make:
    """Return a ``make`` for a handler; the options are those of its kind."""
    kind = Registry().kind("work", **options)(handler)

    @asynccontextmanager
    async def make() -> AsyncGenerator[Submission]:
        yield Submission(kind(), app=app, compensations=undo)

    return make


async def two_steps() -> None:
    await checkpoint()
    await checkpoint()


class Answers:
    """A check that records the outcomes of every run and the state in which it ended."""

    def __init__(self) -> None:
        self.runs: list[tuple[list[str], str]] = []

    def __call__(self, run: Run[Any]) -> None:
        self.runs.append(([str(verdict.outcome) for verdict in run.verdicts], str(run.snapshot.state)))


def faults(report: Report) -> list[tuple[str, str | None]]:
    """Return the fault and the stage of each finding."""
    return [(str(finding.fault), finding.stage) for finding in report.findings]
