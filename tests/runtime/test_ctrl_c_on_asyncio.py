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

from jobcancel._runtime.loops import current_loop
from jobcancel._runtime.threads import StoreThread


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
