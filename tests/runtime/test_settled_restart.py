"""Settled jobs after a restart: they are there to be read, as they ended, and nothing runs again."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobcancel import JobContext, Registry, Scheduler
from jobcancel.abc import Store
from jobcancel.stores.memory import MemoryStore
from jobcancel.stores.sqlite import SqliteStore


@pytest.mark.parametrize("name", ["memory", "sqlite"])
async def test_a_settled_job_and_its_key_are_unchanged_after_a_restart(name: str, tmp_path: Path) -> None:
    store: Store = MemoryStore() if name == "memory" else SqliteStore(tmp_path / "jobs.db")
    registry, ran = Registry(), list[str]()

    @registry.kind("work")
    async def work(job: JobContext, outcome: str) -> str:
        ran.append(outcome)
        job.progress(1, 2, "half")
        if outcome == "fail":
            raise LookupError("nothing there")
        return outcome

    async with Scheduler(registry, store=store) as scheduler:
        handles = [await scheduler.submit(work(outcome), key=outcome) for outcome in ("succeed", "fail")]
        ended = [(await handle.wait()).to_dict() for handle in handles]

    async with Scheduler(registry, store=store) as scheduler:
        found = (await scheduler.find()).jobs
        again = [await scheduler.submit(work(outcome), key=outcome) for outcome in ("succeed", "fail")]

    assert [job.to_dict() for job in reversed(found)] == ended
    assert [(handle.id, handle.created) for handle in again] == [(handle.id, False) for handle in handles]
    assert ran == ["succeed", "fail"]
