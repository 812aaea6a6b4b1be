"""``current_job``: the context inside a job's code, and nowhere else."""

from __future__ import annotations

import anyio.lowlevel
import pytest

from jobcancel import JobContext, Partial, Registry, Scheduler, current_job
from jobcancel.errors import StaleAttemptError


def current_id() -> str | None:
    job = current_job()
    return None if job is None else job.id


async def test_there_is_no_current_job_outside_of_a_job(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None: ...

    assert current_job() is None
    await (await scheduler.submit(work())).wait()
    assert current_job() is None


async def test_the_current_job_is_the_one_whose_code_runs(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("child")
    async def child(job: JobContext) -> bool:
        return current_id() == job.id

    @registry.kind("parent")
    async def parent(job: JobContext) -> list[bool]:
        own = await (await job.submit(child())).result()
        independent = await (await scheduler.submit(child())).result()
        return [current_id() == job.id, own, independent]

    assert await (await scheduler.submit(parent())).result() == [True, True, True]


async def test_writes_through_the_current_job_reach_the_job(registry: Registry, scheduler: Scheduler) -> None:
    def deep_inside() -> None:
        job = current_job()
        assert job is not None
        job.progress(3, 4)

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        deep_inside()

    progress = (await (await scheduler.submit(work())).wait()).progress
    assert progress is not None
    assert (progress.done, progress.total) == (3, 4)


async def test_a_jobs_tasks_stages_and_threads_have_its_current_job(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> list[bool]:
        ids = [await job.run_sync(current_id)]

        async def look() -> None:
            ids.append(current_id())

        async with anyio.create_task_group() as group:
            group.start_soon(look)
        await job.run_stage("looking", look)
        return [each == job.id for each in ids]

    assert await (await scheduler.submit(work())).result() == [True, True, True]


@pytest.mark.parametrize("registered", ["at submit", "by the job"])
async def test_a_compensation_has_no_current_job(registry: Registry, scheduler: Scheduler, registered: str) -> None:
    ids: list[str | None] = []

    async def undo() -> None:
        ids.append(current_id())

    @registry.kind("work", compensate_on=["partially_succeeded"])
    async def work(job: JobContext) -> Partial[None]:
        if registered == "by the job":
            job.add_compensation(undo)
        return Partial(None)

    await (await scheduler.submit(work(), compensations=[undo] if registered == "at submit" else [])).wait()
    assert ids == [None]


async def test_a_task_that_outlives_its_job_has_no_current_job(registry: Registry, scheduler: Scheduler) -> None:
    settled, looked = anyio.Event(), anyio.Event()
    ids: list[str | None] = []
    contexts: list[JobContext] = []

    async def outlive() -> None:
        job = current_job()
        assert job is not None
        contexts.append(job)
        await settled.wait()
        ids.append(current_id())
        looked.set()

    async with anyio.create_task_group() as group:

        @registry.kind("work")
        async def work(job: JobContext) -> None:
            group.start_soon(outlive)
            while not contexts:
                await anyio.lowlevel.checkpoint()

        await (await scheduler.submit(work())).wait()
        settled.set()
        await looked.wait()

    assert ids == [None]
    with pytest.raises(StaleAttemptError):
        contexts[0].note("too late")
