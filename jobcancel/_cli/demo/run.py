"""One run of the demo: a scheduler, one job, the view that shows it, and the signals that cancel it."""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator
from typing import Any

import anyio
from attrs import frozen

from jobcancel import JobState, Scheduler, Snapshot
from jobcancel._cli.terminal import END_SIGNALS
from jobcancel.errors import StoreError
from jobcancel.stores import SqliteStore

from .ingest import Ingested, project_ingest_github, registry
from .resume import Journal, describe_resumed
from .views import View
from .workspace import Workspace

# The view shows what the library logs; a log line on the terminal would break the live view.
logging.getLogger("jobcancel").addHandler(logging.NullHandler())


@frozen
class Options:
    """The options of a run.

    Attributes:
        cancel_at: The stage in which to request a cancel, or None.
        stage_s: The least duration of each stage in seconds.
    """

    cancel_at: str | None = None
    stage_s: float = 0


def run(workspace: Workspace, view: View, options: Options, journal: Journal | None = None) -> Snapshot[Ingested]:
    """Run the job to its end, or with a journal until SIGTERM, and return its last snapshot.

    Args:
        workspace: The repositories and folders.
        view: Shows the run.
        options: The options.
        journal: Stores the job; None for a job that ends with this process.

    Raises:
        StoreError: The journal cannot be opened or written.
        BrokenPipeError: The output was closed.
    """
    errors: list[Exception] = []
    try:
        return anyio.run(_run, workspace, view, options, journal)
    # The output is closed, or the disk is full: the scheduler's shutdown has ended the job.
    except* (BrokenPipeError, StoreError) as group:
        errors += leaves(group)
    raise errors[0]


async def _run(workspace: Workspace, view: View, options: Options, journal: Journal | None) -> Snapshot[Ingested]:
    store = None if journal is None else SqliteStore(journal.path)
    async with Scheduler(registry, app=workspace.git, store=store) as scheduler:
        with view, anyio.open_signal_receiver(*END_SIGNALS.values()) as signals:
            if journal is not None and journal.unfinished is not None:
                job_id = journal.unfinished.snapshot.id
                view.show_message(describe_resumed(journal.unfinished))
            else:
                call = project_ingest_github(workspace.repo, workspace.host, workspace.workdir, options.stage_s)
                job_id = (await scheduler.submit(call)).id
            async with anyio.create_task_group() as group:
                running = RunningJob(scheduler, job_id, view)
                group.start_soon(running.cancel_on_signals, signals, group.cancel_scope if journal else None)
                await running.watch(options.cancel_at)
                group.cancel_scope.cancel()
    snapshot = await scheduler.get(job_id)
    view.show_end(snapshot)
    return snapshot


@frozen
class RunningJob:
    """The job of a run, and the view that shows it."""

    scheduler: Scheduler
    job_id: str
    view: View

    async def watch(self, cancel_at: str | None) -> None:
        """Show the job after each change; request a cancel once when it reaches the stage ``cancel_at``."""
        async with self.scheduler.watch(self.job_id) as snapshots:
            async for snapshot in snapshots:
                self.view.show(snapshot)
                if cancel_at is not None and _has_reached(cancel_at, snapshot):
                    await self.cancel("--cancel-at", f"it reached {cancel_at}")
                    cancel_at = None

    async def cancel_on_signals(self, signals: AsyncIterator[signal.Signals], stop: anyio.CancelScope | None) -> None:
        """Request a cancel at the first signal; force it at every later one.

        A first Ctrl-C may be refused by the open stage. A first SIGTERM is deferred there instead, as at a shutdown.
        With a journal, SIGTERM cancels nothing: it ends the run by ``stop``, and the next run resumes the job.
        """
        names = {number: name for name, number in END_SIGNALS.items()}
        force = False
        async for number in signals:
            if number == signal.SIGTERM and stop is not None:
                self.view.show_message("SIGTERM: the run ends as soon as the open stage can be interrupted")
                stop.cancel()
                return
            await self.cancel(names[number], "interrupted", defer=number == signal.SIGTERM, force=force)
            force = True

    async def cancel(self, by: str, reason: str, *, defer: bool = False, force: bool = False) -> None:
        """Request a cancel and show the verdict."""
        try:
            verdict = await self.scheduler.cancel(self.job_id, by=by, reason=reason, defer=defer, force=force)
        except StoreError as error:
            self.view.show_message(f"cancel ({by}): not accepted, because it cannot be stored: {error}")
        else:
            self.view.show_verdict(verdict, by)


def leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    """Return the exceptions in a group and in the groups inside it."""
    found: list[Exception] = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _has_reached(stage: str, snapshot: Snapshot[Any]) -> bool:
    return any(entry.step == stage for entry in snapshot.history)


def exit_code(snapshot: Snapshot[Any]) -> int:
    """Return 0 for success or a requested cancel, 1 for a failure, 128 plus its number if a signal ended the run."""
    if not snapshot.settled:
        return 128 + signal.SIGTERM
    if snapshot.state is JobState.CANCELED and snapshot.cancel is not None:
        number = END_SIGNALS.get(snapshot.cancel.by or "")
        return 0 if number is None else 128 + number
    return int(snapshot.state is not JobState.SUCCEEDED)
