"""What the machine of ``tests.stateful`` found broken, each as the shortest program that shows it."""

from __future__ import annotations

import anyio.lowlevel
import pytest

from jobcancel import JobContext, JobState, Outcome, Stage, StageActiveError
from tests.invariants.conftest import Live


@pytest.mark.parametrize("policy", ["defer", "refuse"])
async def test_5_a_stage_within_a_stage_is_refused_and_does_not_let_a_held_cancel_in(live: Live, policy: str) -> None:
    charging, release, whole = anyio.Event(), anyio.Event(), list[str]()

    async def pays(job: JobContext) -> None:
        async with job.stage("charge"):
            charging.set()
            await release.wait()
            with pytest.raises(StageActiveError):
                async with job.stage("other"):
                    raise AssertionError("stages do not nest")
            await anyio.lowlevel.checkpoint()
            whole.append("charged")

    handle = await live.submit(pays, stages=[Stage("charge", on_cancel=policy), Stage("other")])
    await charging.wait()
    assert (await live.scheduler.cancel(handle.id, defer=True)).outcome is Outcome.DEFERRED
    release.set()
    assert (await handle.wait()).state is JobState.CANCELED
    assert whole == ["charged"]
