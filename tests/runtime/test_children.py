"""Children and batches."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import BatchProgress, JobContext, JobState, Outcome, Partial, Registry, Scheduler, Snapshot, Stage
from jobcancel.errors import DeadlockError, QueueFullError, StageUnavailableError, UnknownKindError

from .restarts import Host


async def part(job: JobContext, number: int) -> int | Partial[int]:
    if number < 0:
        raise ValueError(f"no part {number}")
    return Partial(number) if number == 0 else number


async def test_a_batch_returns_all_children_in_order_failed_ones_too(registry: Registry, scheduler: Scheduler) -> None:
    child = registry.kind("child")(part)

    @registry.kind("parent")
    async def parent(job: JobContext) -> list[Snapshot[int]]:
        return await job.batch(child(number) for number in (2, -1, 0, 1))

    handle = await scheduler.submit(parent())
    snapshots = await handle.result()
    progress = (await handle.wait()).progress

    assert [snapshot.state for snapshot in snapshots] == ["succeeded", "failed", "partially_succeeded", "succeeded"]
    assert [snapshot.result for snapshot in snapshots] == [2, None, 0, 1]
    assert progress is not None
    ids = tuple(snapshot.id for snapshot in snapshots)
    assert progress.batch == BatchProgress(total=4, succeeded=3, failed=1, canceled=0, pending=0, children=ids)
    assert (progress.done, progress.total) == (4, 4)


async def test_a_job_submits_children_by_their_kinds_names(registry: Registry, scheduler: Scheduler) -> None:
    registry.kind("child")(part)

    @registry.kind("parent")
    async def parent(job: JobContext) -> list[int]:
        by_position = await job.submit("child", 1, labels={"part": "1"})
        by_keyword = await job.submit("child", number=2)
        assert (await by_position.wait()).labels == {"part": "1"}
        return [await by_position.result(), await by_keyword.result()]

    assert await (await scheduler.submit(parent())).result() == [1, 2]


async def test_a_batch_mixes_calls_names_and_names_with_arguments(registry: Registry, scheduler: Scheduler) -> None:
    child = registry.kind("child")(part)

    @registry.kind("whole")
    async def whole(job: JobContext) -> str:
        return "all"

    @registry.kind("parent")
    async def parent(job: JobContext) -> list[object]:
        return [snapshot.result for snapshot in await job.batch([child(1), ("child", 2), "whole", ("whole",)])]

    assert await (await scheduler.submit(parent())).result() == [1, 2, "all", "all"]


@pytest.mark.parametrize(
    ("name", "args", "error", "message"),
    [
        ("chlid", (1,), UnknownKindError, "no kind is named 'chlid'; registered: child, parent"),
        ("child", (), TypeError, r"kind 'child': missing a required argument: 'number'; its handler takes .*"),
    ],
)
async def test_a_child_name_that_cannot_be_called_submits_no_child(
    registry: Registry, scheduler: Scheduler, name: str, args: tuple[int, ...], error: type[Exception], message: str
) -> None:
    child = registry.kind("child")(part)

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        with pytest.raises(error, match=f"^{message}$"):
            await job.submit(name, *args)
        with pytest.raises(error, match=f"^{message}$"):
            await job.batch([child(1), (name, *args)])

    await (await scheduler.submit(parent())).result()
    assert (await scheduler.find(kind="child")).jobs == ()


async def test_children_inherit_owner_and_labels_unless_given(registry: Registry, scheduler: Scheduler) -> None:
    child = registry.kind("child")(part)

    @registry.kind("parent")
    async def parent(job: JobContext) -> list[Snapshot[int]]:
        plain, labeled = await job.batch([child(1)]), await job.batch([child(2)], labels={"project": "p1"})
        return [*plain, *labeled, await (await job.submit(child(3), labels={"part": "3"})).wait()]

    given = {"project": "p0", "plan": "free"}
    snapshots = await (await scheduler.submit(parent(), owner="ada", labels=given)).result()
    assert [(snapshot.owner, snapshot.labels) for snapshot in snapshots] == [
        ("ada", {"project": "p0", "plan": "free"}),
        ("ada", {"project": "p1", "plan": "free"}),
        ("ada", {"project": "p0", "plan": "free", "part": "3"}),
    ]


async def test_the_progress_of_a_batch_is_rolled_up_while_it_runs(registry: Registry, scheduler: Scheduler) -> None:
    go = {number: anyio.Event() for number in range(3)}
    seen: dict[float, tuple[int, int, int]] = {}

    @registry.kind("child")
    async def child(job: JobContext, number: int) -> None:
        await go[number].wait()
        if number == 1:
            raise ValueError("as asked")

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        await job.batch([child(number) for number in range(3)])

    handle = await scheduler.submit(parent())
    snapshot = await scheduler.get(handle.id)
    async with scheduler.watch(handle.id) as snapshots:
        async for snapshot in snapshots:
            progress = snapshot.progress
            if progress is None or progress.batch is None or snapshot.settled:
                continue
            batch = progress.batch
            seen[progress.done] = (batch.pending, batch.succeeded, batch.failed)
            if progress.done == 2:
                await scheduler.cancel(batch.children[2])
            elif progress.done < 2:
                go[int(progress.done)].set()
    assert snapshot.progress is not None
    assert snapshot.progress.batch is not None
    last = snapshot.progress.batch

    assert [seen[done] for done in (0, 1, 2)] == [(3, 0, 0), (2, 1, 0), (1, 1, 1)]
    assert (last.pending, last.succeeded, last.failed, last.canceled) == (0, 1, 1, 1)


async def test_a_jobs_own_progress_is_shown_beside_its_batches(registry: Registry, scheduler: Scheduler) -> None:
    child = registry.kind("child")(part)

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        await job.batch([child(1)])
        job.progress(5, 10, "half")
        await job.batch([child(2), child(3)])
        await job.batch(())

    progress = (await (await scheduler.submit(parent())).wait()).progress
    assert progress is not None
    assert (progress.done, progress.total, progress.message) == (5, 10, "half")
    assert progress.batch is not None
    assert (progress.batch.total, progress.batch.succeeded) == (3, 3)


async def test_a_child_has_its_parents_owner_and_its_own_labels(registry: Registry, scheduler: Scheduler) -> None:
    child = registry.kind("child")(part)

    @registry.kind("parent")
    async def parent(job: JobContext) -> str:
        handle = await job.submit(child(1), labels={"of": "child"})
        assert (handle.created, handle.kind) == (True, "child")
        assert await handle.result() == 1
        return handle.id

    handle = await scheduler.submit(parent(), owner="me", labels={"of": "parent"})
    snapshot = await scheduler.get(await handle.result(), owner="me")

    assert (snapshot.owner, snapshot.labels, snapshot.parent_id) == ("me", {"of": "child"}, handle.id)
    assert (await handle.wait()).progress is None, "a single child is no batch"


async def test_a_canceled_job_under_its_own_shield_submits_no_child(registry: Registry, scheduler: Scheduler) -> None:
    child = registry.kind("child")(part)
    inside, release = anyio.Event(), anyio.Event()

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        with anyio.CancelScope(shield=True):
            inside.set()
            await release.wait()
            with pytest.raises(StageUnavailableError, match="'a child' does not begin"):
                await job.submit(child(1))
        await checkpoint()

    handle = await scheduler.submit(parent())
    await inside.wait()
    await handle.cancel()
    release.set()
    assert (await handle.wait()).state is JobState.CANCELED
    assert len((await scheduler.find()).jobs) == 1


async def test_a_child_whose_labels_are_wrong_is_not_submitted(registry: Registry, scheduler: Scheduler) -> None:
    child = registry.kind("child")(part)
    wrong: Any = {"a": 1}

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        with pytest.raises(TypeError, match=r"labels\.a must be a string"):
            await job.submit(child(1), labels=wrong)

    assert (await (await scheduler.submit(parent())).wait()).state is JobState.SUCCEEDED
    assert (await scheduler.find(kind="child")).jobs == ()


async def test_a_limited_kind_below_itself_is_refused_at_any_depth(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("limited", max_running=5)
    async def limited(job: JobContext, depth: int) -> str:
        with pytest.raises(DeadlockError, match="submit a child of kind 'limited'") as direct:
            await job.submit(limited(depth + 1))
        assert direct.value.job_id == job.id
        return await (await job.submit(between())).result()

    @registry.kind("between")
    async def between(job: JobContext) -> str:
        with pytest.raises(DeadlockError):
            await job.batch([limited(9)])
        return await (await job.submit(unlimited(3))).result()

    @registry.kind("unlimited")
    async def unlimited(job: JobContext, depth: int) -> str:
        return "bottom" if depth == 0 else await (await job.submit(unlimited(depth - 1))).result()

    assert await (await scheduler.submit(limited(0))).result() == "bottom"


async def test_a_batch_above_its_kinds_queue_limit_is_refused_whole(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("child", max_running=1, max_pending=1)
    async def child(job: JobContext) -> None:
        await anyio.sleep_forever()

    @registry.kind("parent")
    async def parent(job: JobContext) -> None:
        await job.batch([child() for _ in range(3)])

    snapshot = await (await scheduler.submit(parent())).wait()
    children = (await scheduler.find(kind="child")).jobs

    assert snapshot.failure is not None
    assert snapshot.failure.details["type"] == f"{QueueFullError.__module__}.QueueFullError"
    assert children == ()


async def test_a_returned_parent_waits_for_its_running_children(registry: Registry, scheduler: Scheduler) -> None:
    begun, release = anyio.Event(), anyio.Event()

    @registry.kind("child")
    async def child(job: JobContext) -> None:
        begun.set()
        await release.wait()

    @registry.kind("parent")
    async def parent(job: JobContext) -> str:
        await job.submit(child())
        return "returned"

    handle = await scheduler.submit(parent())
    await begun.wait()
    assert (await handle.wait(timeout_s=0)).state is JobState.RUNNING
    release.set()
    assert await handle.result() == "returned"


async def test_a_stage_that_holds_a_cancel_may_submit_children(registry: Registry, scheduler: Scheduler) -> None:
    inside, release = anyio.Event(), anyio.Event()
    child = registry.kind("child")(part)
    results: list[int | None] = []

    @registry.kind("parent", stages=[Stage("stage", on_cancel="defer")])
    async def parent(job: JobContext) -> None:
        async with job.stage("stage"):
            inside.set()
            await release.wait()
            results.extend([snapshot.result for snapshot in await job.batch([child(1)])])

    handle = await scheduler.submit(parent())
    await inside.wait()
    assert (await handle.cancel()).outcome is Outcome.DEFERRED
    release.set()

    assert (await handle.wait()).state is JobState.CANCELED
    assert results == [1]


async def test_a_job_may_not_wait_for_its_ancestors(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("child")
    async def child(job: JobContext, parent_id: str) -> str:
        with pytest.raises(DeadlockError, match=f"wait for {parent_id}"):
            await scheduler.wait(parent_id)
        return "refused"

    @registry.kind("parent")
    async def parent(job: JobContext) -> str:
        return await (await job.submit(child(job.id))).result()

    assert await (await scheduler.submit(parent())).result() == "refused"


async def test_a_batch_counts_children_that_end_at_once(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("leaf")
    async def leaf(job: JobContext) -> None:
        pass

    @host.kind("family")
    async def family(job: JobContext) -> None:
        await job.batch([leaf() for _ in range(3)])

    async with host.running() as scheduler:
        snapshot = await (await scheduler.submit(family())).wait()
    assert snapshot.progress is not None
    assert snapshot.progress.batch is not None
    assert (snapshot.progress.batch.succeeded, snapshot.progress.batch.pending) == (3, 0)
