"""Blocking functions: those of jobs in limited threads; compensations and the store without a limit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar, TypeVarTuple, Unpack

from anyio import CapacityLimiter, current_effective_deadline, get_cancelled_exc_class, to_thread

from .job import Job
from .loops import Loop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run_in_thread(job: Job, fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
    """Run ``fn(*args)`` in a thread and return its value, though a cancel was delivered meanwhile."""
    return await _run(job.host.loop, job.host.limiter, partial(fn, *args))


async def run_at_once(loop: Loop, fn: Callable[[], T]) -> T:
    """Run ``fn()`` in a thread outside of every limit: all threads of the host may wait for its result.

    A native cancel of the waiting task does not end the wait: the thread's result is returned, or its error raised.
    """
    values, errors = list[T](), list[BaseException]()

    def call() -> None:
        try:
            values.append(fn())
        except BaseException as error:  # noqa: BLE001  # raised in the task that waits
            errors.append(error)

    while not values and not errors:
        try:
            await _run(loop, CapacityLimiter(1), call)
        except get_cancelled_exc_class():
            if current_effective_deadline() == -inf:
                raise  # of a scope around it, before the thread has begun
    if errors:
        raise errors[0]
    return values[0]


async def _run(loop: Loop, limiter: CapacityLimiter, fn: Callable[[], T]) -> T:
    """Run ``fn()`` in a thread and wait until it has ended, also if the waiting task is cancelled natively.

    anyio's shield stops scopes alone. ``gather``, ``asyncio.TaskGroup`` and ``asyncio.run`` cancel natively; the
    thread would then run on beside the compensations of its job, and after the job's end.
    """
    ended, first = loop.wakeup(), dict[str, str]()

    def run() -> T:
        if first.setdefault("came", "thread") != "thread":  # one step in CPython, whichever thread comes first
            raise RuntimeError("the caller was cancelled before its function began")
        try:
            return fn()
        finally:
            with suppress(RuntimeError):  # the loop has ended, and no task waits
                loop.wake_from_thread(ended)

    try:
        return await to_thread.run_sync(run, limiter=limiter)
    except get_cancelled_exc_class():
        if first.setdefault("came", "cancel") == "thread":
            await ended.wait_uninterrupted()
        raise


class StoreThread:
    """The thread for a store's calls, one after the other. No cancellation of the caller interrupts one.

    A thread of anyio's would go on without its caller when that is cancelled natively, as ``asyncio.run`` does to
    every task before it ends.

    Args:
        loop: The loop of the callers.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop, self._closed = loop, False
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # A daemon: CPython waits for other threads before it runs the atexit functions, in which a host may close.
        Thread(target=self._run, name="jobcancel store", daemon=True).start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # frees what it holds now, and not at the next call

    async def run(self, fn: Callable[[], T]) -> T:
        """Return what ``fn()`` returns, or raise what it raises.

        Raises:
            RuntimeError: The thread was closed.
        """
        if self._closed:
            raise RuntimeError("the thread for the store's calls has ended")
        done, values, errors = self._loop.wakeup(), list[T](), list[BaseException]()

        def call() -> None:
            try:
                values.append(fn())
            except BaseException as error:  # noqa: BLE001  # raised in the task that waits
                errors.append(error)
            with suppress(RuntimeError):  # the loop has ended, and no task waits
                self._loop.wake_from_thread(done)

        self._calls.put(call)
        await done.wait_uninterrupted()
        if errors:
            raise errors[0]
        return values[0]

    def close(self) -> None:
        """End the thread after its last call."""
        self._closed = True
        self._calls.put(None)
