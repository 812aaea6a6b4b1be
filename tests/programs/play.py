"""Running one program from its first life to the probes of its second, and gathering what the rules need to see."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from io import StringIO
from math import inf
from pathlib import Path
from typing import Any, Final, NoReturn

import anyio
from attrs import define, field

from jobcancel import JobContext, Kind, OnCancel, Registry, Scheduler, Snapshot, Stage
from jobcancel.errors import SchedulerClosedError
from jobcancel.testing import ManualClock

from .conductor import Conductor
from .handlers import Run
from .host import LOOP_ENDINGS, Host, LoopEndsError, end_loop
from .plan import KindPlan, Program
from .stores import make_store
from .trace import Trace
from .undos import register_named
from .world import GATES, WHO, Gate, World

BACKENDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
PATIENCE_S: Final = 4.0  # real seconds in which a run has to come to its end, once all that it waits for is given
STEP_S: Final = 7.0  # program seconds between two looks; timeouts and grace are shorter
MOST: Final = 700.0  # program seconds; on a busy machine that takes longer
PROBE: Final = -1  # in place of a depth
TIMED: Final = "timed"


@define(eq=False)
class Record:
    """What the rules look at.

    Attributes:
        left: All jobs as they were when the first life was over; None if it never was.
        last: All jobs at the end of the second.
        probes: What became of them: a name, and what was wrong or None.
    """

    world: World
    give_up: Callable[[Record], NoReturn]
    left: list[Snapshot[Any]] | None = None
    last: list[Snapshot[Any]] = field(factory=list[Snapshot[Any]])
    probes: list[tuple[str, str | None]] = field(factory=list[tuple[str, str | None]])
    states: dict[str, list[str]] = field(factory=dict[str, list[str]])
    stuck: bool = False


def play(program: Program, folder: Path, give_up: Callable[[Record], NoReturn]) -> Record:
    """Run a program to its end.

    Args:
        program: What to run.
        folder: Where its store may keep files.
        give_up: Ends the process with what is known. Called where something does not come though everything was given
            that it could wait for: no loop with such a thing in it can be left.
    """
    logging.basicConfig(stream=StringIO(), force=True)  # what is logged is formatted, as in any service
    logging.raiseExceptions = False
    if program.backend == "trio":
        _repeatable()
    clock = ManualClock()
    world = World(program, clock, Trace(clock.monotonic))
    world.store = make_store(program.store, folder, program.store_delay_s)
    _declare(world)
    record = Record(world, give_up)
    backend, options = BACKENDS[program.backend]
    try:
        anyio.run(_first_life, record, backend=backend, backend_options=options)
    except* (LoopEndsError, KeyboardInterrupt):
        pass
    world.never = anyio.Event()
    anyio.run(_second_life, record, backend=backend, backend_options=options)
    return record


def _repeatable() -> None:
    """Let trio take its tasks in the same order each time."""
    inside: Any = import_module("trio._core._run")  # an extra
    inside._ALLOW_DETERMINISTIC_SCHEDULING = True
    inside._r.seed(0)


def _declare(world: World) -> None:
    world.named = register_named(world)
    for plan in world.program.kinds:
        world.kinds[plan.name] = declare_kind(world, plan)

    @world.registry.kind(TIMED, timeout_s=5)
    async def timed(job: JobContext) -> None:
        await anyio.sleep_forever()

    world.kinds[TIMED] = timed


def declare_kind(world: World, plan: KindPlan) -> Kind[..., Any]:
    stages = [
        Stage(
            stage.name,
            on_cancel=OnCancel(stage.on_cancel),
            commits=stage.commits,
            timeout_s=inf if stage.timeout_s is None else stage.timeout_s,
        )
        for stage in plan.stages
    ]
    registry: Registry = world.registry
    options: dict[str, Any] = dict(plan.options)

    async def handler(job: JobContext, depth: int = 0) -> Any:
        if depth == PROBE:
            return 7
        return await Run(world, job, plan, depth).body()

    kind: Any = registry.kind(plan.name, stages=stages, strict=False, **options)(handler)
    return kind  # type: ignore[no-any-return]  # its options come from data


def _make_scheduler(world: World) -> Scheduler:
    program = world.program
    return Scheduler(
        world.registry,
        app=world,
        max_running=program.max_running,
        drain_s=program.drain_s,
        clock=world.clock,
        new_id=world.new_id,
        store=world.store,
    )


async def _first_life(record: Record) -> None:
    world, program = record.world, record.world.program
    WHO.set("host")
    world.gates, world.life = [Gate() for _ in range(GATES)], 1
    world.scheduler = _make_scheduler(world)
    async with anyio.create_task_group() as group:
        host, conductor = Host(world, world.scheduler), Conductor(world, group)
        await host.start(group)
        await conductor.act(program.acts)
        if program.ending == "settled":
            await _drive(record, conductor, _all_settled(conductor), "its jobs do not settle")
        if program.ending in LOOP_ENDINGS:
            _open_all(world)
            world.closing = True
            world.trace.add("closing", ending=program.ending)
            await end_loop(program.ending)
        await host.end(program.ending, group)
        if program.drain_s == 0:
            await conductor.rest()
            world.trace.add("stopping")  # the shutdown has reached all jobs
        await conductor.act(program.closing)

        async def left() -> bool:
            return host.over.is_set()

        await _drive(record, conductor, left, "the scheduler is not left")
        problem = host.judge()
        if problem is not None:
            world.broken.append(f"18: ending {program.ending!r}: {problem}")
        await conductor.rest()
        record.left = await conductor.everything()
        for job in record.left:
            world.look(job, "find, when it was left")
        await _refuses(world)
        _dismiss(record, conductor)
        group.cancel_scope.cancel()
    if WHO.get() != "host":
        world.broken.append("15: what a job set is seen by its submitter")


async def _refuses(world: World) -> None:
    try:
        await world.scheduler.submit(world.kinds[TIMED]())
    except SchedulerClosedError:
        world.trace.count("submit after the end is refused")
    else:
        world.broken.append("18: a scheduler that was left takes a job")


def _dismiss(record: Record, conductor: Conductor) -> None:
    """Cancel the onlookers that are left: there should be none, since each job has settled or was left pending."""
    for one in conductor.onlookers:
        if not one.over and not one.scope.cancel_called:
            record.world.broken.append(f"2: the scheduler was left, and a task still waits for {one.job_id}")
        if one.states:
            record.states.setdefault(one.job_id, one.states)
        one.scope.cancel()


async def _second_life(record: Record) -> None:
    """Enter again: with a store as a new process would, in memory the same scheduler; then probe it."""
    world = record.world
    world.life, world.closing = 2, False
    if world.store is not None:
        world.store.failures = 0  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # ours
        world.scheduler = _make_scheduler(world)
    async with anyio.create_task_group() as group:
        host, conductor = Host(world, world.scheduler), Conductor(world, group)
        await host.start(group)
        if host.over.is_set():
            world.broken.append(f"18: it cannot be entered again: {host.error!r}")
            record.give_up(record)
        await _drive(record, conductor, _all_settled(conductor), "its jobs do not settle after it was entered again")
        await _probe(record, conductor)
        record.last = await conductor.everything()
        for job in record.last:
            if not world.unkept:
                world.look(job, "find, after it was entered again")
        await host.end("normal", group)

        async def left() -> bool:
            return host.over.is_set()

        await _drive(record, conductor, left, "the scheduler is not left the second time")
        problem = host.judge()
        if problem is not None:
            world.broken.append(f"18: the second ending: {problem}")
        group.cancel_scope.cancel()


async def _probe(record: Record, conductor: Conductor) -> None:
    """Submit a job of each kind, which needs its slot, and one that needs the timers."""
    world = record.world
    wanted = dict.fromkeys(world.kinds, "succeeded") | {TIMED: "failed"}
    handles = {
        name: await world.scheduler.submit(kind() if name == TIMED else kind(PROBE))
        for name, kind in world.kinds.items()
    }
    for handle in handles.values():
        world.learn(handle.id, "a probe")

    seen: dict[str, Snapshot[Any]] = {}

    async def settled() -> bool:
        for name, handle in handles.items():
            if name not in seen or not seen[name].settled:
                seen[name] = await handle.wait(timeout_s=0)
        return all(snapshot.settled for snapshot in seen.values())

    await _drive(record, conductor, settled, "the probes do not settle")
    for name, snapshot in seen.items():
        right = snapshot.state == wanted[name]
        record.probes.append((name, None if right else f"the probe of {name} is {snapshot.state}"))


def _all_settled(conductor: Conductor) -> Callable[[], Awaitable[bool]]:
    world = conductor.world

    async def settled() -> bool:
        waits = world.closing and world.store is not None  # what is pending then is the next process's
        return all(job.settled or (waits and str(job.state) == "pending") for job in await conductor.everything())

    return settled


def _open_all(world: World) -> None:
    for gate in world.gates:
        gate.open()


async def _drive(record: Record, conductor: Conductor, done: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Give everything that can be waited for, time included, until it is done."""
    world, begun = conductor.world, time.monotonic()
    until = world.clock.monotonic() + MOST
    while True:
        _open_all(world)
        await conductor.rest()
        if await done():
            return
        if time.monotonic() - begun > PATIENCE_S and world.clock.monotonic() > until:
            break
        await world.clock.advance(STEP_S)
    unsettled = [job for job in await conductor.everything() if not job.settled]
    listed = ", ".join(f"{job.id} ({job.kind}) {job.state} in {job.stage}" for job in unsettled)
    world.broken.append(f"18: {otherwise}; unsettled: {listed or 'none'}")
    record.stuck = True
    record.give_up(record)
