"""A parent's slots, policy and end while its children run."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jobcancel import (
    JobContext,
    JobState,
    Outcome,
    Stage,
)
from tests.invariants.conftest import Live, turns


async def test_settled_children_free_only_slots_that_they_held(anyio_backend: Any) -> None:
    live, running, peak = Live(max_running=1), 0, 0

    async def child(job: JobContext) -> None: ...

    async def root(job: JobContext) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await job.batch([kind(), kind(), kind()])
        await turns()
        running -= 1

    async with live.scheduler:
        kind = live.kind(child)
        for handle in [await live.submit(root) for _ in range(4)]:
            await handle.result()
    assert peak == 1


async def test_a_child_canceled_alone_does_not_undo_its_parents_success(live: Live) -> None:
    in_commit, release = anyio.Event(), anyio.Event()

    async def speculative(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = live.kind(speculative)

    async def pays(job: JobContext) -> str:
        child = await job.submit(kind())
        await child.cancel()
        await child.wait()
        async with job.stage("commit"):
            in_commit.set()
            await release.wait()
            return "paid"

    handle = await live.submit(pays, stages=[Stage("commit", on_cancel="defer", commits=True)])
    await in_commit.wait()
    assert (await handle.cancel()).outcome is Outcome.DEFERRED
    release.set()
    assert await handle.result() == "paid"


@pytest.mark.parametrize("policy", ["defer", "refuse"])
async def test_a_kinds_policy_ends_with_its_code(live: Live, policy: str) -> None:
    returned = anyio.Event()

    async def child(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = live.kind(child)

    async def handler(job: JobContext) -> None:
        await job.submit(kind())
        returned.set()

    handle = await live.submit(handler, on_cancel=policy)
    await returned.wait()
    await turns()
    assert (await handle.cancel()).outcome is Outcome.CANCELING
    assert (await handle.wait()).state is JobState.CANCELED


async def test_a_cancel_held_by_the_kind_is_released_when_the_code_ends(live: Live) -> None:
    submitted, release = anyio.Event(), anyio.Event()

    async def child(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = live.kind(child)

    async def handler(job: JobContext) -> None:
        await job.submit(kind())
        submitted.set()
        await release.wait()

    handle = await live.submit(handler, on_cancel="defer")
    await submitted.wait()
    assert (await handle.cancel()).outcome is Outcome.DEFERRED
    release.set()
    assert (await handle.wait()).state is JobState.CANCELED
