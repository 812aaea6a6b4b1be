"""What a scheduler and a job refuse to take, and what the refusal says: what is allowed and what to do."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from inspect import CORO_CLOSED, getcoroutinestate
from typing import Any, cast

import anyio
import pytest

from jobcancel import JobContext, Kind, Registry, Scheduler
from jobcancel.errors import UnknownKindError
from jobcancel.stores import MemoryStore, SqliteStore
from tests.conftest import VALUES_ONLY


async def add(job: JobContext, a: int) -> int:
    return a


async def plain_coroutine() -> None: ...


NAMED = {"submit": 'submit("name", ...)', "batch": 'batch([("name", ...)])'}


def described(takes: str, call: str, given: str) -> str:
    return (
        f"{takes} takes a call of a kind, as in {takes}({call}), where kind is what @registry.kind(...) made of a "
        f"function, or a kind's name and arguments, as in {NAMED[takes]}; not {given}"
    )


def not_called(takes: str, call: str) -> str:
    return (
        f"{takes} takes a call of a kind, and kind 'add' was not called: "
        f"call it with the job's arguments, as in {takes}({call})"
    )


COROUTINE = "a coroutine: declare plain_coroutine as a kind, or await it yourself"

# what is passed, what the message says
NO_CALLS: dict[str, tuple[Callable[[Kind[..., Any]], list[Any]], str]] = {
    "a kind": (lambda kind: [kind], not_called("submit", "add(...)")),
    "a kind and arguments": (lambda kind: [kind, 5], not_called("submit", "add(...)")),
    "a coroutine": (lambda _: [plain_coroutine()], described("submit", "kind(...)", COROUTINE)),
    "nothing": (lambda _: [None], described("submit", "kind(...)", "None (NoneType)")),
    "a list": (lambda kind: [[kind(1)]], described("submit", "kind(...)", "[<call of add>] (list)")),
}
NO_BATCHES: dict[str, tuple[Callable[[Kind[..., Any]], Any], str]] = {
    "a kind": (lambda kind: [kind(1), kind], not_called("batch", "[add(...)]")),
    "coroutines": (
        lambda kind: [kind(1), plain_coroutine(), plain_coroutine()],
        described("batch", "[kind(...)]", COROUTINE),
    ),
    "a name": (lambda _: "add", described("batch", "[kind(...)]", "'add' (str)")),
    "one call": (lambda kind: kind(1), described("batch", "[kind(...)]", "<call of add> (Call)")),
    "a kind alone": (lambda kind: kind, not_called("batch", "[add(...)]")),
    "a tuple of a call": (
        lambda kind: [(kind(1),)],
        described("batch", "[kind(...)]", "(<call of add>,) (tuple)"),
    ),
    "an empty tuple": (lambda _: [()], described("batch", "[kind(...)]", "() (tuple)")),
    "a list of a name": (lambda _: [["add", 1]], described("batch", "[kind(...)]", "['add', 1] (list)")),
    "nothing": (lambda _: None, described("batch", "[kind(...)]", "None (NoneType)")),
}


@pytest.mark.parametrize("what", NO_CALLS)
async def test_submit_refuses_what_is_no_call_and_says_what_to_pass(
    registry: Registry, scheduler: Scheduler, what: str
) -> None:
    make, message = NO_CALLS[what]
    kind, submit = registry.kind("add")(add), scheduler.submit
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # also for a coroutine that is never awaited
        with pytest.raises(TypeError) as refused:
            await submit(*make(kind))
    assert str(refused.value) == message
    assert (await scheduler.find()).jobs == ()


@pytest.mark.parametrize("what", NO_BATCHES)
async def test_a_batch_refuses_what_is_no_call_and_submits_no_child(
    registry: Registry, scheduler: Scheduler, what: str
) -> None:
    make, message = NO_BATCHES[what]
    kind = registry.kind("add")(add)

    @registry.kind("parent")
    async def parent(job: JobContext) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(TypeError) as refused:
                await job.batch(make(kind))
        return str(refused.value)

    assert await (await scheduler.submit(parent())).result() == message
    assert (await scheduler.find(kind="add")).jobs == ()


async def test_a_refused_coroutine_is_closed(scheduler: Scheduler) -> None:
    coroutine, submit = plain_coroutine(), cast("Any", scheduler.submit)
    with pytest.raises(TypeError):
        await submit(coroutine)
    state = getcoroutinestate(coroutine)
    coroutine.close()  # so that a failure of this test is nothing but that
    assert state == CORO_CLOSED


async def test_a_jobs_own_submit_refuses_what_is_no_call(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("add")(add)

    @registry.kind("parent")
    async def parent(job: JobContext) -> list[str]:
        submit: Any = job.submit
        messages: list[str] = []
        for given in (kind, plain_coroutine(), None):
            with pytest.raises(TypeError) as refused:
                await submit(given)
            messages.append(str(refused.value))
        return messages

    assert await (await scheduler.submit(parent())).result() == [
        not_called("submit", "add(...)"),
        described("submit", "kind(...)", COROUTINE),
        described("submit", "kind(...)", "None (NoneType)"),
    ]


async def test_a_kind_of_another_registry_is_refused(registry: Registry, scheduler: Scheduler) -> None:
    registry.kind("add")(add)
    foreign = Registry().kind("add")(add)

    with pytest.raises(UnknownKindError) as refused:
        await scheduler.submit(foreign(1))
    assert str(refused.value) == (
        "kind 'add' is of another registry than the scheduler's; "
        "call a kind of the registry that the scheduler was made with; registered: add"
    )


STORE = "store must be a Store, as jobcancel.stores.SqliteStore(path) is one, or None for memory, not "


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"registry": 5}, "registry must be a Registry, in which the kinds are declared, not 5 (int)"),
        (
            {"store": "jobs.db"},
            "store must be a Store, as jobcancel.stores.SqliteStore('jobs.db') is one, or None for memory, "
            "not 'jobs.db' (str)",
        ),
        ({"store": 5}, STORE + "5 (int)"),
        ({"store": SqliteStore}, STORE + "<class 'jobcancel.stores.sqlite.SqliteStore'> (type)"),
        ({"store": False}, STORE + "False (bool)"),
    ],
)
def test_a_scheduler_refuses_a_wrong_registry_or_store(options: Any, message: str) -> None:
    made: Any = Scheduler
    with pytest.raises(TypeError) as refused:
        made(**{"registry": Registry(), **options})
    assert str(refused.value) == message


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


@VALUES_ONLY
@pytest.mark.parametrize("durable", [False, True], ids=["in memory", "with a store"])
@pytest.mark.parametrize("option", ["defer", "force"])
@pytest.mark.parametrize(
    ("value", "shown"), [("no", "'no' (str)"), ("false", "'false' (str)"), (1, "1 (int)"), (None, "None (NoneType)")]
)
async def test_a_flag_of_cancel_must_be_a_bool(
    anyio_backend: Any, registry: Registry, durable: bool, option: str, value: Any, shown: str
) -> None:
    kind = registry.kind("work")(forever)
    async with Scheduler(registry, store=MemoryStore() if durable else None) as scheduler:
        handle = await scheduler.submit(kind())
        ways: list[Callable[[], Any]] = [
            lambda: handle.cancel(**{option: value}),
            lambda: scheduler.cancel(handle.id, **{option: value}),
            lambda: scheduler.can_cancel(handle.id, **{option: value}),
            lambda: scheduler.cancel_many(**{option: value}),
            lambda: scheduler.cancel_many(owner="unknown", **{option: value}),
        ]
        for ask in ways:
            with pytest.raises(TypeError) as refused:
                await ask()
            assert str(refused.value) == f"{option} must be True or False, not {shown}"
        assert (await scheduler.get(handle.id)).cancel is None


async def test_an_owner_that_is_no_string_is_refused_by_every_method(registry: Registry, scheduler: Scheduler) -> None:
    handle = await scheduler.submit(registry.kind("work")(forever)(), owner="5")
    owner: Any = 5

    async def watch() -> None:
        scheduler.watch(handle.id, owner=owner)

    ways: list[Callable[[], Any]] = [
        lambda: scheduler.cancel(handle.id, owner=owner),
        lambda: scheduler.can_cancel(handle.id, owner=owner),
        lambda: scheduler.get(handle.id, owner=owner),
        lambda: scheduler.wait(handle.id, owner=owner),
        lambda: scheduler.find(owner=owner),
        lambda: scheduler.cancel_many(owner=owner),
        watch,
    ]
    for ask in ways:
        with pytest.raises(TypeError, match=r"^owner must be a string or None, not int$"):
            await ask()
    with pytest.raises(TypeError, match=r"^kind must be a string or None, not int$"):
        await scheduler.find(kind=owner)
