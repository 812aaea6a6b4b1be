"""What the tests of the explorer share: a handler made into what ``explore`` takes, and what its runs were answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from anyio.lowlevel import checkpoint

from jobcancel import Registry
from jobcancel.testing import Report, Run, Submission

Make = Callable[[], AbstractAsyncContextManager[Submission]]


def making(
    handler: Callable[..., Any], *, app: Any = None, undo: Sequence[Callable[[], object]] = (), **options: Any
) -> Make:
    """Return a ``make`` for a handler whose kind has these options."""
    kind = Registry().kind("work", **options)(handler)

    @asynccontextmanager
    async def make() -> AsyncGenerator[Submission]:
        yield Submission(kind(), app=app, compensations=undo)

    return make


async def two_steps() -> None:
    await checkpoint()
    await checkpoint()


class Answers:
    """A check that keeps what every run was answered, and how it ended."""

    def __init__(self) -> None:
        self.runs: list[tuple[list[str], str]] = []

    def __call__(self, run: Run[Any]) -> None:
        self.runs.append(([str(verdict.outcome) for verdict in run.verdicts], str(run.snapshot.state)))


def faults(report: Report) -> list[tuple[str, str | None]]:
    """Return what was found, and in which stage."""
    return [(str(finding.fault), finding.stage) for finding in report.findings]
