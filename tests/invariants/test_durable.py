"""What with a store is otherwise than in memory, and holds all the same: the counterparts of ``MEMORY_ALONE``."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio import to_thread

from jobcancel import CancelCause, JobContext, JobState, Outcome, Stage, Verdict
from jobcancel._core.decision import Cancellation
from jobcancel.abc import Entry
from jobcancel.stores.memory import MemoryStore
from tests.invariants.conftest import Live, turns


class HeldStore(MemoryStore):
    """A journal whose commits can be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.came, self.gate = Event(), Event()
        self.gate.set()

    def append(self, entries: Sequence[Entry]) -> None:
        self.came.set()
        self.gate.wait()
        super().append(entries)

    def hold(self) -> None:
        """Let no commit through from now on until the gate is set."""
        self.came.clear()
        self.gate.clear()

    async def next_commit(self) -> None:
        """Return when a commit has come and waits for the gate."""
        await to_thread.run_sync(self.came.wait)


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


async def test_1_decision_transition_and_commit_become_visible_together(anyio_backend: Any) -> None:
    store = HeldStore()
    live, verdicts, states = Live(store=store), list[Verdict](), list[JobState]()
    async with live.scheduler:
        handle = await live.submit(forever)
        await turns()
        store.hold()

        async def ask() -> None:
            verdicts.append(await handle.cancel())

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await store.next_commit()
            states.append(live.inside(handle).state)  # requested and not yet committed: nothing has changed
            store.gate.set()
        assert states == [JobState.RUNNING]
        assert [verdict.outcome for verdict in verdicts] == [Outcome.CANCELING]
        assert (await handle.wait()).state is JobState.CANCELED


async def test_1_a_request_is_decided_again_once_it_is_committed(anyio_backend: Any) -> None:
    store, finish = HeldStore(), anyio.Event()
    live, verdicts = Live(store=store), list[Verdict]()

    async def work(job: JobContext) -> str:
        await finish.wait()
        return "done"

    async with live.scheduler:
        handle = await live.submit(work)
        await turns()
        store.hold()

        async def ask() -> None:
            verdicts.append(await handle.cancel())

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await store.next_commit()
            finish.set()
            while not (await live.scheduler.get(handle.id)).settled:  # while the request is on its way
                await anyio.lowlevel.checkpoint()
            store.gate.set()
        assert [(verdict.outcome, verdict.state) for verdict in verdicts] == [
            (Outcome.ALREADY_TERMINAL, JobState.SUCCEEDED)
        ]
        assert (await handle.wait()).cancel is None


async def test_9_a_child_never_begins_after_a_cancel_during_its_commit(anyio_backend: Any) -> None:
    store = HeldStore()
    live, begun = Live(store=store), anyio.Event()

    async def child(job: JobContext) -> None:
        raise AssertionError("the child began")

    kind = live.kind(child)

    async def parent(job: JobContext) -> None:
        store.hold()
        begun.set()
        await job.submit(kind())

    async with live.scheduler:
        handle = await live.submit(parent)
        await begun.wait()
        await store.next_commit()  # the child's
        live.dispatcher.cancel(live.inside(handle), Cancellation(CancelCause.TIMEOUT))
        for _ in range(20):
            await anyio.lowlevel.checkpoint()  # the cancel is delivered, and finds no child yet
        store.gate.set()
        assert (await handle.wait()).state is JobState.FAILED
        (snapshot,) = (await live.scheduler.find(kind=kind.name)).jobs
        assert snapshot.state is JobState.CANCELED


async def test_9_a_cancel_committed_after_a_stages_end_is_not_lost(anyio_backend: Any) -> None:
    store, begun, finish, left = HeldStore(), anyio.Event(), anyio.Event(), anyio.Event()
    live, verdicts = Live(store=store), list[Verdict]()

    async def work(job: JobContext) -> None:
        async with job.stage("work"):
            begun.set()
            await finish.wait()
        left.set()
        await anyio.sleep_forever()

    async with live.scheduler:
        handle = await live.submit(work, stages=[Stage("work")])
        await begun.wait()
        await turns()
        store.hold()

        async def ask() -> None:
            verdicts.append(await handle.cancel())

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await store.next_commit()
            finish.set()
            await left.wait()
            store.gate.set()
        assert [verdict.outcome for verdict in verdicts] == [Outcome.CANCELING]
        assert (await handle.wait()).state is JobState.CANCELED


@pytest.mark.parametrize("asks", ["submit", "cancel"])
async def test_16_an_answer_survives_caller_cancellation_while_committing(anyio_backend: Any, asks: str) -> None:
    store, answers = HeldStore(), list[object]()
    live = Live(store=store)
    kind = live.kind(forever)
    async with live.scheduler:
        handle = await live.scheduler.submit(kind())
        await turns()
        store.hold()

        async def ask(scope: anyio.CancelScope) -> None:
            with scope:
                if asks == "submit":
                    answers.append((await live.scheduler.submit(kind())).created)
                else:
                    answers.append((await handle.cancel()).outcome)

        async with anyio.create_task_group() as group:
            scope = anyio.CancelScope()
            group.start_soon(ask, scope)
            await store.next_commit()
            scope.cancel()
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            store.gate.set()
        assert answers == [True if asks == "submit" else Outcome.CANCELING]
