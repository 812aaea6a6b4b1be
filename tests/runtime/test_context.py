"""What only a running job may report: progress, notes, compensations, stages."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, cast

import pytest

from jobcancel import JobContext, JobState, Registry, Scheduler, Snapshot, Stage
from jobcancel.errors import (
    StageActiveError,
    StaleAttemptError,
    UnknownStageError,
)

from .restarts import Host


def entries(snapshot: Snapshot[Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(entry.step, entry.status, dict(entry.details)) for entry in snapshot.history]


async def test_the_last_progress_is_shown(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        job.progress(1, 10, "begun")
        job.progress(2.5)

    progress = (await (await scheduler.submit(work())).wait()).progress

    assert progress is not None
    assert (progress.done, progress.total, progress.message, progress.batch) == (2.5, None, None, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Decimal(1),), "done must be a finite number from 0, not Decimal"),
        ((1, object()), "total must be a finite number from 0, or None if it is not known, not <object"),
        ((1, 2, b"half"), "message must be a string or None, not bytes"),
    ],
)
async def test_progress_that_cannot_be_committed_is_refused(
    registry: Registry, scheduler: Scheduler, arguments: tuple[Any, ...], message: str
) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        with pytest.raises(TypeError, match=message):
            job.progress(*arguments)

    snapshot = await (await scheduler.submit(work())).wait()
    assert (snapshot.state, snapshot.progress) == (JobState.SUCCEEDED, None)


async def test_the_history_has_copies_of_notes(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        pages = [1, 2]
        job.note("fetched", pages=pages, url="https://example.org")
        pages.append(3)
        job.note("done")

    snapshot = await (await scheduler.submit(work())).wait()
    assert entries(snapshot) == [
        ("started", "running", {}),
        ("fetched", "noted", {"pages": [1, 2], "url": "https://example.org"}),
        ("done", "noted", {}),
        ("succeeded", "succeeded", {}),
    ]


async def test_a_note_that_is_no_plain_data_is_refused_with_its_path(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        with pytest.raises(TypeError, match=r"details\.page\[1\]\.body must be plain data .*, not bytes"):
            job.note("fetched", page=["text", {"body": b"raw"}])

    snapshot = await (await scheduler.submit(work())).wait()
    assert [step for step, _, _ in entries(snapshot)] == ["started", "succeeded"]


async def test_a_jobs_threads_may_report_progress_and_notes(registry: Registry, scheduler: Scheduler) -> None:
    undone: list[str] = []

    def in_a_thread(job: JobContext) -> None:
        job.progress(1, 2)
        job.note("from a thread", number=1)
        job.add_compensation(undone.append, "in the thread")
        raise ValueError("so that it is undone")

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await job.run_sync(in_a_thread, job)

    snapshot = await (await scheduler.submit(work())).wait()
    assert snapshot.progress is not None
    assert (snapshot.progress.done, snapshot.progress.total) == (1, 2)
    assert entries(snapshot)[1] == ("from a thread", "noted", {"number": 1})
    assert undone == ["in the thread"]


async def test_a_settled_job_reports_nothing_more(registry: Registry, scheduler: Scheduler) -> None:
    jobs: list[JobContext] = []

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        jobs.append(job)

    before = await (await scheduler.submit(work())).wait()
    job = jobs[0]
    late: list[Callable[[], object]] = [
        lambda: job.progress(1),
        lambda: job.note("late"),
        lambda: job.add_compensation(print),
        lambda: job.stage("late"),
    ]
    for say in late:
        with pytest.raises(StaleAttemptError, match="attempt 1 is over and can write nothing more"):
            say()
    for ask in (partial(job.submit, work()), partial(job.batch, [work()])):
        with pytest.raises(StaleAttemptError):
            await ask()
    assert (await scheduler.get(before.id), len((await scheduler.find()).jobs)) == (before, 1)


async def test_a_compensation_cannot_write_to_the_job_or_begin_stages(registry: Registry, scheduler: Scheduler) -> None:
    refused: list[str] = []

    async def undo(job: JobContext) -> None:
        late: list[Callable[[], object]] = [
            lambda: job.progress(1),
            lambda: job.note("late"),
            lambda: job.add_compensation(print),
        ]
        for say in late:
            with pytest.raises(StaleAttemptError):
                say()
        with pytest.raises(StaleAttemptError):
            async with job.stage("late"):
                refused.append("never")
        with pytest.raises(StaleAttemptError):
            await job.submit(work())
        refused.append("all")

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        job.add_compensation(undo, job)
        raise ValueError("so that it is undone")

    snapshot = await (await scheduler.submit(work())).wait()
    assert refused == ["all"]
    assert [(step, status) for step, status, _ in entries(snapshot)] == [
        ("started", "running"),
        ("undo", "compensated"),
        ("failed", "failed"),
    ]


async def test_an_undeclared_or_nested_stage_is_refused(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("strict", stages=[Stage("first"), Stage("second")])
    async def strict(job: JobContext) -> int:
        with pytest.raises(UnknownStageError, match="declared: first, second"):
            job.stage("third")
        async with job.stage("first"):
            with pytest.raises(StageActiveError, match="'second' cannot begin inside 'first'"):
                async with job.stage("second"):
                    pass
        return await job.run_stage("second", length, "four")

    @registry.kind("lax", strict=False, stages=[Stage("first")])
    async def lax(job: JobContext) -> int:
        return await job.run_stage("anything", length, "four")

    async def length(text: str) -> int:
        return len(text)

    assert await (await scheduler.submit(strict())).result() == 4
    assert await (await scheduler.submit(lax())).result() == 4


async def test_what_run_stage_cannot_call_fails_inside_the_stage(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        await job.run_stage("call", cast("Any", None))

    @registry.kind("canceled_before")
    async def canceled_before(job: JobContext) -> None:
        await scheduler.cancel(job.id)
        await job.run_stage("call", cast("Any", None))

    failed = await (await scheduler.submit(work())).wait()
    assert failed.failure is not None
    assert "'NoneType' object is not callable" in failed.failure.message
    assert [(step, status) for step, status, _ in entries(failed)][1] == ("call", "failed")
    assert (await (await scheduler.submit(canceled_before())).wait()).state == "canceled"


async def test_a_stage_that_is_never_left_ends_with_the_code(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> str:
        await job.stage("left_open").__aenter__()
        return "returned"

    snapshot = await (await scheduler.submit(work())).wait()
    assert (snapshot.result, snapshot.stage) == ("returned", None)
    assert [(step, status) for step, status, _ in entries(snapshot)][1] == ("left_open", "failed")


async def test_a_job_has_the_schedulers_app(anyio_backend: Any) -> None:
    host = Host(app="the pool")

    @host.kind("work")
    async def work(job: JobContext) -> object:
        return job.app

    async with host.running() as scheduler:
        assert await (await scheduler.submit(work())).result() == "the pool"
