"""Submitting: what is checked before a job exists."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import anyio
import anyio.to_thread
import pytest

from jobcancel import JobContext, JobHandle, JobState, Registry, Scheduler, Stage
from jobcancel.errors import (
    MissingHandlerError,
    SchedulerClosedError,
    UnknownCompensationError,
    UnknownKindError,
)
from jobcancel.stores import MemoryStore

from .restarts import Host, never, written


async def add(job: JobContext, a: int, b: int = 10, *, times: int = 1) -> int:
    return (a + b) * times


async def test_a_typed_call_reaches_the_handler_with_its_arguments(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("add")(add)

    handle = await scheduler.submit(kind(1, 2, times=3))

    assert await handle.result() == 9
    assert (handle.kind, handle.created) == ("add", True)


async def test_a_name_and_arguments_reach_the_same_handler(registry: Registry, scheduler: Scheduler) -> None:
    registry.kind("add")(add)

    handle = await scheduler.submit("add", 1, times=2)

    assert await handle.result() == 22


async def test_a_call_with_its_arguments_takes_no_more(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("add")(add)
    submit: Any = scheduler.submit

    with pytest.raises(TypeError, match="the call has its arguments"):
        await submit(kind(1), 2)
    with pytest.raises(TypeError, match="the call has its arguments"):
        await submit(kind(1), times=2)
    assert (await scheduler.find()).jobs == ()


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"unknown": 1}), ((1,), {"a": 2})])
async def test_arguments_that_do_not_bind_leave_no_job_behind(
    registry: Registry, scheduler: Scheduler, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    registry.kind("add")(add)

    with pytest.raises(TypeError, match="kind 'add'"):
        await scheduler.submit("add", *args, **kwargs)
    assert (await scheduler.find()).jobs == ()


async def test_an_unknown_kind_is_refused_with_the_known_ones(registry: Registry, scheduler: Scheduler) -> None:
    registry.kind("add")(add)

    with pytest.raises(UnknownKindError, match="no kind is named 'ad'; registered: add"):
        await scheduler.submit("ad", 1)


async def test_a_kind_from_data_without_a_handler_is_refused(anyio_backend: Any) -> None:
    async with Scheduler(Registry.from_mapping({"kinds": {"later": {}}})) as scheduler:
        with pytest.raises(MissingHandlerError, match=r"registry\.handler\('later'\)"):
            await scheduler.submit("later")
        assert (await scheduler.find()).jobs == ()


BAD_OPTIONS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"key": 1}, TypeError, "key must be a string or None, not int"),
    ({"owner": b"me"}, TypeError, "owner must be a string or None, not bytes"),
    ({"labels": {"size": 1}}, TypeError, "labels.size must be a string, not int"),
    ({"labels": {1: "size"}}, TypeError, "labels must have strings as keys, not int"),
    ({"labels": ["size"]}, TypeError, "labels must be a mapping of strings to strings, not list"),
    ({"labels": "size"}, TypeError, "labels must be a mapping of strings to strings, not str"),
    ({"timeout_s": "1"}, TypeError, "timeout_s must be a number of seconds above 0, .*, not '1' "),
    ({"timeout_s": True}, TypeError, "timeout_s must be a number of seconds above 0, .*, not True"),
    ({"timeout_s": 0}, ValueError, "timeout_s must be a number of seconds above 0"),
    ({"timeout_s": float("nan")}, ValueError, "timeout_s must be a number of seconds above 0"),
    ({"compensations": [5]}, TypeError, "a compensation must be a callable or the name of one that is registered"),
    ({"compensations": ["undo"]}, UnknownCompensationError, "no compensation is named 'undo'"),
    ({"compensations": print}, TypeError, "not iterable"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD_OPTIONS)
async def test_an_option_of_the_wrong_type_leaves_no_job_behind(
    registry: Registry, scheduler: Scheduler, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    kind = registry.kind("add")(add)

    with pytest.raises(error, match=message):
        await scheduler.submit(kind(1), **options)
    assert (await scheduler.find()).jobs == ()


async def test_the_snapshot_shows_the_options_of_submit(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("add")(add)

    handle = await scheduler.submit(kind(1), key="k", owner="me", labels={"size": "big"}, timeout_s=9)
    snapshot = await handle.wait()

    assert (snapshot.id, snapshot.kind, snapshot.key, snapshot.owner) == (handle.id, "add", "k", "me")
    assert (snapshot.labels, snapshot.result, snapshot.state) == ({"size": "big"}, 11, JobState.SUCCEEDED)


async def test_changing_labels_after_submit_changes_no_job(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("add")(add)
    labels = {"size": "big"}

    handle = await scheduler.submit(kind(1), labels=labels)
    labels["size"] = "small"

    assert (await handle.wait()).labels == {"size": "big"}


class Name(StrEnum):
    KIND = "kind_of_an_enum"
    STAGE = "stage_of_an_enum"
    OWNER = "owner"


async def test_names_that_are_enum_members_do_not_break_the_settlement(
    registry: Registry, scheduler: Scheduler
) -> None:
    @registry.kind(Name.KIND, stages=[Stage(Name.STAGE)])
    async def work(job: JobContext) -> None:
        async with job.stage(Name.STAGE):
            job.note(Name.STAGE, owner=Name.OWNER)

    handle = await scheduler.submit(work(), owner=Name.OWNER, key=Name.OWNER, labels={Name.OWNER: Name.OWNER})

    assert (await handle.wait()).state is JobState.SUCCEEDED
    assert (await scheduler.get(handle.id)).to_dict()["kind"] == "kind_of_an_enum"


async def test_submit_starts_nothing_before_the_caller_waits(registry: Registry, scheduler: Scheduler) -> None:
    begun = anyio.Event()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        begun.set()

    handle = await scheduler.submit(work())

    assert not begun.is_set()
    await handle.wait()
    assert begun.is_set()


async def test_a_kind_added_while_the_scheduler_runs_can_be_submitted(registry: Registry, scheduler: Scheduler) -> None:
    with pytest.raises(UnknownKindError):
        await scheduler.submit("add", 1)
    registry.kind("add")(add)

    assert await (await scheduler.submit("add", 1)).result() == 11


async def test_a_scheduler_that_does_not_run_refuses_jobs(registry: Registry, anyio_backend: Any) -> None:
    kind = registry.kind("add")(add)
    scheduler = Scheduler(registry)

    with pytest.raises(SchedulerClosedError, match="cannot submit"):
        await scheduler.submit(kind(1))
    async with scheduler:
        handle: JobHandle[int] = await scheduler.submit(kind(1))
    with pytest.raises(SchedulerClosedError, match="cannot submit"):
        await scheduler.submit(kind(1))
    assert (await handle.wait()).settled


async def test_two_jobs_of_one_id_are_refused(registry: Registry, anyio_backend: Any) -> None:
    kind = registry.kind("add")(add)

    async with Scheduler(registry, new_id=lambda: "same") as scheduler:
        first = await scheduler.submit(kind(1))
        with pytest.raises(ValueError, match="the id factory gave 'same' twice"):
            await scheduler.submit(kind(2))
        assert await first.result() == 11
        with pytest.raises(ValueError, match="the id factory gave 'same' twice"):  # one that has settled has it too
            await scheduler.submit(kind(2))
        assert (await scheduler.get("same")).result == 11


@pytest.mark.parametrize("stored", [False, True], ids=["in_memory", "with_a_store"])
@pytest.mark.parametrize("asks", ["submit", "cancel", "cancel_many", "wait", "handle_cancel", "handle_wait"])
async def test_a_submit_from_another_threads_loop_is_refused(
    registry: Registry, anyio_backend: tuple[str, dict[str, Any]], asks: str, stored: bool
) -> None:
    @registry.kind("endless")
    async def endless(job: JobContext) -> None:
        await anyio.sleep_forever()

    async with Scheduler(registry, store=MemoryStore() if stored else None) as scheduler:
        handle = await scheduler.submit(endless())
        calls: dict[str, Any] = {
            "submit": lambda: scheduler.submit(endless()),
            "cancel": lambda: scheduler.cancel(handle.id),
            "cancel_many": scheduler.cancel_many,
            "wait": lambda: scheduler.wait(handle.id),
            "handle_cancel": handle.cancel,
            "handle_wait": handle.wait,
        }

        def endpoint() -> None:
            anyio.run(calls[asks], backend=anyio_backend[0])

        with pytest.raises(RuntimeError, match=r"another thread .* scheduler\.from_thread"):
            await anyio.to_thread.run_sync(endpoint)
        [job] = (await scheduler.find()).jobs
        assert (job.id, job.state, job.cancel) == (handle.id, "running", None)
        await scheduler.cancel_many()


async def test_another_registrys_kind_and_a_used_id_are_refused(anyio_backend: Any) -> None:
    host, other = Host(new_id=lambda: "job_1"), Host()
    kind = host.kind("work")(never)
    async with host.running() as scheduler:
        with pytest.raises(UnknownKindError, match=r"^kind 'else' is of another registry .*; registered: work$"):
            await scheduler.submit(other.kind("else")(never)())
        await scheduler.submit(kind())
        await written(scheduler)
        before = [*host.store.committed]
        with pytest.raises(ValueError, match="ids must be unique"):
            await scheduler.submit(kind())
        await written(scheduler)
        assert host.store.committed == before
