"""One run of the demo: a scheduler, one job, somebody who watches it, and somebody who may cancel it."""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator
from typing import Any

import anyio

from jobcancel import JobHandle, JobState, Scheduler, Snapshot

from .ingest import Ingested, project_ingest_github, registry
from .preflight import Place
from .view import View

# The view shows what the library logs; on the terminal it would tear the live view.
logging.getLogger("jobcancel").addHandler(logging.NullHandler())

ENDING_SIGNALS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}


def run(place: Place, view: View, cancel_at: str | None) -> Snapshot[Ingested]:
    """Run the job to its end and return it as it is then.

    Args:
        place: What it works on, and where.
        view: Who is told what happens.
        cancel_at: The stage in which to ask for a cancel.
    """
    broken: list[BrokenPipeError] = []
    try:
        return anyio.run(_run, place, view, cancel_at)
    except* BrokenPipeError as group:  # nobody reads any more: the scheduler's shutdown has canceled the job
        broken += [error for error in group.exceptions if isinstance(error, BrokenPipeError)]
    raise broken[0]


async def _run(place: Place, view: View, cancel_at: str | None) -> Snapshot[Ingested]:
    async with Scheduler(registry, app=place.git) as scheduler:
        with view, anyio.open_signal_receiver(*ENDING_SIGNALS.values()) as signals:
            handle = await scheduler.submit(project_ingest_github(place.repo, place.host, place.workdir))
            async with anyio.create_task_group() as group:
                group.start_soon(_cancel_on_signal, signals, handle, view)
                await _watch(scheduler, handle, view, cancel_at)
                group.cancel_scope.cancel()
    snapshot = await handle.wait()
    view.ended(snapshot)
    return snapshot


async def _watch(scheduler: Scheduler, handle: JobHandle[Ingested], view: View, cancel_at: str | None) -> None:
    """Show the job after each change; ask for a cancel, once, when the stage is reached."""
    async with scheduler.watch(handle.id) as snapshots:
        async for snapshot in snapshots:
            view.changed(snapshot)
            if cancel_at is not None and _reached(cancel_at, snapshot):
                view.answered(await handle.cancel(by="--cancel-at", reason=f"it reached {cancel_at}"), "--cancel-at")
                cancel_at = None


def _reached(stage: str, snapshot: Snapshot[Any]) -> bool:
    return any(entry.step == stage for entry in snapshot.history)


async def _cancel_on_signal(signals: AsyncIterator[signal.Signals], handle: JobHandle[Ingested], view: View) -> None:
    """Ask politely at first: a stage that refuses is let through to its end. Whoever insists forces it."""
    names = {number: name for name, number in ENDING_SIGNALS.items()}
    insists = False
    async for number in signals:
        verdict = await handle.cancel(by=names[number], reason="interrupted", defer=True, force=insists)
        view.answered(verdict, names[number])
        insists = True


def exit_code(snapshot: Snapshot[Any]) -> int:
    """Return 0 for what was wanted, 1 for a failure, and 128 and the signal's number if one ended the job."""
    if snapshot.state is JobState.CANCELED and snapshot.cancel is not None:
        number = ENDING_SIGNALS.get(snapshot.cancel.by or "")
        return 0 if number is None else 128 + number
    return int(snapshot.state is not JobState.SUCCEEDED)
