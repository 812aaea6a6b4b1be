"""A contract served over a scheduler inside the test, and jobs that stay where a test wants them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any

import anyio
import httpx
from attrs import field, frozen
from starlette.types import ASGIApp

from jobcancel import JobContext, Registry, Scheduler, Stage
from jobcancel.abc import JobService
from jobcancel.asgi import Authenticate, Caller, TokenTable, app, id_factory
from jobcancel.contracts import Contract, load
from jobcancel.testing import ManualClock

ANN, BOB, EVE = "lp_ann", "lp_bob", "lp_eve"
CALLERS = {
    ANN: Caller("ann", {"jobs:cancel"}),
    BOB: Caller("bob", {"jobs:cancel"}),
    EVE: Caller("eve"),  # may not cancel where the contract asks for a scope
}
HEADERS: dict[str, Callable[[str], dict[str, str]]] = {
    "layers": lambda token: {"Authorization": f"Bearer {token}"},
    "tensorpool": lambda token: {"Authorization": f"Bearer {token}"},
    "dafty": lambda token: {"x-api-key": token},
    "dex": lambda token: {"x-api-key": token, "x-selected-account-id": "acc_1"},
    "sutro": lambda token: {"Authorization": f"Key {token}"},
}


@cache
def vendor(name: str, *variants: str) -> Contract:
    """A shipped contract; loaded once, for it never changes."""
    return load(name, variants=variants)


def client_of(served: ASGIApp, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    """A client that speaks to an application in this process; what the application raises reaches the test."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://jobs", headers=headers)


def over(service: JobService, contract: Contract, token: str = ANN) -> httpx.AsyncClient:
    """A client of a contract over any service."""
    return client_of(app(service, contract, authenticate=TokenTable(contract, CALLERS)), HEADERS[contract.name](token))


@frozen
class Bench:
    """What a test has before it.

    Attributes:
        contract: What is served.
        scheduler: Over what; its time stands still.
        clock: Its time.
        client: Ann's.
        entered: Set when the job that was submitted last is in its stage.
        release: Lets the jobs out of their stages.
    """

    contract: Contract
    scheduler: Scheduler
    clock: ManualClock
    client: httpx.AsyncClient
    entered: list[anyio.Event] = field(factory=lambda: [anyio.Event()])
    release: anyio.Event = field(factory=anyio.Event)

    async def job(self, kind: str = "work", stage: str = "open", owner: str = "ann", **labels: str) -> str:
        """Submit a job; return its id."""
        return (await self.scheduler.submit(kind, stage, owner=owner, labels=labels)).id

    async def running(self, stage: str = "open", owner: str = "ann", **labels: str) -> str:
        """Submit a job; return its id when it is in the stage, where it stays until the release."""
        self.entered.append(anyio.Event())
        job_id = await self.job("work", stage, owner, **labels)
        await self.entered[-1].wait()
        return job_id

    async def ended(self, kind: str = "work", owner: str = "ann", **labels: str) -> str:
        """Submit a job; return its id when it has ended by itself."""
        self.release.set()
        job_id = await self.job(kind, "open", owner, **labels)
        await self.scheduler.wait(job_id)
        return job_id

    def as_(self, token: str) -> dict[str, str]:
        """The headers of another caller."""
        return HEADERS[self.contract.name](token)


@asynccontextmanager
async def serving(
    contract: Contract | str,
    *variants: str,
    authenticate: Authenticate | None = None,
    max_running: int | None = None,
) -> AsyncGenerator[Bench]:
    """Serve a contract. At the end of the test, jobs that still run are released and canceled."""
    contract = vendor(contract, *variants) if isinstance(contract, str) else contract
    registry, clock = Registry(), ManualClock()
    scheduler = Scheduler(registry, clock=clock, new_id=id_factory(contract), max_running=max_running)
    served = app(scheduler, contract, authenticate=authenticate or TokenTable(contract, CALLERS))
    async with client_of(served, HEADERS[contract.name](ANN)) as client:
        bench = Bench(contract, scheduler, clock, client)
        _add_kinds(registry, bench)
        async with scheduler:
            with _released(bench):
                yield bench


@contextmanager
def _released(bench: Bench) -> Generator[None]:
    try:
        yield
    finally:
        bench.release.set()


def _add_kinds(registry: Registry, bench: Bench) -> None:
    stages = [Stage("open"), Stage("pushing", on_cancel="refuse"), Stage("saving", on_cancel="defer")]

    @registry.kind("work", stages=stages)
    async def work(job: JobContext, stage: str) -> dict[str, int]:
        async with job.stage(stage):
            bench.entered[-1].set()
            await bench.release.wait()
        return {"n": 1}

    @registry.kind("break")
    async def fail(job: JobContext, stage: str) -> None:
        raise RuntimeError("the disk at /srv/secret is full")

    @registry.kind("part")
    async def part(job: JobContext, stage: str) -> None:
        await bench.release.wait()

    @registry.kind("whole")
    async def whole(job: JobContext, stage: str) -> None:
        await job.batch([part("one"), part("two")])

    _: Any = (work, fail, whole)
