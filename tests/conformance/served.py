"""One contract that is served, and the ways to put a job into each of its states."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from attrs import Factory, frozen
from starlette.types import ASGIApp

from jobcancel import JobState, Outcome, Partial
from jobcancel.asgi import Caller
from jobcancel.contracts import Contract
from jobcancel.testing import ManualClock
from tests.conformance.acts import Act
from tests.conformance.client import Answer, Headers, call, exchange, message
from tests.conformance.recording import RecordingScheduler
from tests.conformance.validation import require_valid


@frozen(kw_only=True, eq=False)
class Vendor:
    """What a client of a contract has to know, all of it from the vendor's document.

    Attributes:
        name: The contract.
        cancel: The path that cancels ``{}``.
        get: The path that reads ``{}``; empty if the document has none.
        key: The headers of ``alice``, who owns the jobs.
        foreign: Those of ``bob``, somebody else.
        hasty: Those of ``hasty``, who is over the limit.
        wrong: Those of nobody, in the right form.
        tokens: Whose token is whose.
        kind: What sort of job is submitted, unless a test says so.
        refusing: The stage of that kind that refuses.
        deferring: A kind whose stage ``saving`` defers.
        expiring: A kind whose jobs fail when they have waited for a minute.
        unknown: An id in the right form that no job has.
        labels: What every job is labelled with.
        own_kinds: Whether the contract ships the vendor's kinds, and ``kind`` is one of them.
    """

    name: str
    cancel: str
    get: str = ""
    key: Mapping[str, str]
    foreign: Mapping[str, str]
    hasty: Mapping[str, str]
    wrong: Mapping[str, str]
    tokens: Mapping[str, Caller]
    kind: str
    refusing: str = "publishing"
    deferring: str = "plain"
    expiring: str = "expiring"
    unknown: str
    labels: Mapping[str, str] = Factory(dict[str, str])
    own_kinds: bool = False


class Asking:
    """A request in progress.

    Attributes:
        answer: The answer, or None before it is there.
    """

    answer: Answer | None = None

    @property
    def got(self) -> Answer:
        """The answer; an error before it is there."""
        assert self.answer is not None
        return self.answer


class Served:
    """A contract that is served, and its jobs. One job runs at a time.

    Attributes:
        vendor: Whose contract.
        contract: The contract, its variants applied.
        scheduler: Where the jobs are.
        clock: Its time, which the test moves.
        asgi: What is served.
        port: The port of the server; None if requests are sent to ``asgi`` directly.
        answered: Method, target and status of every answer.
    """

    def __init__(
        self,
        vendor: Vendor,
        contract: Contract,
        scheduler: RecordingScheduler,
        clock: ManualClock,
        asgi: ASGIApp,
        port: int | None,
    ) -> None:
        self.vendor, self.contract, self.scheduler, self.clock = vendor, contract, scheduler, clock
        self.asgi, self.port = asgi, port
        self.answered: list[tuple[str, str | bytes, int]] = []
        self._acts: list[Act] = []

    @property
    def server_port(self) -> int:
        """The port of the server; an error if there is no server."""
        assert self.port is not None
        return self.port

    async def send(self, method: str, target: str | bytes, headers: Headers | None = None, body: bytes = b"") -> Answer:
        """Send a request, with alice's key if no headers are given; return the answer, which must fit the schema."""
        headers = self.vendor.key if headers is None else headers
        if self.port is not None:
            return await self.exchange(message(method, target, headers, body), method, target)
        assert not body, "only a server sends a body"
        return self._checked(await call(self.asgi, method, target, headers), method, target)

    async def exchange(self, raw: bytes, method: str, target: str | bytes) -> Answer:
        """Send a request as these bytes; return the answer, which must fit the vendor's schema."""
        return self._checked(await exchange(self.server_port, raw, method=method), method, target)

    def _checked(self, answer: Answer, method: str, target: str | bytes) -> Answer:
        require_valid(self.vendor.name, self.contract.applied, method, target, answer)
        self.answered.append((method, target, answer.status))
        return answer

    async def cancel(self, job_id: str, headers: Headers | None = None) -> Answer:
        """Ask for a cancel as the vendor's client does."""
        return await self.send("POST", self.vendor.cancel.format(job_id), headers)

    async def get(self, job_id: str, headers: Headers | None = None) -> Answer:
        """Read a job as the vendor's client does."""
        return await self.send("GET", self.vendor.get.format(job_id), headers)

    @asynccontextmanager
    async def asking(self, method: str, target: str, headers: Headers | None = None) -> AsyncGenerator[Asking]:
        """Send a request and run the block meanwhile; at the end of the block the answer is there."""
        asking = Asking()
        self.scheduler.waiting = anyio.Event()

        async def ask() -> None:
            asking.answer = await self.send(method, target, headers)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            yield asking

    async def send_past_a_minute(self, method: str, target: str, headers: Headers | None = None) -> Answer:
        """Send a request; if the app waits for a job that would not end by itself, advance the clock by a minute."""
        asking = Asking()
        self.scheduler.waiting = anyio.Event()

        async def minute() -> None:
            held = await self.scheduler.waited_for() is Outcome.DEFERRED
            if held or any(act.shield for act in self._acts):
                await self.clock.advance(60)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(minute)
            asking.answer = await self.send(method, target, headers)
            tasks.cancel_scope.cancel()
        return asking.got

    async def submit(self, act: Act, *, kind: str | None = None, owner: str = "alice", **options: Any) -> str:
        """Submit a job and return its id."""
        self._acts.append(act)
        labels = {**self.vendor.labels, **options.pop("labels", {})}
        return (await self.scheduler.submit(kind or self.vendor.kind, act, owner=owner, labels=labels, **options)).id

    async def running(self, act: Act | None = None, **options: Any) -> tuple[str, Act]:
        """Submit a job and return when it has reached the point of its act."""
        act = act or Act()
        job_id = await self.submit(act, **options)
        await act.arrived()
        return job_id, act

    async def pending(self, **options: Any) -> str:
        """Submit a job that waits for its start, behind another one."""
        await self.running(kind=self.vendor.deferring)
        return await self.submit(Act(), **options)

    async def canceling(self, **options: Any) -> tuple[str, Act]:
        """Return a job that has a cancel request and does not stop before it is released."""
        job_id, act = await self.running(Act(shield=True), **options)
        assert await self.scheduler.cancel(job_id)
        return job_id, act

    async def settled(self, state: JobState | str, result: Any = None, **options: Any) -> str:
        """Return a job that ended in ``state``; it failed because its handler raised."""
        value = Partial(result) if state == JobState.PARTIALLY_SUCCEEDED else result
        error = ValueError("no space left") if state == JobState.FAILED else None
        job_id, act = await self.running(Act(result=value, error=error), **options)
        if state == JobState.CANCELED:
            assert await self.scheduler.cancel(job_id)
        act.release.set()
        assert (await self.scheduler.wait(job_id)).state == state
        return job_id

    async def expired(self, **options: Any) -> str:
        """Return a job that failed because it waited too long for its start."""
        job_id = await self.pending(kind=self.vendor.expiring, **options)
        await self.clock.advance(60)
        assert (await self.scheduler.wait(job_id)).state is JobState.FAILED
        return job_id

    async def timed_out(self, **options: Any) -> str:
        """Return a job that failed because it ran too long."""
        job_id, _ = await self.running(timeout_s=30, **options)
        await self.clock.advance(30)
        assert (await self.scheduler.wait(job_id)).state is JobState.FAILED
        return job_id

    async def final(self, job_id: str) -> JobState:
        """Release every job and return the final state of this one."""
        self.release()
        return (await self.scheduler.wait(job_id)).state

    def release(self) -> None:
        """Release every job."""
        for act in self._acts:
            act.release.set()

    async def clear(self) -> None:
        """End the jobs that a test left, also one that failed."""
        self.scheduler.broken = False
        self.release()
        for job_id in await self.scheduler.cancel_many(force=True):
            await self.scheduler.wait(job_id)
        self._acts.clear()
