"""Waiting for a commit: a cancelled scope does not lose the answer; a native cancel is raised after it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import anyio
import pytest
import trio
from anyio.lowlevel import checkpoint

from jobcancel._runtime.journal_writer import PendingCommit
from jobcancel._runtime.loops import current_loop
from jobcancel.errors import StoreError

NATIVE: list[tuple[str, dict[str, bool]]] = [
    ("asyncio", {}),
    ("asyncio", {"use_uvloop": True}),
]  # trio has no such thing
Step = Callable[[PendingCommit[str], anyio.CancelScope], None]


def pending_commit() -> PendingCommit[str]:
    return PendingCommit(current_loop().wakeup(), lambda: "committed")


async def _turns() -> None:
    for _ in range(5):
        await checkpoint()


def _commit(commit: PendingCommit[str], _scope: anyio.CancelScope) -> None:
    commit.committed()


def _cancel(_commit: PendingCommit[str], scope: anyio.CancelScope) -> None:
    scope.cancel()


def _cancel_and_commit(commit: PendingCommit[str], scope: anyio.CancelScope) -> None:
    scope.cancel()
    commit.committed()


def _commit_and_cancel(commit: PendingCommit[str], scope: anyio.CancelScope) -> None:
    commit.committed()
    scope.cancel()


@pytest.mark.parametrize(
    "steps",
    [(_commit,), (_cancel, _commit), (_cancel_and_commit,), (_commit_and_cancel,)],
    ids=["committed", "cancelled_then_committed", "cancelled_and_committed_at_once", "committed_and_cancelled_at_once"],
)
async def test_a_caller_gets_its_answer_whenever_it_is_cancelled(steps: tuple[Step, ...]) -> None:
    waited_for, answers = pending_commit(), list[str]()
    scope, cancelled = anyio.CancelScope(), any(step is not _commit for step in steps)

    async def wait() -> None:
        with scope:
            answers.append(await waited_for.answer())
            await checkpoint()
            answers.append("not cancelled")

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        for step in steps:
            await _turns()
            assert answers == []
            step(waited_for, scope)
    assert answers == (["committed"] if cancelled else ["committed", "not cancelled"])


async def test_a_caller_cancelled_before_its_wait_still_waits() -> None:
    waited_for, answers = pending_commit(), list[str]()
    scope = anyio.CancelScope()

    async def wait() -> None:
        with scope:
            scope.cancel()
            answers.append(await waited_for.answer())

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await _turns()
        assert answers == []
        waited_for.committed()
    assert answers == ["committed"]


async def test_a_cancelled_caller_gets_the_error_of_the_store() -> None:
    waited_for, errors = pending_commit(), list[StoreError]()
    scope = anyio.CancelScope()

    async def wait() -> None:
        with scope:
            try:
                await waited_for.answer()
            except StoreError as error:
                errors.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await _turns()
        scope.cancel()
        await _turns()
        waited_for.failed(StoreError("here", "it is full"))
    assert [error.problem for error in errors] == ["it is full"]


CANCELS: dict[str, tuple[tuple[bool, ...], ...]] = {  # turns of the loop; True: the task's own, False: its scope's
    "alone": ((True,),),
    "again_and_again": ((True,), (True,), (True, True)),
    "a_turn_after_its_scope_s": ((False,), (True,)),
    "with_its_scope_s_after_it": ((True, False),),
    "with_its_scope_s_before_it": ((False, True),),
}


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("turns", CANCELS.values(), ids=CANCELS)
async def test_a_native_cancel_of_the_caller_is_raised_after_the_answer(
    anyio_backend: Any, turns: tuple[tuple[bool, ...], ...]
) -> None:
    waited_for, scope, seen = pending_commit(), anyio.CancelScope(), list[str]()

    async def wait() -> None:
        with scope:
            seen.append(await waited_for.answer())
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

    task = asyncio.create_task(wait())
    for cancels in turns:
        await _turns()
        for native in cancels:
            if native:
                task.cancel()
            else:
                scope.cancel()
    await _turns()
    assert seen == []
    waited_for.committed()
    await asyncio.wait([task], timeout=5)
    assert seen == ["committed", "cancelled"]


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
async def test_a_native_cancel_does_not_wake_an_uninterrupted_wait(anyio_backend: Any) -> None:
    waited_for, turns = pending_commit(), 0

    async def wait() -> str:
        return await waited_for.answer()

    class Counted:
        """The coroutine of the task, whose steps are counted."""

        def __init__(self) -> None:
            self._coroutine = wait()

        def __await__(self) -> Any:
            nonlocal turns
            inner = self._coroutine.__await__()
            while True:
                turns += 1
                try:
                    future = next(inner)
                except StopIteration as end:
                    return end.value
                yield future

    async def counted() -> str:
        answer: str = await Counted()
        return answer

    task = asyncio.create_task(counted())
    await _turns()
    for _ in range(100):
        task.cancel()
        await checkpoint()
    assert turns == 1
    waited_for.committed()
    assert await task == "committed"


@pytest.mark.parametrize("anyio_backend", NATIVE, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("limit", ["wait_for", "timeout"])
async def test_a_callers_timeout_does_not_cancel_it_after_its_answer(anyio_backend: Any, limit: str) -> None:
    waited_for, overdue = pending_commit(), asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, overdue.set)

    async def limited() -> str:
        if limit == "wait_for":
            answer = await asyncio.wait_for(waited_for.answer(), 0.001)
        else:
            async with asyncio.timeout(0.001):
                answer = await waited_for.answer()
        await _turns()  # it would be cancelled here
        return answer

    task = asyncio.create_task(limited())
    await overdue.wait()
    assert not task.done()
    waited_for.committed()
    assert await task == "committed"


async def test_a_wakeup_set_before_the_wait_ends_it_at_once(anyio_backend: Any) -> None:
    done = current_loop().wakeup()
    done.set()
    await done.wait()
    await done.wait_uninterrupted()


def test_an_interrupt_deferred_by_trio_is_returned() -> None:
    @trio.lowlevel.enable_ki_protection
    async def main() -> BaseException | None:
        signal.raise_signal(signal.SIGINT)
        return await current_loop().interruption()

    assert type(trio.run(main)) is KeyboardInterrupt


@pytest.mark.parametrize("anyio_backend", NATIVE[:1], ids=["asyncio"])
async def test_a_wait_under_a_cancelled_scope_does_not_spin(
    anyio_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop: Any = asyncio.get_running_loop()
    waited_for, turns, turn = pending_commit(), 0, loop._run_once

    def counted() -> None:
        nonlocal turns
        turns += 1
        turn()

    loop.call_later(0.05, waited_for.committed)
    with anyio.CancelScope() as scope:
        scope.cancel()
        monkeypatch.setattr(loop, "_run_once", counted)
        assert await waited_for.answer() == "committed"
        monkeypatch.undo()
    assert turns < 20
