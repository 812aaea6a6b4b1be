"""The second Ctrl-C on asyncio, which raises in the Python code that the loop runs next, at its first step."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from inspect import CO_COROUTINE
from types import FrameType

import pytest
import uvloop

from jobcancel import JobContext, Registry, Scheduler
from jobcancel._runtime.journal_writer import JournalWriter
from jobcancel._runtime.loops import current_loop
from jobcancel._runtime.threads import StoreThread
from jobcancel.stores import MemoryStore


def interrupt_callback(frame: FrameType, event: str, _: object) -> None:
    """Raise in the next callback that is the library's, for ``sys.setprofile``. A task's step is no callback."""
    own = str(frame.f_globals.get("__name__")).startswith("jobcancel.")
    if event == "call" and own and not frame.f_code.co_flags & CO_COROUTINE:
        sys.setprofile(None)
        raise KeyboardInterrupt


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_call_of_the_store_is_answered(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    loop = new_loop()

    async def main() -> str:
        thread = StoreThread(current_loop())
        call = asyncio.ensure_future(thread.run(lambda: "answered"))
        await asyncio.sleep(0)  # the call has begun
        sys.setprofile(interrupt_callback)
        try:
            await asyncio.wait([call], timeout=5)  # a cancellation would not end the wait of the call itself
            return call.result() if call.done() else "not answered"
        finally:
            sys.setprofile(None)
            thread.close()

    task = loop.create_task(main())
    try:
        with suppress(KeyboardInterrupt):  # asyncio.Runner then runs the loop again, until its tasks have ended
            loop.run_until_complete(task)
        assert loop.run_until_complete(task) == "answered"
    finally:
        loop.close()


def test_a_serving_task_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else writes the journal, and every job waits for that."""
    loop, begun, run = asyncio.new_event_loop(), list[str](), JournalWriter.run

    async def interrupted(self: JournalWriter) -> None:
        begun.append("journal")
        if len(begun) == 1:
            await asyncio.sleep(0)
            raise KeyboardInterrupt
        await run(self)

    monkeypatch.setattr(JournalWriter, "run", interrupted)
    kinds = Registry()

    @kinds.kind("returns")
    async def returns(job: JobContext) -> int:
        return 1

    async def main() -> str:
        async with Scheduler(kinds, store=MemoryStore()) as scheduler:
            job = await scheduler.submit("returns")
            return (await scheduler.wait(job.id)).state

    task = loop.create_task(main())
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        loop.run_until_complete(asyncio.wait([task], timeout=5))
        assert task.done()
        assert task.result() == "succeeded"
    finally:
        loop.close()
    assert begun == ["journal", "journal"]
