"""How `jobcancel serve` ends: the jobs first, then the server, and what a signal waits for is printed."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import typer
import uvicorn
from anyio.abc import TaskGroup
from attrs import define

from jobcancel import JobState, OnCancel, Registry, Scheduler, Snapshot

NAMED = 3  # so many stages are named; of more their number is said


@define
class Ending:
    """Ends a service when a signal comes.

    Jobs that a journal keeps are not canceled: they resume when the service is started again.

    Attributes:
        scheduler: Runs the jobs.
        registry: Their kinds.
        server: Answers for them.
        kept: Whether a journal keeps the jobs.
        begun: Whether a signal came before.
    """

    scheduler: Scheduler
    registry: Registry
    server: uvicorn.Server
    kept: bool
    begun: bool = False

    async def on_signals(self, signals: AsyncIterator[signal.Signals], group: TaskGroup) -> None:
        """End the jobs, then the server; at a second signal interrupt what shields its job, unless it is kept."""
        async for number in signals:
            if number == signal.SIGINT and sys.stdout.isatty():
                typer.echo()  # the terminal has written ^C into the line
            waits_for = await self._waits_for()
            if not self.begun:
                typer.echo("ending: jobs resume at the next start" if self.kept else "ending: jobs are being canceled")
                self.begun = True
                group.start_soon(self._end)
            elif not self.kept:
                typer.echo("ending at once: stages that refuse or defer are interrupted")
                await self.scheduler.cancel_many(by="a second signal", force=True)
                continue
            if waits_for:
                insist = "kill -9 loses nothing that was answered" if self.kept else "Ctrl-C again interrupts them"
                typer.echo(f"waiting for {_listed(waits_for)} to end; {insist}")

    async def _end(self) -> None:
        await self.scheduler.shutdown()  # a client that waits gets its answer while the server still runs
        self.server.should_exit = True

    async def _waits_for(self) -> list[str]:
        """Return the open stages that a shutdown does not interrupt, each with its job."""
        found: list[str] = []
        for state in (JobState.RUNNING, JobState.CANCELING):
            cursor = None
            while True:
                page = await self.scheduler.find(state=state, cursor=cursor)
                found += [f"{job.stage} of {job.id}" for job in page.jobs if self._shielded(job)]
                cursor = page.cursor
                if cursor is None:
                    break
        return found

    def _shielded(self, job: Snapshot[Any]) -> bool:
        stage = self.registry[job.kind].stages.get(job.stage or "")
        return stage is not None and stage.on_cancel is not OnCancel.INTERRUPT


def _listed(stages: list[str]) -> str:
    more = len(stages) - NAMED
    return ", ".join(stages[:NAMED]) + (f" and {more} more" if more > 0 else "")
