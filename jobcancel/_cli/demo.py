"""One run of the demo: a scheduler, one job, somebody who watches it, and somebody who may cancel it."""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
from attrs import frozen

from jobcancel import JobState, Scheduler, Snapshot
from jobcancel.errors import StoreError
from jobcancel.stores import SqliteStore

from .ingest import Ingested, project_ingest_github, registry
from .preflight import Place
from .stored import StoredJob
from .unfinished import going_on
from .view import View

# The view shows what the library logs; on the terminal it would tear the live view.
logging.getLogger("jobcancel").addHandler(logging.NullHandler())

ENDING_SIGNALS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}


@frozen
class Kept:
    """A run whose job is kept.

    Attributes:
        journal: Where.
        job: The job of an earlier run that goes on, or None for a new one.
    """

    journal: Path
    job: StoredJob | None


def run(place: Place, view: View, cancel_at: str | None, kept: Kept | None = None) -> Snapshot[Ingested]:
    """Run the job to its end, or with a journal to a SIGTERM, and return it as it is then.

    Args:
        place: What it works on, and where.
        view: Who is told what happens.
        cancel_at: The stage in which to ask for a cancel.
        kept: Where it is kept; None for a job that ends with this process.

    Raises:
        StoreError: The journal cannot be taken or written.
    """
    broken: list[Exception] = []
    try:
        return anyio.run(_run, place, view, cancel_at, kept)
    # Nobody reads any more, or the disk is full: the scheduler's shutdown has ended the job.
    except* (BrokenPipeError, StoreError) as group:
        broken += leaves(group)
    raise broken[0]


async def _run(place: Place, view: View, cancel_at: str | None, kept: Kept | None) -> Snapshot[Ingested]:
    store = None if kept is None else SqliteStore(kept.journal)
    async with Scheduler(registry, app=place.git, store=store) as scheduler:
        with view, anyio.open_signal_receiver(*ENDING_SIGNALS.values()) as signals:
            if kept is not None and kept.job is not None:
                job_id = kept.job.snapshot.id
                view.told(going_on(kept.job))
            else:
                handle = await scheduler.submit(project_ingest_github(place.repo, place.host, place.workdir))
                job_id = handle.id
            async with anyio.create_task_group() as group:
                watched = _Watched(scheduler, job_id, view)
                group.start_soon(watched.end_on_signal, signals, group.cancel_scope if kept else None)
                await watched.watch(cancel_at)
                group.cancel_scope.cancel()
    snapshot = await scheduler.get(job_id)
    view.ended(snapshot)
    return snapshot


@frozen
class _Watched:
    """The job of a run, and who is told of it."""

    scheduler: Scheduler
    job_id: str
    view: View

    async def watch(self, cancel_at: str | None) -> None:
        """Show the job after each change; ask for a cancel, once, when the stage is reached."""
        async with self.scheduler.watch(self.job_id) as snapshots:
            async for snapshot in snapshots:
                self.view.changed(snapshot)
                if cancel_at is not None and _reached(cancel_at, snapshot):
                    await self._cancel("--cancel-at", f"it reached {cancel_at}")
                    cancel_at = None

    async def end_on_signal(self, signals: AsyncIterator[signal.Signals], stop: anyio.CancelScope | None) -> None:
        """Ask politely at first: a stage that refuses is let through to its end. Whoever insists forces it.

        A job that is kept is canceled by Ctrl-C alone. SIGTERM ends the process as a system's shutdown does: the job
        is interrupted, by leaving the scheduler, and goes on in the next run.
        """
        names = {number: name for name, number in ENDING_SIGNALS.items()}
        insists = False
        async for number in signals:
            if number == signal.SIGTERM and stop is not None:
                self.view.told("SIGTERM: the run ends when the stage that is open can be left")
                stop.cancel()
                return
            await self._cancel(names[number], "interrupted", defer=True, force=insists)
            insists = True

    async def _cancel(self, by: str, reason: str, *, defer: bool = False, force: bool = False) -> None:
        try:
            verdict = await self.scheduler.cancel(self.job_id, by=by, reason=reason, defer=defer, force=force)
        except StoreError as error:
            self.view.told(f"cancel ({by}): not accepted, for it cannot be kept: {error}")
        else:
            self.view.answered(verdict, by)


def leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    """Return the errors in a group."""
    found: list[Exception] = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _reached(stage: str, snapshot: Snapshot[Any]) -> bool:
    return any(entry.step == stage for entry in snapshot.history)


def exit_code(snapshot: Snapshot[Any]) -> int:
    """Return 0 for what was wanted, 1 for a failure, 128 and the signal's number if one ended the job or the run."""
    if not snapshot.settled:
        return 128 + signal.SIGTERM
    if snapshot.state is JobState.CANCELED and snapshot.cancel is not None:
        number = ENDING_SIGNALS.get(snapshot.cancel.by or "")
        return 0 if number is None else 128 + number
    return int(snapshot.state is not JobState.SUCCEEDED)
