"""The timeline: a job's history as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio

from jobcancel import (
    CancelCause,
    CancelStatus,
    Failure,
    FailureCode,
    HistoryEntry,
    JobContext,
    JobState,
    Outcome,
    Registry,
    Scheduler,
    Snapshot,
    Stage,
)
from jobcancel.testing import ManualClock, timeline
from jobcancel.testing.timeline import differences

AT = datetime(2027, 1, 15, 8, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def entry(step: str, at_s: float, took_ms: float | None, status: str, **details: Any) -> HistoryEntry:
    return HistoryEntry(step, after(at_s), took_ms, status, details)


STARTED = entry("started", 0.5, None, "running")


def test_timeline_of_a_job_without_history() -> None:
    pending: Snapshot[Any] = Snapshot(id="job_1", kind="publish", state=JobState.PENDING, created_at=AT)
    assert timeline(pending) == "job job_1 (publish): pending\n  no history yet"


def test_timeline_of_an_open_job_shows_its_stage() -> None:
    running: Snapshot[Any] = Snapshot(
        id="job_1",
        kind="publish",
        state=JobState.RUNNING,
        stage="uploading",
        created_at=AT,
        history=(
            STARTED,
            entry("rendering", 0.5, 1250.0, "done"),
            entry("frame", 1.0, None, "noted", number=7, of="x\ny"),
            entry("uploading", 1.75, None, "running"),
        ),
    )
    assert timeline(running).splitlines() == [
        "job job_1 (publish): running, in stage uploading",
        "        at   took  step       status   details",
        "    +0.500         started    running",
        "    +0.500  1.250  rendering  done",
        r"    +1.000         frame      noted    number=7, of='x\ny'",
        "    +1.750         uploading  running",
    ]


def test_timeline_shows_everything_about_a_cancel() -> None:
    canceled: Snapshot[Any] = Snapshot(
        id="job_1",
        kind="publish",
        state=JobState.CANCELED,
        created_at=AT,
        cancel=CancelStatus(
            cause=CancelCause.USER,
            reason="it's late",
            by="ada",
            requested_at=after(1),
            outcome=Outcome.DEFERRED,
            delivered_at=after(100.25),
            forced=True,
            ignored=True,
            abandoned=True,
            pierced=True,
            compensated=False,
            stuck=True,
            unresponsive=True,
        ),
        history=(STARTED, entry("unwound", 1000.125, None, "canceled")),
    )
    assert timeline(canceled).splitlines() == [
        "job job_1 (publish): canceled",
        '  cancel: cause user, by ada, reason "it\'s late", outcome deferred, requested +1.000 s, '
        "delivered +100.250 s, forced, ignored, abandoned, pierced, stuck, unresponsive, not compensated",
        "           at  took  step     status    details",
        "       +0.500        started  running",
        "    +1000.125        unwound  canceled",
    ]


def test_timeline_of_a_held_cancel_says_not_delivered() -> None:
    held: Snapshot[Any] = Snapshot(
        id="job_1",
        kind="publish",
        state=JobState.CANCELING,
        stage="charging",
        created_at=AT,
        cancel=CancelStatus(
            *(CancelCause.SHUTDOWN, None, None, after(1), Outcome.DEFERRED, None),
            *(False, False, False, False, False, False, False),
        ),
        history=(STARTED,),
    )
    assert timeline(held).splitlines()[:2] == [
        "job job_1 (publish): canceling, in stage charging",
        "  cancel: cause shutdown, outcome deferred, requested +1.000 s, not delivered",
    ]


def test_timeline_marks_later_lines_of_a_failure() -> None:
    failed: Snapshot[Any] = Snapshot(
        id="job_1",
        kind="publish",
        state=JobState.FAILED,
        created_at=AT,
        failure=Failure(FailureCode.HANDLER_ERROR, "first\nsecond"),
        history=(STARTED, entry("failed", 2, None, "failed")),
    )
    assert timeline(failed).splitlines() == [
        "job job_1 (publish): failed",
        "  failure: HANDLER_ERROR: first",
        "    | second",
        "        at  took  step     status   details",
        "    +0.500        started  running",
        "    +2.000        failed   failed",
    ]


async def test_timeline_of_a_real_job_uses_the_clock_of_the_test(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    begun = anyio.Event()

    @registry.kind("publish", stages=[Stage("rendering")])
    async def publish(job: JobContext) -> None:
        async with job.stage("rendering"):
            begun.set()
            await anyio.sleep_forever()

    handle = await scheduler.submit(publish())
    await begun.wait()
    await clock.advance(2)
    open_one = await scheduler.get(handle.id)
    await handle.cancel(by="ada")
    settled = await handle.wait()

    assert timeline(open_one).splitlines() == [
        f"job {handle.id} (publish): running, in stage rendering",
        "        at  took  step       status   details",
        "    +0.000        started    running",
        "    +0.000        rendering  running",
    ]
    assert timeline(settled).splitlines() == [
        f"job {handle.id} (publish): canceled",
        "  cancel: cause user, by ada, outcome canceling, requested +2.000 s, delivered +2.000 s",
        "        at   took  step             status     details",
        "    +0.000         started          running",
        "    +0.000  2.000  rendering        canceled",
        "    +2.000         cancel_accepted  canceling",
        "    +2.000         delivered        noted",
        "    +2.000         unwound          canceled",
    ]


def test_differences_lists_fields_and_both_timelines() -> None:
    left: Snapshot[Any] = Snapshot(
        id="job_1", kind="publish", state=JobState.RUNNING, created_at=AT, history=(STARTED,)
    )
    right: Snapshot[Any] = Snapshot(id="job_1", kind="publish", state=JobState.PENDING, created_at=AT, key="k")
    assert differences(left, right) == [
        "key: None != 'k'",
        "state: <JobState.RUNNING: 'running'> != <JobState.PENDING: 'pending'>",
        "history differs",
        "left:",
        "job job_1 (publish): running",
        "        at  took  step     status   details",
        "    +0.500        started  running",
        "right:",
        "job job_1 (publish): pending",
        "  no history yet",
    ]
    assert differences(left, left)[0] == "left:"
