"""Contracts over schedulers, served for the tests of one module."""

from __future__ import annotations

from contextlib import nullcontext
from math import inf
from types import TracebackType
from typing import Any, Final

import anyio
from attrs import evolve

from jobcancel import Registry, Stage
from jobcancel.asgi import Caller, RateLimited, TokenTable, app, id_factory
from jobcancel.contracts import Contract
from jobcancel.testing import ManualClock
from tests.asgi.bench import vendor as contract_of
from tests.conformance.acts import play
from tests.conformance.matchers import START_S
from tests.conformance.recording import RecordingScheduler
from tests.conformance.served import Served, Vendor
from tests.conformance.servers import serving

WORDS: Final = ("image_edit", "image_generate", "image_resize", "image_upscale", "style_extract", "video_generate")
OPERATIONS: Final = (
    *("parse", "batch_parse", "extract", "research", "vector_store", "chunk"),
    *("summarization", "create_index", "update_index"),
)
EXPIRING: Final = ("image_resize", "chunk")
STAGES: Final = (Stage("working"), Stage("saving", on_cancel="defer"), Stage("publishing", on_cancel="refuse"))


def registry_of(contract: Contract, *, own_kinds: bool) -> Registry:
    """Return the kinds that are served: the contract's or those of the vendors' words, and two more."""
    registry = Registry.from_mapping({"kinds": contract.kinds}) if own_kinds else Registry()
    for kind in registry:
        registry.handler(kind.name)(play)
    for name in ("plain", *(() if own_kinds else (*WORDS, *OPERATIONS))):
        expires_s = 60 if name in EXPIRING else inf
        registry.kind(name, stages=STAGES, strict=False, expires_s=expires_s)(play)
    registry.kind("expiring", expires_s=60)(play)
    return registry


class Bench:
    """Serves contracts in tasks of its own, and ends them all at its end.

    Args:
        backend: ``asyncio`` or ``trio``: the backend of the servers. None for no servers: then requests are sent to
            the ASGI application directly.
    """

    def __init__(self, backend: str | None) -> None:
        self._backend = backend
        self._tasks = anyio.create_task_group()
        self._leave = anyio.Event()
        self._served: dict[object, Served] = {}
        self._fresh: list[Served] = []

    async def __aenter__(self) -> Bench:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        await self._tasks.__aexit__(kind, error, trace)

    async def serve(self, vendor: Vendor, *variants: str, refuse: bool = False) -> Served:
        """Return the vendor's contract, served; the same one for the same arguments within one module."""
        key = vendor.name, variants, refuse
        if key not in self._served:
            self._served[key] = await self.fresh(vendor, *variants, refuse=refuse)
        return self._served[key]

    async def fresh(self, vendor: Vendor, *variants: str, refuse: bool = False, max_running: int | None = 1) -> Served:
        """Return a contract served on its own, whose clock stands at the start.

        Args:
            vendor: Whose contract.
            *variants: Its variants.
            refuse: Let a stage refuse, though the contract defers.
            max_running: How many jobs run at once.
        """
        contract = contract_of(vendor.name, *variants)
        if refuse:
            contract = evolve(contract, policies=evolve(contract.policies, on_shielded_stage="refuse"))
        served: Served = await self._tasks.start(self._run, vendor, contract, max_running)
        self._fresh.append(served)
        return served

    async def clear(self) -> None:
        """End the jobs that a test left."""
        for served in self._fresh:
            await served.clear()

    async def _run(
        self,
        vendor: Vendor,
        contract: Contract,
        max_running: int | None,
        *,
        task_status: anyio.abc.TaskStatus[Served],
    ) -> None:
        clock = ManualClock()
        clock.wall = START_S
        table = TokenTable(contract, vendor.tokens)

        async def authenticate(request: Any) -> Caller | None:
            caller = await table(request)
            if caller is not None and caller.owner == "hasty":
                raise RateLimited(limit=60, remaining=0, reset_s=41.5, retry_after_s=29.2)
            return caller

        scheduler = RecordingScheduler(
            registry_of(contract, own_kinds=vendor.own_kinds),
            clock=clock,
            max_running=max_running,
            new_id=id_factory(contract),
        )
        asgi = app(scheduler, contract, authenticate=authenticate)
        server = nullcontext() if self._backend is None else serving(asgi, self._backend)
        async with scheduler, server as port:
            served = Served(vendor, contract, scheduler, clock, asgi, port)
            task_status.started(served)
            await self._leave.wait()
            served.release()
