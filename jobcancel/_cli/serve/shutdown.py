"""How `jobcancel serve` ends at a signal: the jobs first, then the server; it prints the stages that it waits for."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

import typer
from anyio.abc import TaskGroup
from attrs import define

from jobcancel import JobState, OnCancel, Registry, Scheduler, Snapshot

_STAGES_LISTED: Final = 3


class Server(Protocol):
    """The part of a uvicorn server that a shutdown uses.

    Attributes:
        should_exit: Set to end the server.
    """

    should_exit: bool


@define
class Shutdown:
    """Ends a service at a signal.

    Jobs in a journal are not canceled: the next start resumes them.

    Attributes:
        scheduler: Runs the jobs.
        registry: The jobs' kinds.
        server: Serves them.
        durable: Whether the jobs are in a journal.
        begun: Whether a signal came before.
    """

    scheduler: Scheduler
    registry: Registry
    server: Server
    durable: bool
    begun: bool = False

    async def on_signals(self, signals: AsyncIterator[signal.Signals], group: TaskGroup) -> None:
        """End the jobs, then the server. At a second signal, interrupt shielded stages of jobs without a journal."""
        async for number in signals:
            if number == signal.SIGINT and sys.stdout.isatty():
                typer.echo()  # the terminal has written ^C into the line
            shielded = await self._shielded_stages()
            if not self.begun:
                typer.echo(f"ending: jobs {'resume at the next start' if self.durable else 'are being canceled'}")
                self.begun = True
                group.start_soon(self._end)
            elif not self.durable:
                typer.echo("ending at once: stages that refuse or defer a cancel are interrupted")
                await self.scheduler.cancel_many(by="a second signal", force=True)
                continue
            if shielded:
                way_out = "kill -9 loses no answered request" if self.durable else "Ctrl-C again interrupts them"
                typer.echo(f"waiting for {_shortened(shielded)} to end; {way_out}")

    async def _end(self) -> None:
        await self.scheduler.shutdown()  # while the server still runs, so that waiting clients get their answers
        self.server.should_exit = True

    async def _shielded_stages(self) -> list[str]:
        """Return the open stages that a shutdown does not interrupt, each with its job."""
        found: list[str] = []
        for state in (JobState.RUNNING, JobState.CANCELING):
            cursor = None
            while True:
                page = await self.scheduler.find(state=state, cursor=cursor)
                found += [f"{job.stage} of {job.id}" for job in page.jobs if self._is_shielded(job)]
                cursor = page.cursor
                if cursor is None:
                    break
        return found

    def _is_shielded(self, job: Snapshot[Any]) -> bool:
        stage = self.registry[job.kind].stages.get(job.stage or "")
        return stage is not None and stage.on_cancel is not OnCancel.INTERRUPT


def _shortened(stages: list[str]) -> str:
    more = len(stages) - _STAGES_LISTED
    return ", ".join(stages[:_STAGES_LISTED]) + (f" and {more} more" if more > 0 else "")
