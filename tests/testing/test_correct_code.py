"""Correct jobs: ``explore`` covers all their points and finds nothing, on any backend."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobcancel import JobContext, Stage
from jobcancel.errors import StageTimeoutError
from jobcancel.testing import explore

from .exploring import make_for

Handler = Callable[..., Coroutine[Any, Any, Any]]


async def numbers() -> AsyncGenerator[int]:
    try:
        for number in range(2):
            await checkpoint()
            yield number
    finally:
        with anyio.CancelScope(shield=True):
            await checkpoint()


async def an_async_generator(job: JobContext) -> None:
    async with contextlib.aclosing(numbers()) as opened:
        async for _ in opened:
            await checkpoint()


@contextlib.asynccontextmanager
async def connection() -> AsyncGenerator[None]:
    await checkpoint()
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await checkpoint()


async def context_managers(job: JobContext) -> None:
    async with connection(), contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(connection())
        await checkpoint()


async def threads(job: JobContext) -> None:
    await anyio.to_thread.run_sync(sum, [1, 2])
    await job.run_sync(sum, [1, 2])


async def streams(job: JobContext) -> None:
    sender, receiver = anyio.create_memory_object_stream[int](0)

    async def produce() -> None:
        async with sender:
            await sender.send(1)
            await sender.send(2)

    async with receiver, anyio.create_task_group() as group:
        group.start_soon(produce)
        async for _ in receiver:
            await checkpoint()


async def timeouts(job: JobContext) -> None:
    with anyio.move_on_after(3600):
        await checkpoint()
    with anyio.fail_after(3600):
        await checkpoint()
    with anyio.move_on_after(0):
        await anyio.sleep_forever()
    with contextlib.suppress(TimeoutError), anyio.fail_after(0):
        await anyio.sleep_forever()
    await checkpoint()


async def own_scopes(job: JobContext) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await checkpoint()
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)
        group.start_soon(anyio.sleep_forever)
        await checkpoint()
        group.cancel_scope.cancel()
    await checkpoint()


async def servers(job: JobContext) -> None:
    async def serve(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        task_status.started()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        await group.start(serve)
        await checkpoint()
        group.cancel_scope.cancel()


async def exception_groups(job: JobContext) -> None:
    async def fail() -> None:
        await checkpoint()
        raise LookupError

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            await anyio.sleep_forever()
    except* LookupError:
        pass
    await checkpoint()


async def cleanup(job: JobContext) -> None:
    try:
        await checkpoint()
    except anyio.get_cancelled_exc_class() as error:
        remembered = error
        with anyio.CancelScope(shield=True):
            await checkpoint()
        raise remembered from None


async def cleanup_in_bounded_time(job: JobContext) -> None:
    try:
        await checkpoint()
    finally:
        with anyio.move_on_after(0.001, shield=True):
            await anyio.sleep_forever()
        with contextlib.suppress(TimeoutError), anyio.CancelScope(shield=True), anyio.fail_after(0.001):
            await anyio.sleep_forever()


async def a_shielded_last_step(job: JobContext) -> str:
    with anyio.CancelScope(shield=True):
        await anyio.sleep(0.001)
    return "stored"


async def retries(job: JobContext) -> None:
    for _ in range(2):
        try:
            await checkpoint()
            raise OSError
        except OSError:
            await checkpoint()


async def stage_timeouts(job: JobContext) -> None:
    with contextlib.suppress(StageTimeoutError):
        async with job.stage("hurried"):
            await anyio.sleep_forever()
    await checkpoint()


async def deep_awaits(job: JobContext) -> None:
    async def down(levels: int) -> None:
        await (down(levels - 1) if levels else checkpoint())

    await down(300)


user: ContextVar[str] = ContextVar("user")


async def context_variables(job: JobContext) -> None:
    user.set("ada")
    await checkpoint()
    assert user.get() == "ada"


async def always_failing(job: JobContext) -> None:
    await checkpoint()
    raise SystemExit(3)


async def undeclared_stage(job: JobContext) -> None:
    await checkpoint()
    async with job.stage("nowhere_declared"):
        raise AssertionError("strict")


class Callables:
    async def __call__(self, job: JobContext) -> None:
        await checkpoint()

    async def method(self, job: JobContext) -> None:
        await checkpoint()


async def with_a_title(title: str, job: JobContext) -> None:
    await checkpoint()


def decorated(handler: Handler) -> Handler:
    @wraps(handler)
    async def logged(*args: Any) -> Any:
        return await handler(*args)

    return logged


HANDLERS: dict[str, Handler] = {
    "generator": an_async_generator,
    "context_managers": context_managers,
    "threads": threads,
    "streams": streams,
    "timeouts": timeouts,
    "own_scopes": own_scopes,
    "servers": servers,
    "exception_groups": exception_groups,
    "cleanup": cleanup,
    "cleanup_in_bounded_time": cleanup_in_bounded_time,
    "shielded_last_step": a_shielded_last_step,
    "retries": retries,
    "stage_timeouts": stage_timeouts,
    "deep": deep_awaits,
    "context_variables": context_variables,
    "always_failing": always_failing,
    "undeclared_stage": undeclared_stage,
    "callable": Callables(),
    "method": Callables().method,
    "partial": partial(with_a_title, "intro"),
    "decorated": decorated(context_variables),
}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
async def test_explore_finds_nothing_in_correct_code(handler: Handler) -> None:
    report = await explore(make_for(handler, stages=[Stage("hurried", timeout_s=0.001)]))

    assert report.ok, str(report)
    assert report.covered == report.points >= 2


async def asyncio_groups(job: JobContext) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(retries(job))
        group.create_task(retries(job))
    await asyncio.gather(retries(job), retries(job))


async def asyncio_timeouts(job: JobContext) -> None:
    async with asyncio.timeout(3600):
        await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.sleep(0), 3600)
    for _ in range(2):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.sleep(3600)
    await asyncio.sleep(0)


async def asyncio_tasks(job: JobContext) -> None:
    tasks = [asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(asyncio.sleep(3600))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait(tasks)


@pytest.mark.parametrize("handler", [asyncio_groups, asyncio_timeouts, asyncio_tasks])
async def test_explore_finds_nothing_in_correct_asyncio_code(anyio_backend: tuple[str, Any], handler: Handler) -> None:
    if anyio_backend[0] != "asyncio":
        pytest.skip("the job uses asyncio directly")

    report = await explore(make_for(handler))

    assert report.ok, str(report)
    assert report.covered == report.points
