"""Idempotency keys: the same key leads to the first job, whatever became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from jobcancel import JobContext, JobState, Kind, Outcome, Registry, Scheduler
from jobcancel._core.states import RerunValue
from jobcancel.abc import Entry
from jobcancel.errors import IdempotencyConflictError, JobNotFoundError
from jobcancel.stores import MemoryStore
from jobcancel.testing import ManualClock
from tests.core.odd import CYCLE

from .restarts import Host, written


async def add(job: JobContext, a: int, b: int = 10, *, fail: bool = False) -> int:
    if fail:
        raise ValueError("as asked")
    return a + b


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


async def test_a_key_finds_the_first_job_in_every_state(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("work", max_running=1)(forever)
    blocker = await scheduler.submit(kind())
    first = await scheduler.submit(kind(), key="k")
    assert (await first.wait(timeout_s=0)).state is JobState.PENDING

    for expected in (JobState.PENDING, JobState.RUNNING, JobState.CANCELING, JobState.CANCELED):
        again = await scheduler.submit(kind(), key="k")
        assert (again.id, again.created, again.kind) == (first.id, False, "work")
        assert (await scheduler.get(again.id)).state is expected
        if expected is JobState.PENDING:
            await blocker.cancel()
            await blocker.wait()
        elif expected is JobState.RUNNING:
            await first.cancel()
        else:
            await first.wait()
    assert first.created
    assert len((await scheduler.find()).jobs) == 2


async def test_other_arguments_under_a_key_conflict_and_submit_nothing(
    registry: Registry, scheduler: Scheduler
) -> None:
    kind = registry.kind("add")(add)
    first = await scheduler.submit(kind(1), key="k")

    with pytest.raises(IdempotencyConflictError, match=f"key 'k' was used for job {first.id}"):
        await scheduler.submit(kind(2), key="k")
    with pytest.raises(IdempotencyConflictError):
        await scheduler.submit(kind(1, fail=True), key="k")
    assert len((await scheduler.find()).jobs) == 1


@pytest.mark.parametrize("again", [(1,), (1, 10)])
async def test_two_ways_to_write_one_call_do_not_conflict(
    registry: Registry, scheduler: Scheduler, again: tuple[int, ...]
) -> None:
    registry.kind("add")(add)
    first = await scheduler.submit("add", b=10, a=1, key="k")

    assert (await scheduler.submit("add", *again, key="k")).id == first.id
    assert (await scheduler.submit("add", *again, fail=False, key="k")).id == first.id


async def test_another_owner_or_kind_may_use_the_same_key(registry: Registry, scheduler: Scheduler) -> None:
    one, other = registry.kind("one")(add), registry.kind("other")(add)
    handles = [
        await scheduler.submit(one(1), key="k"),
        await scheduler.submit(one(2), key="k", owner="a"),
        await scheduler.submit(one(3), key="k", owner="b"),
        await scheduler.submit(other(4), key="k"),
    ]

    assert [handle.created for handle in handles] == [True, True, True, True]
    assert [await handle.result() for handle in handles] == [11, 12, 13, 14]


async def test_a_key_expires_exactly_after_its_ttl(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind = registry.kind("add", key_ttl_s=60)(add)
    first = await scheduler.submit(kind(1), key="k")

    await clock.advance(59)
    assert (await scheduler.submit(kind(1), key="k")).id == first.id
    await clock.advance(1)
    second = await scheduler.submit(kind(2), key="k")
    assert second.created
    assert (await scheduler.submit(kind(2), key="k")).id == second.id


async def test_a_key_outlives_the_retention_of_its_job(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    kind = registry.kind("add", retain_s=10)(add)
    first = await scheduler.submit(kind(1), key="k")
    await first.wait()
    await clock.advance(10)
    again = await scheduler.submit(kind(1), key="k")

    assert (again.id, again.created) == (first.id, False)
    assert repr(again) == f"<handle of job {first.id} (add)>"
    for read in (again.wait, again.result, again.cancel):
        with pytest.raises(JobNotFoundError, match=first.id):
            await read()
    with pytest.raises(IdempotencyConflictError):
        await scheduler.submit(kind(2), key="k")


async def test_the_handle_of_a_replayed_key_reads_the_settled_job(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("add")(add)
    await (await scheduler.submit(kind(1), key="k")).wait()
    again = await scheduler.submit(kind(1), key="k")

    assert await again.result() == 11
    assert (await again.wait()).state is JobState.SUCCEEDED
    assert not await again.cancel()


@pytest.mark.parametrize("rerun_on", [[], ["failed"]], ids=["never", "failed"])
async def test_a_key_reruns_a_failed_job_only_with_rerun_on(
    registry: Registry, scheduler: Scheduler, clock: ManualClock, rerun_on: list[RerunValue]
) -> None:
    kind = registry.kind("add", rerun_on=rerun_on, key_ttl_s=60)(add)
    first = await scheduler.submit(kind(1, fail=True), key="k")
    assert (await scheduler.submit(kind(1, fail=True), key="k")).id == first.id, "it still runs"
    assert (await first.wait()).state is JobState.FAILED
    await clock.advance(30)

    second = await scheduler.submit(kind(1, fail=True), key="k")
    assert second.created is (rerun_on == ["failed"])
    assert (second.id != first.id) is (rerun_on == ["failed"])
    await clock.advance(30)  # the first use is forgotten, a rerun is not: it is a use of its own
    third = await scheduler.submit(kind(1, fail=True), key="k")
    assert third.created


async def test_a_rerun_takes_over_the_key(registry: Registry, scheduler: Scheduler, clock: ManualClock) -> None:
    failing = [True]

    @registry.kind("work", rerun_on=["failed"], key_ttl_s=60)
    async def work(job: JobContext) -> None:
        if failing.pop():
            raise ValueError("as asked")

    first = await scheduler.submit(work(), key="k")
    await first.wait()
    failing.append(False)
    await clock.advance(30)
    second = await scheduler.submit(work(), key="k")
    await second.wait()
    await clock.advance(30)  # when the first use is forgotten, the rerun's stays

    again = await scheduler.submit(work(), key="k")
    assert (again.id, again.created) == (second.id, False)


@pytest.mark.parametrize(
    ("ending", "rerun_on", "rerun"),
    [
        ("succeeded", ["failed", "canceled"], False),
        ("failed", ["canceled"], False),
        ("failed", ["failed"], True),
        ("canceled", ["failed"], False),
        ("canceled", ["canceled"], True),
        ("canceled", ["failed", "canceled"], True),
    ],
)
async def test_a_key_reruns_only_in_the_states_of_rerun_on(
    registry: Registry, scheduler: Scheduler, ending: str, rerun_on: list[RerunValue], rerun: bool
) -> None:
    @registry.kind("work", rerun_on=rerun_on)
    async def work(job: JobContext) -> None:
        if ending == "canceled":
            await anyio.sleep_forever()
        if ending == "failed":
            raise ValueError("as asked")

    first = await scheduler.submit(work(), key="k")
    if ending == "canceled":
        await first.cancel()
    assert (await first.wait()).state == ending
    second = await scheduler.submit(work(), key="k")
    assert (second.created, second.id != first.id) == (rerun, rerun)
    await second.cancel()


async def test_a_key_reruns_a_job_canceled_before_it_ran(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work", rerun_on=["canceled"], max_running=1)
    async def work(job: JobContext) -> None:
        await anyio.sleep_forever()

    running = await scheduler.submit(work())
    first = await scheduler.submit(work(), key="k")
    assert (await first.cancel()).outcome is Outcome.CANCELED
    assert (await scheduler.submit(work(), key="k")).created
    await running.cancel()


class Exits:
    def __eq__(self, other: object) -> bool:
        raise SystemExit(3)

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


def other_cycle() -> list[Any]:
    cycle: list[Any] = [1]
    cycle.append(cycle)
    return cycle


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")

    def __hash__(self) -> int:
        return 0


async def test_arguments_that_cannot_be_compared_conflict(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext, table: object) -> None:
        pass

    await scheduler.submit(work(Incomparable()), key="k")
    with pytest.raises(IdempotencyConflictError):
        await scheduler.submit(work(Incomparable()), key="k")
    await scheduler.submit(work(Exits()), key="of another submitter")
    with pytest.raises(IdempotencyConflictError):
        await scheduler.submit(work(Exits()), key="of another submitter")
    await scheduler.submit(work(CYCLE), key="a cycle")
    with pytest.raises(IdempotencyConflictError):
        await scheduler.submit(work(other_cycle()), key="a cycle")


async def test_a_failure_after_the_keys_ttl_does_not_change_the_next_key(
    registry: Registry, scheduler: Scheduler, clock: ManualClock
) -> None:
    release = anyio.Event()

    @registry.kind("work", rerun_on=["failed"], key_ttl_s=60)
    async def work(job: JobContext, number: int) -> None:
        if number == 1:
            await release.wait()
            raise ValueError("as asked")

    async def key_of(kind: Kind[[int], None], number: int) -> str:
        return (await scheduler.submit(kind(number), key="k")).id

    first = await scheduler.submit(work(1), key="k")
    forgotten = await scheduler.submit(work(1), key="forgotten")
    await clock.advance(60)
    second = await key_of(work, 2)
    release.set()
    await first.wait()
    await forgotten.wait()

    assert await key_of(work, 2) == second


async def test_a_default_need_not_be_plain_data_for_a_committed_key(registry: Registry, anyio_backend: Any) -> None:
    @registry.kind("work", max_running=1)
    async def work(job: JobContext, number: int, unset: Any = {1, 2}) -> int:  # noqa: B006
        return number

    store = MemoryStore()
    async with Scheduler(registry, store=store) as scheduler:
        first = await scheduler.submit(work(1), key="k")
        assert (await scheduler.submit(work(1), key="k")).id == first.id
        assert await (await scheduler.submit(work(2), key="another")).result() == 2
    async with Scheduler(registry, store=store) as again:
        assert (await again.submit(work(1), key="k")).id == first.id


class Note:
    """An object of the host's, which is equal to itself alone."""

    def __init__(self) -> None:
        self.text = ""


CHANGES: dict[str, Callable[[], tuple[Any, ...]]] = {
    "a mapping": lambda: ({"title": "x"},),
    "a mapping in a list": lambda: ([{"title": "x"}],),
    "a mapping among several": lambda: (5, {"title": "x"}),
    "a mapping with a set in it": lambda: ({"title": "x", "tags": {1}},),
}


@pytest.mark.parametrize("durable", [False, True], ids=["in memory", "with a store"])
@pytest.mark.parametrize("what", CHANGES)
async def test_a_handler_that_changes_its_argument_causes_no_conflict(
    anyio_backend: Any, registry: Registry, durable: bool, what: str
) -> None:
    if durable and "set" in what:
        pytest.skip("a set is no plain data: a store takes none")

    @registry.kind("render")
    async def render(job: JobContext, *arguments: Any) -> None:
        found = arguments[-1]
        (found if isinstance(found, dict) else found[0])["width"] = 640

    async with Scheduler(registry, store=MemoryStore() if durable else None) as scheduler:
        first = await scheduler.submit(render(*CHANGES[what]()), key="k")
        await first.wait()

        assert (await scheduler.submit(render(*CHANGES[what]()), key="k")).id == first.id
        with pytest.raises(IdempotencyConflictError):
            await scheduler.submit(render({"title": "y"}), key="k")


async def test_an_argument_that_is_no_plain_data_is_compared_by_identity(
    registry: Registry, scheduler: Scheduler
) -> None:
    @registry.kind("write")
    async def write(job: JobContext, where: dict[str, Note]) -> None:
        where["note"].text = "written"

    note = Note()
    first = await scheduler.submit(write({"note": note}), key="k")
    await first.wait()

    assert (await scheduler.submit(write({"note": note}), key="k")).id == first.id
    with pytest.raises(IdempotencyConflictError):
        await scheduler.submit(write({"note": Note()}), key="k")


async def test_an_interrupt_while_comparing_reaches_the_submitter(registry: Registry, scheduler: Scheduler) -> None:
    class Interrupts:
        def __eq__(self, other: object) -> bool:
            raise KeyboardInterrupt

        def __hash__(self) -> int:
            return 0

    @registry.kind("work")
    async def work(job: JobContext, what: object) -> None:
        pass

    first = await scheduler.submit(work(Interrupts()), key="k")
    with pytest.raises(KeyboardInterrupt):
        await scheduler.submit(work(Interrupts()), key="k")
    assert [job.id for job in (await scheduler.find()).jobs] == [first.id]


async def test_a_key_without_its_job_leaves_the_journal_after_its_ttl(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("work", key_ttl_s=100, retain_s=10)
    async def work(job: JobContext) -> None: ...

    async with host.running() as scheduler:
        first = await scheduler.submit(work(), key="k")
        await first.wait()
        await host.clock.advance(11)
        await written(scheduler)
        assert host.store.committed[-1].body is not None  # the key alone
        await host.clock.advance(100)
        assert (await scheduler.submit(work(), key="k")).created
        await written(scheduler)
    assert Entry(first.id, None, final=True) in host.store.committed


async def test_an_expired_key_does_not_remove_its_job(anyio_backend: Any) -> None:
    host = Host()

    @host.kind("work", key_ttl_s=10, retain_s=100)
    async def work(job: JobContext) -> None: ...

    async with host.running() as scheduler:
        first = await scheduler.submit(work(), key="k")
        await first.wait()
        await host.clock.advance(11)
        assert (await scheduler.submit(work(), key="k")).created
        await written(scheduler)
    async with host.running() as again:
        assert (await again.get(first.id)).state is JobState.SUCCEEDED
