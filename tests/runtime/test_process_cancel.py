"""Subprocesses of a job that is canceled: asked to end, made to end, the whole group, and reaped before it settles."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from jobcancel import JobContext, JobHandle, JobState, Kind, Registry, Scheduler
from jobcancel.testing import ManualClock

# Run with -S, without site packages: it starts fast, and nothing there takes part in the test.
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
try:
    print("ready", flush=True)
    time.sleep(3600)
finally:
    print("leaving", flush=True)
"""

DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"asked\\n"))
print("ready", os.getpid(), flush=True)
while True:
    time.sleep(3600)
"""

WITH_A_DEAF_CHILD = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
subprocess.Popen([sys.executable, "-S", "-c", sys.argv[1]])
while True:
    time.sleep(3600)
"""

WITH_A_CHILD_THAT_LEAVES = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(3600)"], start_new_session=True)
print("ready", child.pid, flush=True)
time.sleep(3600)
"""


class Running:
    """A kind that runs one process and notes the lines it prints."""

    def __init__(self, registry: Registry, *arguments: str, kill_after_s: float = 5, **options: Any) -> None:
        self.lines: list[str] = []
        self._waited_for: dict[str, anyio.Event] = {}

        @registry.kind("process", **options)
        async def process(job: JobContext) -> None:
            command = [sys.executable, "-S", "-c", *arguments]
            try:
                await job.run_process(command, on_line=self._on_line, kill_after_s=kill_after_s)
            finally:
                for event in self._waited_for.values():
                    event.set()  # nothing more will be printed

        self.kind: Kind[[], None] = process

    def _on_line(self, line: str) -> None:
        self.lines.append(line)
        self._event(line.partition(" ")[0]).set()

    def _event(self, word: str) -> anyio.Event:
        return self._waited_for.setdefault(word, anyio.Event())

    async def printed(self, word: str) -> str:
        """Wait for the line that begins with a word."""
        await self._event(word).wait()
        found = [line for line in self.lines if line.startswith(word)]
        assert found, self.lines
        return found[0]

    async def pid(self) -> int:
        return int((await self.printed("ready")).split()[1])


def is_gone(pid: int) -> bool:
    """Whether no such process is left, or only what its parent has not reaped."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123  # a file of the kernel's
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


async def test_a_process_ends_by_sigterm_and_its_last_output_is_read(registry: Registry, scheduler: Scheduler) -> None:
    running = Running(registry, POLITE)
    handle = await scheduler.submit(running.kind())
    await running.printed("ready")
    await handle.cancel()

    assert (await handle.wait()).state is JobState.CANCELED
    assert running.lines == ["ready", "leaving"]


async def test_a_process_that_ignores_sigterm_is_killed_after_the_wait(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    running = Running(registry, DEAF, kill_after_s=7)
    handle = await scheduler.submit(running.kind())
    pid = await running.pid()
    await handle.cancel()
    await running.printed("asked")

    await clock.advance(6)
    assert ((await handle.wait(timeout_s=0)).state, is_gone(pid)) == (JobState.CANCELING, False)
    await clock.advance(1)
    assert (await handle.wait()).state is JobState.CANCELED
    with pytest.raises(ProcessLookupError):  # reaped, before the job settled
        os.kill(pid, 0)


async def test_a_grandchild_that_ignores_sigterm_is_killed(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    running = Running(registry, WITH_A_DEAF_CHILD, DEAF)
    handle = await scheduler.submit(running.kind())
    pid = await running.pid()
    await handle.cancel()
    await running.printed("asked")
    assert not is_gone(pid)
    await clock.advance(5)

    assert (await handle.wait()).state is JobState.CANCELED
    await gone(pid)


async def test_force_at_the_end_of_the_grace_kills_at_once(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    running = Running(registry, DEAF, kill_after_s=1000, grace_s=10, on_grace_expired="force")
    handle = await scheduler.submit(running.kind())
    pid = await running.pid()
    await handle.cancel()
    await running.printed("asked")
    await clock.advance(10)
    snapshot = await handle.wait()

    assert snapshot.state is JobState.CANCELED
    assert snapshot.cancel is not None
    assert snapshot.cancel.forced
    await gone(pid)


async def test_a_descendant_outside_the_group_does_not_block_the_job(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    running = Running(registry, WITH_A_CHILD_THAT_LEAVES)
    handle = await scheduler.submit(running.kind())
    pid = await running.pid()
    try:
        await handle.cancel()
        await delivered_and_asked(scheduler, handle)
        await clock.advance(5)
        assert (await handle.wait()).state is JobState.CANCELED
        assert not is_gone(pid), "it left the group, so it is not ours to end"
    finally:
        os.kill(pid, signal.SIGKILL)


async def test_a_process_whose_group_is_gone_already_is_no_error(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    code = WITH_A_CHILD_THAT_LEAVES.rpartition("time.sleep")[0]  # it ends, and its child holds its pipes
    running = Running(registry, code)
    handle = await scheduler.submit(running.kind())
    pid = await running.pid()
    try:
        assert not (await handle.wait(timeout_s=0)).settled
        await handle.cancel()
        await delivered_and_asked(scheduler, handle)
        await clock.advance(5)
        assert (await handle.wait()).state is JobState.CANCELED
    finally:
        os.kill(pid, signal.SIGKILL)


async def test_both_processes_of_a_job_are_ended(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    ready = {number: anyio.Event() for number in range(2)}
    asked = {number: anyio.Event() for number in range(2)}

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        async def run(number: int) -> None:
            events = {"ready": ready[number], "asked": asked[number]}
            await job.run_process(
                [sys.executable, "-S", "-c", DEAF], on_line=lambda line: events[line.partition(" ")[0]].set()
            )

        async with anyio.create_task_group() as group:
            for number in range(2):
                group.start_soon(run, number)

    handle = await scheduler.submit(work())
    for event in ready.values():
        await event.wait()
    await handle.cancel()
    for event in asked.values():
        await event.wait()
    await clock.advance(5)
    assert (await handle.wait()).state is JobState.CANCELED


async def test_a_cancel_before_the_process_starts_leaves_no_process(registry: Registry, scheduler: Scheduler) -> None:
    begun = anyio.Event()
    running: list[Callable[[], object]] = []

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        begun.set()
        await job.run_process([sys.executable, "-S", "-c", POLITE], on_line=print)
        running.append(print)

    handle = await scheduler.submit(work())
    await begun.wait()
    await handle.cancel()

    assert (await handle.wait()).state is JobState.CANCELED
    assert running == []


async def delivered_and_asked(scheduler: Scheduler, handle: JobHandle[None]) -> None:
    """Return when the cancel has been delivered and the job has been given its turns to ask the process."""
    async with scheduler.watch(handle.id) as snapshots:
        async for snapshot in snapshots:
            if snapshot.cancel is not None and snapshot.cancel.delivered_at is not None:
                break
    await anyio.wait_all_tasks_blocked()


async def gone(pid: int) -> None:
    """Return when the kernel has taken a killed process away."""
    while not is_gone(pid):
        await anyio.lowlevel.checkpoint()
