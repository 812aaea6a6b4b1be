"""``python -m tests.kill.child``: one life on a journal, under load until it is killed, or until all is settled."""

from __future__ import annotations

import logging
import os
import sys
from argparse import ArgumentParser
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import anyio
from attrs import define, field

from jobcancel import Compensation, JobHandle, Scheduler, Snapshot, Verdict
from jobcancel.errors import JobNotFoundError
from jobcancel.stores.sqlite import SqliteStore
from tests.faults.fault import plant_from_environment

from .faults import FAULTS
from .kinds import World, registry
from .pen import Pen

BACKENDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
ROOTS: Final = ("plain", "queued", "failing", "timed", "selfish", "steps", "steps", "guarded", "pays", "pays", "family")
_SUBMITTERS, _CANCELERS = 4, 3
_KNOWN: Final = 60  # how many of the newest jobs are asked for
_COMPARED: Final = 60  # settled jobs whose snapshots are acknowledged after a start


@define
class Load:
    """Submits and cancels at random; every answer is acknowledged to the parent at once."""

    world: World
    scheduler: Scheduler
    refund: Compensation[[str]]
    random: Random
    closes_after: int
    known: list[str] = field(factory=list[str])
    answers: int = 0

    async def run(self) -> None:
        """Go on until the process is killed, or as many answers have come as were wanted."""
        async with anyio.create_task_group() as tasks:
            for _ in range(_SUBMITTERS):
                tasks.start_soon(self._submit)
            for _ in range(_CANCELERS):
                tasks.start_soon(self._cancel)

    def _goes_on(self) -> bool:
        self.answers += 1
        return self.answers <= self.closes_after

    async def _submit(self) -> None:
        random, pen = self.random, self.world.pen
        while self._goes_on():
            name = random.choice(ROOTS)
            key = f"key {random.randrange(40)}" if random.random() < 0.25 else None
            plan = random.randrange(10**6) if key is None else int(key.split()[1])
            marks = [f"{pen.life}/{self.answers}/{n}" for n in range(random.choice((0, 0, 0, 1, 2)))]
            undos = [partial(self.refund, mark) for mark in marks]
            labels = {"group": str(random.randrange(20))}
            handle = await self.scheduler.submit(name, plan, key=key, labels=labels, compensations=undos)
            facts = {"id": handle.id, "kind": name, "key": key, "parent": None, "group": labels["group"]}
            pen.acknowledge("submitted", **facts, marks=marks if handle.created else [])
            self.known = [*self.known, handle.id][-_KNOWN:]
            if random.random() < 0.5:
                await self._wait(handle, random.random() * 0.03)

    async def _wait(self, handle: JobHandle[Any], patience_s: float) -> None:
        with anyio.move_on_after(patience_s):
            await acknowledge_settled(self.world.pen, handle.wait())

    async def _cancel(self) -> None:
        random, pen = self.random, self.world.pen
        while self._goes_on():
            await anyio.sleep(random.random() * 0.01)
            if not self.known:
                continue
            defer, force = random.random() < 0.2, random.random() < 0.1
            try:
                if random.random() < 0.1:
                    group = str(random.randrange(20))
                    pen.effect("asking", group=group)
                    answers = await self.scheduler.cancel_many(labels={"group": group}, defer=defer, force=force)
                    self._acknowledge([*answers.values()])
                else:
                    job_id = random.choice(self.known)
                    before = await self.scheduler.get(job_id)
                    pen.effect("asking", id=job_id)
                    ask = self.scheduler.cancel(job_id, by="a user", reason="why not", defer=defer, force=force)
                    self._acknowledge([await ask])
                    if before.settled:
                        pen.acknowledge("settled", snapshot=before.to_dict())
            except JobNotFoundError:
                pass  # past its retention

    def _acknowledge(self, verdicts: list[Verdict]) -> None:
        if verdicts:
            shown = [[each.job_id, each.outcome, each.state, each.stage] for each in verdicts]
            self.world.pen.acknowledge("verdicts", verdicts=shown)


async def acknowledge_settled(pen: Pen, waiting: Coroutine[Any, Any, Snapshot[Any]]) -> None:
    """Acknowledge the end that a wait returned: it is committed."""
    try:
        snapshot = await waiting
    except JobNotFoundError:
        return  # past its retention
    if snapshot.settled:  # else the scheduler was left
        pen.acknowledge("settled", snapshot=snapshot.to_dict())


async def rest(scheduler: Scheduler) -> None:
    """Wait until every job is settled.

    It asks in the order in which a job goes from state to state: one that waits now and starts is seen by the next.
    """
    while jobs := [
        job
        for state in ("pending", "running", "canceling")
        for job in (await scheduler.find(state=state, limit=1000)).jobs
    ]:
        for job in jobs:
            try:
                await scheduler.wait(job.id)
            except JobNotFoundError:
                pass  # past its retention meanwhile


async def live(options: Any, pen: Pen) -> None:
    """Open the journal, acknowledge what is settled in it, go on, and leave if the load ends before the kill."""
    random = Random(f"{options.seed}/{options.life}")
    world = World(pen)
    store = SqliteStore(options.folder / "journal.db", synchronous=random.choice(("full", "normal")))
    kinds = registry(options.retain_count)
    scheduler = Scheduler(kinds, app=world, store=store, max_running=random.choice((2, 6, None)))
    world.scheduler = scheduler
    pen.acknowledge("opening")
    async with scheduler:
        pen.acknowledge("ready")
        newest = (await scheduler.find(limit=3 * _COMPARED)).jobs
        for job in [job for job in newest if job.settled][:_COMPARED]:
            await acknowledge_settled(pen, scheduler.wait(job.id))
        if options.rest:
            await rest(scheduler)
        else:
            known = [job.id for job in newest if not job.settled][:_KNOWN]
            refund = kinds.compensations["refund"]
            await Load(world, scheduler, refund, random, options.closes_after, known).run()
        pen.acknowledge("closing")
    pen.acknowledge("closed")


async def watched(options: Any, pen: Pen) -> None:
    """Live; acknowledge any exception before the process ends."""
    try:
        await live(options, pen)
    except BaseException as error:
        pen.acknowledge("problem", problem=repr(error))
        raise


def main() -> None:
    """Live once."""
    parser = ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backend", choices=BACKENDS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--life", type=int, required=True)
    parser.add_argument("--retain-count", type=int)
    parser.add_argument("--closes-after", type=int, default=10**9)
    parser.add_argument("--rest", action="store_true")
    options = parser.parse_args()
    plant_from_environment(FAULTS)
    logging.getLogger("jobcancel").setLevel(logging.CRITICAL)  # that jobs fail is a part of the load
    effects = os.open(options.folder / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    pen = Pen(options.life, sys.stdout.fileno(), effects)
    backend, backend_options = BACKENDS[options.backend]
    anyio.run(partial(watched, options, pen), backend=backend, backend_options=backend_options)


if __name__ == "__main__":
    main()
