"""A scheduler in a plain asyncio program that ends on SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from jobcancel import CancelCause, JobContext, JobState, Registry, Scheduler, Stage

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: signal handlers of a loop are POSIX")


class Program:
    """A program with one job, which sends it a signal and is in a stage that shields it then."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.ended: list[str] = []
        self.signal = signal.SIGTERM
        self.scheduler = Scheduler(self.registry)
        self.registry.kind("write", stages=[Stage("writing", on_cancel="defer"), Stage("sending")])(self.write)

    async def write(self, job: JobContext) -> None:
        job.add_compensation(self.ended.append, "undone")
        async with job.stage("writing"):
            signal.raise_signal(self.signal)
            async with self.scheduler.watch(job.id) as snapshots:
                async for snapshot in snapshots:
                    if snapshot.cancel is not None:  # held: the shutdown has asked
                        break
            self.ended.append("writing")
        async with job.stage("sending"):
            self.ended.append("sending")

    async def serve(self) -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with self.scheduler:
            await self.scheduler.submit("write")
            await stop.wait()


async def check(program: Program) -> None:
    (job,) = (await program.scheduler.find()).jobs
    assert program.ended == ["writing", "undone"]
    assert job.state is JobState.CANCELED
    assert job.cancel is not None
    assert job.cancel.cause is CancelCause.SHUTDOWN


def test_sigterm_lets_a_shielded_stage_finish_and_settles_the_job() -> None:
    program = Program()
    asyncio.run(program.serve())
    asyncio.run(check(program))


def test_an_interrupt_is_raised_after_the_last_job_has_ended() -> None:
    program = Program()
    program.signal = signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(program.serve())
    asyncio.run(check(program))
