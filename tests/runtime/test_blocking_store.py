"""``BlockingScheduler`` with a store: jobs survive its thread, and a failed commit raises to the caller."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from jobcancel import BlockingScheduler, JobContext, Registry
from jobcancel.abc import Entry
from jobcancel.errors import StoreError
from jobcancel.stores import MemoryStore, SqliteStore

BACKENDS = ["asyncio", "trio"]


class FullStore(MemoryStore):
    """A store whose disk is full when a test says so."""

    full = False

    def append(self, entries: Sequence[Entry]) -> None:
        if self.full:
            raise StoreError("disk", "has no room left")
        super().append(entries)


def registered() -> tuple[Registry, threading.Event]:
    """A kind whose first attempt waits until it is stopped, and what is set when that has begun."""
    registry, begun = Registry(), threading.Event()

    @registry.kind("work", on_restart="rerun")
    async def work(job: JobContext, text: str) -> str:
        begun.set()
        if job.attempt == 1:
            await anyio.sleep_forever()
        return f"{text} in attempt {job.attempt}"

    return registry, begun


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_job_resumes_when_the_scheduler_starts_again(backend: str, tmp_path: Path) -> None:
    registry, begun = registered()
    with BlockingScheduler(registry, backend=backend, store=SqliteStore(tmp_path / "jobs.db")) as jobs:
        handle = jobs.submit("work", "done", key="once")
        assert begun.wait(30)

    with BlockingScheduler(registry, backend=backend, store=SqliteStore(tmp_path / "jobs.db")) as jobs:
        again = jobs.submit("work", "done", key="once")
        snapshot = jobs.wait(handle.id)
        verdict = jobs.cancel(handle.id)

    assert (again.id, again.created) == (handle.id, False)
    assert (snapshot.state, snapshot.result) == ("succeeded", "done in attempt 2")
    assert verdict.outcome == "already_terminal"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_failed_commit_is_raised_and_has_no_effect(backend: str) -> None:
    registry, begun = registered()
    store = FullStore()
    with BlockingScheduler(registry, backend=backend, store=store) as jobs:
        handle = jobs.submit("work", "done")
        assert begun.wait(30)
        store.full = True
        with pytest.raises(StoreError, match="no room left"):
            jobs.submit("work", "another")
        with pytest.raises(StoreError, match="no room left"):
            jobs.cancel(handle.id)
        assert [(job.id, job.cancel) for job in jobs.find().jobs] == [(handle.id, None)]
        store.full = False
        assert jobs.cancel(handle.id).outcome == "canceling"
        assert jobs.wait(handle.id).state == "canceled"
