"""A number that makes no sense is refused wherever one is taken, before anything happened.

What a client sends (``?wait_s=nan``) comes this far in many services. One that got through stopped every timer.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import inf, nan
from typing import Any

import anyio
import pytest
from anyio import to_thread
from attrs import frozen

from jobcancel import BlockingScheduler, JobContext, Registry, Scheduler, Stage
from jobcancel.stores import MemoryStore, SqliteStore
from jobcancel.testing import ManualClock, explore
from tests.conftest import VALUES_ONLY

TEXT, NONE = "5", None
WRONG_TYPE: list[Any] = [True, False, TEXT, b"6", Decimal(5), Fraction(5), 5j, [5], object()]
WRONG_VALUE: list[Any] = [nan, -1, -0.5, -inf, 10**400, 10**5000]


@frozen
class Host:
    """What the places are in.

    Attributes:
        scheduler: It runs; the one slot of its kind ``report`` is free.
        idle: A job that runs until it is canceled.
        clock: The scheduler's.
        acts: What a job of the kind ``does`` does next.
        errors: What it raised.
    """

    scheduler: Scheduler
    idle: Any
    clock: ManualClock
    acts: list[Callable[[JobContext], Any]]
    errors: list[Exception]

    async def inside(self, act: Callable[[JobContext], Awaitable[object] | object]) -> None:
        """Do something in a job's code; what that raises is raised here."""
        self.acts.append(act)
        assert (await (await self.scheduler.submit("does")).wait()).state == "succeeded"
        raise self.errors.pop()


Give = Callable[[Host, Any], Awaitable[object]]


@frozen
class Place:
    """Where a number is taken.

    Attributes:
        name: The parameter, as the error names it.
        give: Gives it a value.
        allows: Of ``None``, 0, ``inf`` and 1.5 those that are legal there.
    """

    name: str
    give: Give
    allows: tuple[float | None, ...]


def at(name: str, give: Give, *allows: float | None) -> Place:
    return Place(name, give, allows)


async def thread(call: Callable[[], object]) -> None:
    await to_thread.run_sync(call)


async def progress(host: Host, *values: Any) -> None:
    await host.inside(lambda job: job.progress(*values))


async def process(host: Host, value: Any) -> None:
    await host.inside(lambda job: job.run_process([sys.executable, "--version"], kill_after_s=value))


def never() -> Any:
    raise AssertionError("nothing is to happen")


def made(make: Callable[[], object]) -> Awaitable[object]:
    async def call() -> object:
        return make()

    return call()


PLACES: dict[str, Place] = {
    "submit": at("timeout_s", lambda host, v: host.scheduler.submit("report", timeout_s=v), None, inf, 1.5),
    "submit, thread": at(
        "timeout_s",
        lambda host, v: thread(partial(host.scheduler.from_thread.submit, "report", timeout_s=v)),
        *(None, inf, 1.5),
    ),
    "wait": at("timeout_s", lambda host, v: host.scheduler.wait(host.idle.id, timeout_s=v), None, 0, inf, 1.5),
    "wait, handle": at("timeout_s", lambda host, v: host.idle.wait(timeout_s=v), None, 0, inf, 1.5),
    "wait, thread": at(
        "timeout_s",
        lambda host, v: thread(partial(host.scheduler.from_thread.wait, host.idle.id, timeout_s=v)),
        *(None, 0, inf, 1.5),
    ),
    "shutdown": at("drain_s", lambda host, v: host.scheduler.shutdown(v), 0, inf, 1.5),
    "shutdown, thread": at(
        "drain_s", lambda host, v: thread(partial(host.scheduler.from_thread.shutdown, v)), 0, inf, 1.5
    ),
    "find": at("limit", lambda host, v: host.scheduler.find(limit=v)),
    "progress, done": at("done", progress, 0, 1.5),
    "progress, total": at("total", lambda host, v: progress(host, 1, v), None, 0, 1.5),
    "run_process": at("kill_after_s", process, 0, inf, 1.5),
    "stage": at("timeout_s", lambda _, v: made(lambda: Stage("a", timeout_s=v)), inf, 1.5),
    "store": at("busy_timeout_s", lambda _, v: made(lambda: SqliteStore("never", busy_timeout_s=v)), 0, 1.5),
    "explore, budget": at("budget", lambda _, v: explore(never, budget=v), None),
    "explore, stall_s": at("stall_s", lambda _, v: explore(never, stall_s=v), inf, 1.5),
    "clock": at("seconds", lambda host, v: host.clock.advance(v), 0, 1.5),
}

SIZES = {"max_running": (None,), "max_threads": (), "drain_s": (0, inf, 1.5)}
TIMES = ("timeout_s", "expires_s", "grace_s", "cleanup_s", "key_ttl_s", "retain_s")
OPTIONS: dict[str, tuple[float | None, ...]] = {
    **dict.fromkeys(TIMES, (inf, 1.5)),
    **dict.fromkeys(("max_running", "max_pending", "retain_count"), (None,)),
}


def option(make: Callable[..., object], name: str, allows: tuple[float | None, ...]) -> Place:
    return at(name, lambda _, value: made(lambda: make(**{name: value})), *allows)


for option_name, legal in SIZES.items():
    PLACES[f"Scheduler {option_name}"] = option(partial(Scheduler, Registry()), option_name, legal)
    PLACES[f"BlockingScheduler {option_name}"] = option(partial(BlockingScheduler, Registry()), option_name, legal)
for option_name, legal in OPTIONS.items():
    PLACES[f"kind {option_name}"] = option(partial(Registry().kind, "a"), option_name, legal)


def kinds() -> Registry:
    registry = Registry()

    @registry.kind("report", max_running=1, timeout_s=5)
    async def report(job: JobContext) -> None:
        await anyio.sleep_forever()

    @registry.kind("idle")
    async def idle(job: JobContext) -> None:
        await anyio.sleep_forever()

    @registry.kind("does")
    async def does(job: JobContext) -> None:
        acts, errors = job.app
        try:
            done = acts.pop()(job)
            if done is not None:
                await done
        except (TypeError, ValueError) as error:
            errors.append(error)

    return registry


def bad(place: Place) -> list[tuple[Any, type[Exception]]]:
    """Every value that the place has to refuse, and how."""
    whole = 1.5 not in place.allows
    values: list[tuple[Any, type[Exception]]] = [(value, TypeError) for value in WRONG_TYPE]
    values += [(value, TypeError if whole and type(value) is float else ValueError) for value in WRONG_VALUE]
    values += [(value, ValueError) for value in (0,) if value not in place.allows]
    values += [(value, TypeError if whole else ValueError) for value in (inf,) if value not in place.allows]
    values += [(value, TypeError) for value in (None, 1.5) if value not in place.allows]
    if place.name.endswith("_s"):
        values.append((1e300, ValueError))
    return values


@VALUES_ONLY
@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "stored"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_an_invalid_number_is_refused_without_effect(place: Place, stored: bool, anyio_backend: Any) -> None:
    clock, app = ManualClock(), (list[Any](), list[Exception]())
    async with Scheduler(kinds(), clock=clock, app=app, store=MemoryStore() if stored else None) as scheduler:
        host = Host(scheduler, await scheduler.submit("idle"), clock, *app)
        for value, error in bad(place):
            with pytest.raises(error, match=f"^{place.name} must be "):
                await place.give(host, value)
        assert clock.monotonic() == 0
        found = (await scheduler.find()).jobs
        assert {job.kind for job in found} <= {"idle", "does"}
        assert [job.state for job in found if job.kind == "idle"] == ["running"]
        # Slots are free, timers go on: two jobs of the kind with one slot, one after the other, by their timeouts.
        first, second = await scheduler.submit("report"), await scheduler.submit("report")
        await clock.advance(5)
        assert (await first.wait()).state == "failed"
        await clock.advance(5)
        assert (await second.wait()).state == "failed"


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_table_has_a_value_of_each_sort(place: Place) -> None:
    assert len(bad(place)) >= 16


async def test_a_wait_of_0_seconds_returns_the_current_state(anyio_backend: Any) -> None:
    async with Scheduler(kinds(), clock=ManualClock()) as scheduler:
        handle = await scheduler.submit("idle")
        assert (await handle.wait(timeout_s=0)).state in {"pending", "running"}


async def test_a_wait_without_limit_returns_the_settled_job(anyio_backend: Any) -> None:
    async with Scheduler(kinds(), clock=ManualClock()) as scheduler:
        handle = await scheduler.submit("idle")
        await handle.cancel()
        assert (await handle.wait(timeout_s=inf)).state == "canceled"


async def test_a_drain_without_limit_lets_every_job_finish(anyio_backend: Any) -> None:
    registry, release = kinds(), anyio.Event()

    @registry.kind("finishes")
    async def finishes(job: JobContext) -> str:
        await release.wait()
        return "done"

    async with Scheduler(registry, clock=ManualClock()) as scheduler, anyio.create_task_group() as tasks:
        handle = await scheduler.submit(finishes())
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(scheduler.shutdown, inf)
        await anyio.wait_all_tasks_blocked()
        release.set()
        assert await handle.result() == "done"
