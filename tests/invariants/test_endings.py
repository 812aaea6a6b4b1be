"""Invariants 7, 8, 11 and 12: how jobs end, and what has to end before them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from jobcancel import CancelCause, FailureCode, JobContext, JobHandle, JobState, Outcome, Snapshot, Stage
from tests.invariants.conftest import Live, turns


async def settle_by_cancel(handle: JobHandle[Any]) -> Snapshot[Any]:
    await turns()
    await handle.cancel()
    return await handle.wait()


async def test_7_compensations_run_once_newest_first_before_the_end(live: Live) -> None:
    order: list[str] = []
    states: list[JobState] = []

    async def undo(name: str, job_id: str) -> None:
        order.append(name)
        states.append((await live.scheduler.get(job_id)).state)

    async def handler(job: JobContext) -> None:
        job.add_compensation(undo, "first", job.id)
        job.add_compensation(undo, "second", job.id)
        try:
            await anyio.sleep_forever()
        finally:
            order.append("code unwound")

    handle = await live.submit(handler)
    snapshot = await settle_by_cancel(handle)
    assert order == ["code unwound", "second", "first"]
    assert states == [JobState.CANCELING] * 2
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.compensated) == (JobState.CANCELED, True)


async def test_7_a_failing_compensation_is_recorded_and_stops_no_other(live: Live) -> None:
    order: list[str] = []

    async def overruns() -> None:
        order.append("overruns")
        await anyio.sleep_forever()

    async def raises() -> None:
        order.append("raises")
        raise SystemExit(3)

    async def handler(job: JobContext) -> None:
        job.add_compensation(partial(order.append, "plain"))
        job.add_compensation(overruns)
        job.add_compensation(raises)
        await anyio.sleep_forever()

    handle = await live.submit(handler, cleanup_s=7)
    await turns()
    await handle.cancel()
    await turns()
    await live.clock.advance(7)
    snapshot = await handle.wait()
    assert order == ["raises", "overruns", "plain"]
    marks = [(entry.step, entry.status) for entry in snapshot.history if entry.step in {"raises", "overruns", "append"}]
    assert marks == [
        ("raises", FailureCode.CLEANUP_FAILED),
        ("overruns", FailureCode.CLEANUP_FAILED),
        ("append", "compensated"),
    ]
    assert snapshot.cancel is not None
    assert (snapshot.state, snapshot.cancel.compensated) == (JobState.CANCELED, False)


async def test_7_a_second_cancel_does_not_disturb_compensations(live: Live) -> None:
    begun, release, whole = anyio.Event(), anyio.Event(), anyio.Event()

    async def undo() -> None:
        begun.set()
        await release.wait()
        await turns()
        whole.set()

    async def handler(job: JobContext) -> None:
        job.add_compensation(undo)
        await anyio.sleep_forever()

    handle = await live.submit(handler)
    await turns()
    await handle.cancel()
    await begun.wait()
    assert (await handle.cancel(force=True)).outcome is Outcome.ALREADY_CANCELING
    await turns()
    release.set()
    assert (await handle.wait()).state is JobState.CANCELED
    assert whole.is_set()


async def test_7_a_committing_stage_drops_only_earlier_compensations(live: Live) -> None:
    order: list[str] = []

    async def handler(job: JobContext) -> None:
        job.add_compensation(partial(order.append, "before"))
        async with job.stage("commit"):
            job.add_compensation(partial(order.append, "inside"))
        await anyio.sleep_forever()

    handle = await live.submit(handler, stages=[Stage("commit", on_cancel="defer", commits=True)])
    await settle_by_cancel(handle)
    assert order == ["inside"]


async def test_7_compensations_of_submit_run_though_the_job_never_began(anyio_backend: Any) -> None:
    live, order = Live(max_running=1), list[str]()
    async with live.scheduler:

        async def forever(job: JobContext) -> None:
            await anyio.sleep_forever()

        await live.submit(forever)
        waiting = await live.submit(forever, compensations=[partial(order.append, "refund")])
        verdict = await waiting.cancel()
        snapshot = await waiting.wait()
    assert (verdict.outcome, verdict.state) == (Outcome.CANCELING, JobState.CANCELING)
    assert (snapshot.state, snapshot.started_at, order) == (JobState.CANCELED, None, ["refund"])


async def test_7_compensations_run_only_in_states_of_compensate_on(live: Live) -> None:
    order: list[str] = []

    async def handler(job: JobContext) -> None:
        job.add_compensation(partial(order.append, "undone"))

    assert (await (await live.submit(handler)).wait()).state is JobState.SUCCEEDED
    assert order == []
    await (await live.submit(handler, compensate_on=["succeeded"])).wait()
    assert order == ["undone"]


async def stubborn(release: anyio.Event, done: anyio.Event, job: JobContext) -> str:
    with anyio.CancelScope(shield=True):
        await release.wait()
    done.set()
    return "late"


async def test_8_a_job_past_its_grace_is_recorded_as_stuck_once(live: Live) -> None:
    release, done = anyio.Event(), anyio.Event()
    handle = await live.submit(partial(stubborn, release, done), grace_s=9)
    await turns()
    await handle.cancel()
    await turns()
    await live.clock.advance(9)
    stuck = await live.scheduler.get(handle.id)
    await live.clock.advance(90)
    release.set()
    snapshot = await handle.wait()
    assert stuck.cancel is not None
    assert (stuck.state, stuck.cancel.stuck) == (JobState.CANCELING, True)
    assert [entry.step for entry in snapshot.history].count("stuck") == 1


async def test_8_an_abandoned_job_holds_its_slot_until_its_code_ends(anyio_backend: Any) -> None:
    release, done, undone = anyio.Event(), anyio.Event(), anyio.Event()
    live = Live(max_running=1)

    async def handler(job: JobContext) -> str:
        job.add_compensation(undone.set)
        return await stubborn(release, done, job)

    async def quick(job: JobContext) -> None: ...

    async with live.scheduler:
        handle = await live.submit(handler, grace_s=9, on_grace_expired="abandon")
        await turns()
        await handle.cancel()
        await turns()
        await live.clock.advance(9)
        abandoned = await handle.wait()
        waiting = await live.submit(quick)
        await turns()
        assert (await live.scheduler.get(waiting.id)).state is JobState.PENDING
        assert not undone.is_set()
        release.set()
        await waiting.wait()
        later = await live.scheduler.get(handle.id)
    assert undone.is_set()
    assert abandoned.cancel is not None
    assert (abandoned.state, abandoned.cancel.abandoned, abandoned.cancel.compensated) == (
        JobState.CANCELED,
        True,
        False,
    )
    assert later.cancel is not None
    assert later.cancel.compensated


async def test_8_grace_counts_from_delivery_to_the_end_of_the_handler(live: Live) -> None:
    undo_begun, release = anyio.Event(), anyio.Event()

    async def undo() -> None:
        undo_begun.set()
        await release.wait()

    async def handler(job: JobContext) -> None:
        job.add_compensation(undo)
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await unwinds.wait()

    unwinds = anyio.Event()
    handle = await live.submit(handler, grace_s=10, on_grace_expired="abandon", cleanup_s=100)
    await turns()
    await handle.cancel()
    await turns()
    await live.clock.advance(1)
    unwinds.set()
    await undo_begun.wait()
    await live.clock.advance(50)
    assert (await live.scheduler.get(handle.id)).state is JobState.CANCELING
    release.set()
    snapshot = await handle.wait()
    assert snapshot.cancel is not None
    assert (snapshot.cancel.abandoned, snapshot.cancel.compensated) == (False, True)


async def test_8_a_job_unwound_by_a_timeout_fails(live: Live) -> None:
    async def forever(job: JobContext) -> None:
        await anyio.sleep_forever()

    handle = await live.submit(forever, timeout_s=3)
    await turns()
    await live.clock.advance(3)
    snapshot = await handle.wait()
    assert snapshot.failure is not None
    assert (snapshot.state, snapshot.failure.code) == (JobState.FAILED, FailureCode.TIMED_OUT)


async def test_11_a_job_stays_canceling_until_its_thread_ends(live: Live) -> None:
    begun, release = threading.Event(), threading.Event()
    after: list[str] = []

    def block() -> str:
        begun.set()
        release.wait(30)
        return "value"

    async def handler(job: JobContext) -> None:
        after.append(await job.run_sync(block))
        await turns()
        after.append("went on")

    handle = await live.submit(handler)
    while not begun.is_set():  # the thread's own event: nothing to await
        await turns(1)
    await handle.cancel()
    await turns()
    assert (await live.scheduler.get(handle.id)).state is JobState.CANCELING
    release.set()
    assert (await handle.wait()).state is JobState.CANCELED
    assert after == ["value"]


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('child', flush=True); time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
while True: time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"


async def test_11_a_process_group_is_terminated_killed_and_reaped_first(live: Live) -> None:
    pids: list[int] = []
    child_ready, asked = anyio.Event(), anyio.Event()

    def on_line(line: str) -> None:
        if line == "asked":
            asked.set()
        elif line == "child":
            child_ready.set()
        else:
            pids.extend(map(int, line.split()))

    async def handler(job: JobContext) -> None:
        await job.run_process([sys.executable, "-c", STUBBORN], on_line=on_line, kill_after_s=4)

    handle = await live.submit(handler)
    await child_ready.wait()
    while not pids:  # the other stream's line, in either order
        await turns(1)
    await handle.cancel()
    await asked.wait()
    assert [alive(pid) for pid in pids] == [True, True]
    assert (await live.scheduler.get(handle.id)).state is JobState.CANCELING
    await live.clock.advance(4)
    assert (await handle.wait()).state is JobState.CANCELED
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], signal.SIGCONT)  # reaped, not a zombie
    while alive(pids[1]):  # killed, but an orphan: only its new parent is notified of its end
        await turns(1)


async def test_12_children_settle_first_and_are_canceled_at_the_delivery(live: Live) -> None:
    order: list[str] = []

    async def child(job: JobContext) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await turns()
            order.append("child")

    kind = live.kind(child)
    children: list[JobHandle[None]] = []

    async def parent(job: JobContext) -> None:
        children.append(await job.submit(kind()))
        try:
            await anyio.sleep_forever()
        finally:
            order.append("parent's code")

    handle = await live.submit(parent)
    await turns()
    await handle.cancel()
    snapshot, child_snapshot = await handle.wait(), await live.scheduler.get(children[0].id)
    assert order == ["parent's code", "child"]
    assert (snapshot.state, child_snapshot.state) == (JobState.CANCELED, JobState.CANCELED)
    assert child_snapshot.cancel is not None
    assert child_snapshot.cancel.cause is CancelCause.PARENT


async def test_12_children_run_while_their_parents_cancel_is_held(live: Live) -> None:
    child_release = anyio.Event()

    async def child(job: JobContext) -> str:
        await child_release.wait()
        return "child's value"

    kind = live.kind(child)

    async def parent(job: JobContext) -> None:
        async with job.stage("work"):
            handles.append(await job.submit(kind()))
            await handles[0].wait()

    handles: list[JobHandle[str]] = []
    handle = await live.submit(parent, stages=[Stage("work", on_cancel="refuse")])
    await turns()
    assert (await handle.cancel()).outcome is Outcome.REFUSED
    assert (await handle.cancel(defer=True)).outcome is Outcome.DEFERRED
    await turns()
    child_release.set()
    assert (await handle.wait()).state is JobState.CANCELED
    assert await handles[0].result() == "child's value"


async def test_12_a_returned_parent_waits_for_its_running_children(live: Live) -> None:
    release = anyio.Event()

    async def child(job: JobContext) -> None:
        await release.wait()

    kind = live.kind(child)

    async def parent(job: JobContext) -> str:
        await job.submit(kind())
        return "parent's value"

    finishes, canceled = await live.submit(parent), await live.submit(parent)
    await turns()
    assert (await live.scheduler.get(finishes.id)).state is JobState.RUNNING
    assert (await canceled.cancel()).outcome is Outcome.CANCELING
    assert (await canceled.wait()).state is JobState.CANCELED
    release.set()
    assert await finishes.result() == "parent's value"


async def test_12_children_are_canceled_when_the_parents_handler_raises(live: Live) -> None:
    async def child(job: JobContext) -> None:
        await anyio.sleep_forever()

    kind = live.kind(child)
    children: list[JobHandle[None]] = []

    async def parent(job: JobContext) -> None:
        children.append(await job.submit(kind()))
        raise LookupError("the parent's own")

    handle = await live.submit(parent)
    assert (await handle.wait()).state is JobState.FAILED
    assert (await children[0].wait()).state is JobState.CANCELED


async def test_12_a_parents_grace_waits_for_its_children(live: Live) -> None:
    release, done = anyio.Event(), anyio.Event()
    child = live.kind(partial(stubborn, release, done))

    async def parent(job: JobContext) -> None:
        await job.submit(child())
        with anyio.CancelScope(shield=True):
            await parent_release.wait()

    parent_release = anyio.Event()
    handle = await live.submit(parent, grace_s=2, on_grace_expired="abandon")
    await turns()
    await handle.cancel()
    await turns()
    await live.clock.advance(20)
    assert (await live.scheduler.get(handle.id)).state is JobState.CANCELING
    release.set()
    await done.wait()
    await turns()
    await live.clock.advance(2)
    snapshot = await handle.wait()
    assert snapshot.cancel is not None
    assert snapshot.cancel.abandoned
    parent_release.set()
