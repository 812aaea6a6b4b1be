"""Ctrl-C on trio, which raises in whatever code runs when the signal arrives: in a job's own code, nowhere else."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import partial

import pytest
import trio

from jobcancel import CompensationContext, JobContext, OnRestart, Registry, Scheduler
from jobcancel._runtime.session import Session


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # trio replaces no other
    yield
    signal.signal(signal.SIGINT, before)


async def serve(scheduler: Scheduler, ids: list[str], kind: str) -> None:
    async with scheduler:
        job = await scheduler.submit(kind)
        ids.append(job.id)
        await trio.sleep_forever()


def states(scheduler: Scheduler, ids: list[str]) -> list[str]:
    """Return the jobs' states; the scheduler is left."""

    async def read() -> list[str]:
        return [(await scheduler.get(job_id)).state for job_id in ids]

    return trio.run(read)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_a_compensation_is_not_torn() -> None:
    kinds, done, ids = Registry(), list[str](), list[str]()

    @kinds.compensation("undo")
    async def undo(context: CompensationContext) -> None:
        interrupt()
        done.append("undone")

    @kinds.kind("fails")
    async def fails(job: JobContext) -> None:
        job.add_compensation("undo")
        raise ValueError("the job's own")

    scheduler = Scheduler(kinds)
    with pytest.raises(KeyboardInterrupt):
        trio.run(serve, scheduler, ids, "fails")

    assert done == ["undone"]
    assert states(scheduler, ids) == ["failed"]


def test_a_serving_task_is_not_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds, ids, steps = Registry(), list[str](), list[str]()
    serve_threads = Session._wait_left  # pyright: ignore[reportPrivateUsage]

    async def interrupted_first(self: Session) -> None:
        steps.append("a serving task")
        interrupt()
        steps.append("goes on")
        await serve_threads(self)

    monkeypatch.setattr(Session, "_wait_left", interrupted_first)

    @kinds.kind("returns")
    async def returns(job: JobContext) -> int:
        return 1

    with pytest.raises(KeyboardInterrupt):  # bare: a task of the scheduler's nursery would give a group
        trio.run(serve, Scheduler(kinds), ids, "returns")

    assert steps == ["a serving task", "goes on"]


@pytest.mark.parametrize("on_restart", OnRestart)
def test_a_jobs_own_code_is_interrupted_at_once(on_restart: OnRestart) -> None:
    kinds, reached, ids = Registry(), list[str](), list[str]()

    async def loops(job: JobContext) -> None:
        interrupt()
        reached.append("code without a checkpoint went on")

    kinds.kind("loops", on_restart=on_restart)(loops)
    scheduler = Scheduler(kinds)
    with pytest.raises(KeyboardInterrupt):
        trio.run(partial(serve, scheduler, ids), "loops")

    assert reached == []
    assert states(scheduler, ids) == ["failed"]
