"""14. One job cannot take the others down, whatever its code raises, returns, notes or is given."""

from __future__ import annotations

import _thread
import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import anyio
import pytest

from jobcancel import Compensation, CompensationContext, JobContext, Partial, Registry, Scheduler, Snapshot, Stage
from jobcancel.abc import Store
from jobcancel.stores import MemoryStore
from tests.conftest import VALUES_ONLY
from tests.core.odd import ODD
from tests.core.odd_errors import ERRORS

Does = Callable[[JobContext, Any], Awaitable[Any]]


class Host:
    """A scheduler's kinds, and what the job of the kind ``odd`` does."""

    def __init__(self, does: Does | None = None, value: Any = None, **options: Any) -> None:
        self.registry, self.release = Registry(), anyio.Event()

        @self.registry.kind("odd", max_running=1, on_restart="rerun", **options)
        async def odd(job: JobContext, /, *_: object) -> Any:
            return None if does is None else await does(job, value)

        @self.registry.kind("other", max_running=2)
        async def other(job: JobContext) -> str:
            await self.release.wait()
            return "done"

        @self.registry.compensation("undo")
        async def undo(context: CompensationContext, *_: object) -> None: ...

        self.undo: Compensation[...] = undo


async def others_are_well(scheduler: Scheduler, host: Host, before: Any) -> list[Snapshot[Any]]:
    """Require that other jobs end, that slots are free, and that all can be shown; return the odd jobs."""
    after = [await scheduler.submit("other"), await scheduler.submit("other")]
    host.release.set()
    for handle in (before, *after):
        with anyio.fail_after(10):
            assert await handle.result() == "done"
    found = (await scheduler.find()).jobs
    for job in found:
        shown = job.to_dict()
        assert json.loads(json.dumps(shown, allow_nan=False, ensure_ascii=False).encode()) == shown
    return [job for job in found if job.kind == "odd"]


@pytest.fixture(autouse=True)
def fewer_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find the end of what has none soon: the bounds themselves are tested where they stand."""
    monkeypatch.setattr("jobcancel._core.plain.MOST_VALUES", 10_000)
    monkeypatch.setattr("jobcancel._core.plain.MOST_REPEATS", 1_000)


async def does_odd(store: Store | None, does: Does, value: Any) -> list[Snapshot[Any]]:
    """Let two jobs do something odd, one after the other behind one slot, and look at the rest."""
    host = Host(does, value)
    async with Scheduler(host.registry, store=store) as scheduler:
        before = await scheduler.submit("other")
        for _ in range(2):
            with anyio.fail_after(10):
                await (await scheduler.submit("odd")).wait()
        ended = await others_are_well(scheduler, host, before)
    assert [job.settled for job in ended] == [True, True]
    if store is not None:
        async with Scheduler(Host().registry, store=store) as again:
            assert [(await again.get(job.id)).state for job in ended] == [job.state for job in ended]
    return ended


async def returns(_: JobContext, value: Any) -> Any:
    return value


async def returns_partially(_: JobContext, value: Any) -> Any:
    return Partial(value)


async def raises(_: JobContext, value: Any) -> None:
    raise value()


async def raises_in_an_undo(job: JobContext, value: Any) -> None:
    async def undo() -> None:
        raise value()

    job.add_compensation(undo)
    raise ValueError("so that it runs")


async def notes(job: JobContext, value: Any) -> None:
    job.note("seen", value=value)


async def notes_a_step(job: JobContext, value: Any) -> None:
    job.note(value)


async def says_its_progress(job: JobContext, value: Any) -> None:
    job.progress(1, message=value)


async def counts_its_progress(job: JobContext, value: Any) -> None:
    job.progress(value, value)


async def enters_a_stage(job: JobContext, value: Any) -> None:
    async with job.stage(value):
        pass


async def keeps_a_stages_result(job: JobContext, value: Any) -> Any:
    async def work() -> Any:
        return value

    return await job.run_stage("work", work)


async def labels_a_child(job: JobContext, value: Any) -> None:
    await job.submit(job.app(), labels={"label": value})


async def undoes_with_it(job: JobContext, value: Any) -> None:
    job.add_compensation("undo", value)
    raise ValueError("so that it runs")


async def undoes_by_it(job: JobContext, value: Any) -> None:
    job.add_compensation(value)
    raise ValueError("so that it runs")


DOES: dict[str, Does] = {
    "result": returns,
    "partial result": returns_partially,
    "note": notes,
    "step": notes_a_step,
    "message": says_its_progress,
    "progress": counts_its_progress,
    "stage": enters_a_stage,
    "stage's result": keeps_a_stages_result,
    "child's labels": labels_a_child,
    "undo's arguments": undoes_with_it,
    "undo": undoes_by_it,
}


@pytest.fixture(params=[False, True], ids=["in memory", "stored"])
def store(request: pytest.FixtureRequest) -> Store | None:
    return MemoryStore() if request.param else None


@VALUES_ONLY
@pytest.mark.parametrize("name", ODD)
async def test_14_a_value_with_broken_methods_ends_at_most_its_own_job(
    name: str, store: Store | None, anyio_backend: Any
) -> None:
    for place, does in DOES.items():
        ended = await does_odd(MemoryStore() if store else None, does, ODD[name])
        if place in ("result", "partial result"):
            assert {job.state for job in ended} == {"succeeded" if place == "result" else "partially_succeeded"}


@VALUES_ONLY
@pytest.mark.parametrize("does", [raises, raises_in_an_undo])
@pytest.mark.parametrize("name", ERRORS)
async def test_14_an_unformattable_error_ends_only_its_own_job(
    name: str, does: Does, store: Store | None, anyio_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupts: list[None] = []
    monkeypatch.setattr(_thread, "interrupt_main", lambda: interrupts.append(None))
    for job in await does_odd(store, does, ERRORS[name]):
        assert job.failure is not None
        assert (job.state, job.failure.code) == ("failed", "HANDLER_ERROR")
        assert job.failure.details["traceback"]
    assert bool(interrupts) == (name == "str interrupts")  # which is the host's, when the job has settled


def cycle_of_cancellations() -> BaseException:
    first, second = asyncio.CancelledError("first"), asyncio.CancelledError("second")
    first.__context__, second.__context__ = second, first
    return first


WHERE = ("code", "stage", "undo")


@pytest.mark.parametrize("where", WHERE)
async def test_14_a_circular_cancellation_ends_only_its_own_job(
    where: str, anyio_backend: Any, anyio_backend_name: str
) -> None:
    if anyio_backend_name == "trio":
        pytest.skip("trio lets no one make its cancellation")
    stage = Stage("work", timeout_s=0.01)

    async def ends_in_a_circle() -> None:
        with suppress(asyncio.CancelledError):  # raised inside of it, the circle would have another context
            await anyio.sleep_forever()
        raise cycle_of_cancellations()

    async def does(job: JobContext, _: Any) -> None:
        if where == "undo":
            job.add_compensation(ends_in_a_circle)
            raise ValueError("so that it runs")
        async with job.stage("work") if where == "stage" else AsyncExitStack():
            await ends_in_a_circle()

    host = Host(does, stages=[stage], cleanup_s=0.01)
    async with Scheduler(host.registry) as scheduler:
        before = await scheduler.submit("other")
        handle = await scheduler.submit("odd")
        await anyio.wait_all_tasks_blocked()
        if where == "code":
            await handle.cancel()
        with anyio.fail_after(10):
            await handle.wait()
        assert [job.settled for job in await others_are_well(scheduler, host, before)] == [True]


class Raises(logging.Handler):
    """A host's handler that does not get along with anything."""

    def emit(self, record: logging.LogRecord) -> None:
        raise SystemExit(3)


async def test_14_a_log_that_exits_ends_no_job(store: Store | None, anyio_backend: Any) -> None:
    handler = Raises()
    logging.getLogger("jobcancel").addHandler(handler)
    try:
        ended = await does_odd(store, raises, lambda: ValueError("x"))
    finally:
        logging.getLogger("jobcancel").removeHandler(handler)
    assert {job.state for job in ended} == {"failed"}


OPTIONS = ("key", "owner", "labels", "arguments", "compensations", "by", "reason")


@VALUES_ONLY
@pytest.mark.parametrize("name", ODD)
async def test_14_a_submit_or_cancel_is_accepted_or_refused_as_a_whole(
    name: str, store: Store | None, anyio_backend: Any
) -> None:
    host, value = Host(), ODD[name]
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "labels": lambda: {"labels": {"label": value}},
        "compensations": lambda: {"compensations": [host.undo(value)]},
    }
    async with Scheduler(host.registry, store=store) as scheduler:
        before = await scheduler.submit("other")
        taken = 0
        for option in (*OPTIONS, *OPTIONS):
            with suppress(TypeError, ValueError, LookupError):
                if option == "arguments":
                    await scheduler.submit("odd", value, key="k")
                elif option in ("by", "reason"):
                    await scheduler.cancel((await scheduler.submit("odd")).id, **{option: value})
                else:
                    await scheduler.submit("odd", **ways.get(option, lambda: {option: value})())  # noqa: B023
                taken += 1
        ended = await others_are_well(scheduler, host, before)
        # The cancels' jobs were taken before they were canceled; a key leads to one job.
        assert len(ended) <= taken + 4
