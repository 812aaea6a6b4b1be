"""What is left of the jobs: as the scheduler shows them, as the journal has them, and as the next life ends them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from jobcancel import Scheduler, Snapshot
from jobcancel._core.journal import Replay
from jobcancel._runtime.table import Filters, find_at_once
from jobcancel.abc import Store

from .cells import Cell
from .kinds import World
from .scene import Facts, Scene, store_of

_SETTLES_S: Final = 20.0
_MOST: Final = 100


def shown(snapshot: Snapshot[Any]) -> dict[str, Any]:
    """Return what the judge wants to know of a job."""
    cancel = snapshot.cancel
    return {
        "id": snapshot.id,
        "kind": snapshot.kind,
        "state": snapshot.state,
        "code": None if snapshot.failure is None else snapshot.failure.code,
        "cause": None if cancel is None else cancel.cause,
        "failed": [entry.step for entry in snapshot.history if entry.status == "CLEANUP_FAILED"],
    }


def look_back(scene: Scene) -> None:
    """Put down what the scheduler shows, now that its host is over."""
    table = scene.scheduler._dispatcher.table  # pyright: ignore[reportPrivateUsage]  # no loop runs any more
    scene.facts.put("shown", jobs=[shown(each) for each in find_at_once(table, Filters(), None, _MOST).jobs])


def journal_of(store: Store) -> list[dict[str, Any]]:
    """Return what a journal has of its jobs, before anything is made of that."""
    jobs: dict[str, Replay] = {}
    store.open()
    try:
        for job_id, body, final in store.read():
            if body is None:
                jobs.pop(job_id, None)
                continue
            if final:
                jobs[job_id] = Replay(job_id)
            jobs.setdefault(job_id, Replay(job_id)).take(body)
    finally:
        store.close()
    return [{"id": each.job_id, "kind": each.kind, "state": each.state} for each in jobs.values()]


def live_again(cell: Cell, store: Store, facts: Facts) -> None:
    """Put down what the journal has, and how a scheduler that nothing disturbs ends what is open in it."""
    facts.put("journal", jobs=journal_of(store))
    world = World(facts.put, calm=True)
    world.gate.set()
    asyncio.run(_settle(Scheduler(cell.ending.kinds(), app=world, store=store), facts))


def live_again_in(cell: Cell, folder: Path) -> None:
    """Do that with the file that another process has left."""
    store = store_of("sqlite", folder)
    assert store is not None
    live_again(cell, store, Facts(folder / "facts"))


async def _settle(scheduler: Scheduler, facts: Facts) -> None:
    async with scheduler:
        page = await scheduler.find(limit=_MOST)
        settled = [await scheduler.wait(job.id, timeout_s=_SETTLES_S) for job in page.jobs]
        facts.put("settled", jobs=[shown(each) for each in settled])
