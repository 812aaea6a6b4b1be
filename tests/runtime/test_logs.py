"""What is logged, and that a log record says of which job it is."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest

from jobcancel import JobContext, JobState, Registry, Scheduler
from jobcancel.testing import ManualClock
from tests.core.odd_errors import ERRORS


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str, str]]:
    records = [record for record in caplog.records if record.name == "jobcancel"]
    return [(record.levelname, record.getMessage(), vars(record)["job_id"], vars(record)["kind"]) for record in records]


async def test_a_failure_is_logged_with_its_traceback(
    registry: Registry, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        raise LookupError("no such page")

    handle = await scheduler.submit(work())
    snapshot = await handle.wait()

    assert logged(caplog) == [("ERROR", f"job {handle.id} (work) failed", handle.id, "work")]
    assert "LookupError: no such page" in caplog.text
    assert 'raise LookupError("no such page")' in caplog.text
    assert snapshot.failure is not None
    assert 'raise LookupError("no such page")' in snapshot.failure.details["traceback"]


async def test_a_job_that_ends_well_or_is_canceled_logs_nothing(
    registry: Registry, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    begun = anyio.Event()

    @registry.kind("work")
    async def work(job: JobContext, *, wait: bool) -> None:
        if wait:
            begun.set()
            await anyio.sleep_forever()

    with caplog.at_level(logging.DEBUG, "jobcancel"):
        await (await scheduler.submit(work(wait=False))).wait()
        handle = await scheduler.submit(work(wait=True))
        await begun.wait()
        await handle.cancel()
        await handle.wait()

    assert logged(caplog) == []


async def test_compensations_that_fail_are_logged(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    begun, hanging = anyio.Event(), anyio.Event()

    async def hangs() -> None:
        hanging.set()
        await anyio.sleep_forever()

    async def raises() -> None:
        raise OSError("the disk is full")

    @registry.kind("work", cleanup_s=5)
    async def work(job: JobContext) -> None:
        job.add_compensation(hangs)
        job.add_compensation(raises)
        begun.set()
        await anyio.sleep_forever()

    handle = await scheduler.submit(work())
    await begun.wait()
    await handle.cancel()
    await hanging.wait()
    await clock.advance(5)
    assert (await handle.wait()).state is JobState.CANCELED

    about = f"job {handle.id} (work) "
    assert logged(caplog) == [
        ("ERROR", about + "could not run a compensation", handle.id, "work"),
        ("ERROR", about + "has a compensation that overran: it took longer than cleanup_s=5", handle.id, "work"),
    ]


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return self


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MuteError(), "MuteError"),
        (ValueError(), "ValueError"),
        (ValueError(Text("of its own type")), "of its own type"),
    ],
)
async def test_an_error_without_a_usable_message_fails_only_its_job(
    registry: Registry, scheduler: Scheduler, error: Exception, message: str
) -> None:
    @registry.kind("work")
    async def work(job: JobContext, raised: Any) -> None:
        if raised is not None:
            raise raised

    snapshot = await (await scheduler.submit(work(error))).wait()
    assert snapshot.failure is not None
    assert (type(snapshot.failure.message), snapshot.failure.message) == (str, message)
    assert snapshot.failure.details["type"].endswith(type(error).__name__)
    assert (await (await scheduler.submit(work(None))).wait()).state is JobState.SUCCEEDED


async def test_an_error_that_is_falsy_is_logged_with_its_traceback(
    registry: Registry, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        raise ERRORS["false"]()

    await (await scheduler.submit(work())).wait()
    assert 'raise ERRORS["false"]()' in caplog.text
    assert "tests.core.odd.Falsy: x" in caplog.text


async def test_an_endless_error_is_logged_only_with_where_it_was_raised(
    registry: Registry, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        raise ERRORS["no end of errors"]()

    handle = await scheduler.submit(work())
    await handle.wait()
    (record,) = (record for record in caplog.records if record.name == "jobcancel")
    assert record.exc_info is None
    assert record.getMessage().startswith(f"job {handle.id} (work) failed\nTraceback (most recent call last):\n")
    assert 'raise ERRORS["no end of errors"]()' in record.getMessage()
