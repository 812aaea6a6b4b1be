"""What the host does from outside while jobs run: one method for each act of a program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from traceback import format_exception
from typing import Any, Final, TypeVar

import anyio
import sniffio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint
from attrs import Factory, define, field

from jobcancel import Snapshot, Verdict
from jobcancel.errors import JobCancelError, JobNotFoundError, StoreError

from .onlookers import Onlooker
from .plan import Op
from .rest import rest
from .stores import TroubledStore
from .undos import undo_of
from .values import BAD_NUMBERS
from .world import World, image

T = TypeVar("T")
CALLERS: Final = ("plain", "canceled", "timeout", "native")
QUIET_S: Final = 0.03  # of real time in which nothing happens, to see that nothing costs anything
NEVER_LISTED: Final = 10_000


class GivenUpError(Exception):
    """A caller did not live to see its answer."""


@define(eq=False)
class Conductor:
    """The host's side of one run.

    Attributes:
        group: Where what the host begins runs beside it.
        ids: The jobs that it may pick from, in the order in which they were submitted.
        onlookers: Everybody who waits or watches.
    """

    world: World
    group: TaskGroup
    ids: list[str] = Factory(list[str])
    onlookers: list[Onlooker] = Factory(list[Onlooker])
    _steps: str = field(init=False, default="")

    def __attrs_post_init__(self) -> None:
        program = self.world.program
        self._steps = repr((program.kinds, program.acts, program.closing))

    async def act(self, acts: tuple[Op, ...]) -> None:
        for name, *arguments in acts:
            self.world.trace.add("act", act=name, arguments=arguments)
            try:
                await getattr(self, f"do_{name}")(*arguments)
            except Exception as error:  # what a call may raise is caught where it is made
                self.world.broken.append(f"14: {name} raised {type(error).__name__}")
                self.world.trace.add("broken", error="".join(format_exception(error)))

    def _pick(self, number: int) -> str | None:
        """A job: one that the host submitted, or a child whose id is known; -1 is the host's newest."""
        if number < 0:
            return self.ids[-1] if self.ids else None
        ids = [*self.ids, *self.world.parents]
        return ids[number % len(ids)] if ids else None

    # Time.

    async def do_turns(self, turns: int) -> None:
        for _ in range(turns):
            await checkpoint()

    async def do_rest(self) -> None:
        await self.rest()

    async def rest(self) -> None:
        await rest(threads=self.world.store is not None or "thread" in self._steps or "plain" in self._steps)

    async def do_advance(self, seconds: float) -> None:
        await self.rest()  # what waits for nothing but turns of the loop must not run out of time
        await self.world.clock.advance(seconds)
        await self.rest()

    async def do_open(self, number: int) -> None:
        self.world.gates[number].open()

    async def do_quiet(self) -> None:
        """Look at what the processor does while everything waits."""
        await self.rest()
        begun, used = time.monotonic(), time.process_time()
        await anyio.sleep(QUIET_S)
        took, cost = time.monotonic() - begun, time.process_time() - used
        self.world.trace.add("quiet", took=took, cost=cost)

    # Calls, by callers of every sort.

    async def _call(self, how: str, call: Callable[[], Awaitable[T]]) -> T:
        """Call as ``how`` says; raises ``GivenUpError`` if the caller got no answer."""
        asyncio_runs = sniffio.current_async_library() == "asyncio"
        self.world.trace.count(f"caller: {how}")
        if how == "canceled":
            answers: list[T] = []
            with anyio.CancelScope() as scope:
                scope.cancel()
                answers.append(await call())
            if not answers:
                raise GivenUpError(how)
            return answers[0]
        if how == "timeout" and asyncio_runs:
            try:
                return await asyncio.wait_for(call(), 0.001)
            except TimeoutError:
                raise GivenUpError(how) from None
        if how == "native" and asyncio_runs:
            task = asyncio.ensure_future(call())
            await asyncio.sleep(0)
            task.cancel()
            try:
                return await task
            except asyncio.CancelledError:
                raise GivenUpError(how) from None
        return await call()

    async def do_submit(self, kind: str, options: dict[str, Any], how: str) -> None:
        world, trace = self.world, self.world.trace
        undos = [undo_of(world, flavor, world.named) for flavor in options.get("undo", ())]
        given = {name: value for name, value in options.items() if name != "undo"}
        if undos:
            given["compensations"] = [undo for _, undo in undos]
        label = str(world.number())
        n = trace.add("submit?", kind=kind, label=label, how=how)
        try:
            handle = await self._call(
                how, lambda: world.scheduler.submit(world.kinds[kind](), labels={"n": label}, **given)
            )
        except GivenUpError:
            trace.count("submit: the caller was gone")
            trace.add("submit gone", label=label, how=how)
            return
        except JobCancelError as error:
            trace.count(f"submit: {type(error).__name__}")
            trace.add("submit refused", label=label, error=type(error).__name__)
            if isinstance(error, StoreError):
                world.unkept = True
            return
        trace.add("submitted", handle.id, asked=n, kind=kind, created=handle.created, label=label)
        trace.count("submit" if handle.created else "submit: the key's first job")
        world.learn(handle.id, "submit")
        if handle.created:
            self.ids.append(handle.id)
            for token, _ in undos:
                trace.add("undo+", handle.id, token=token, since=n)
            self._onlook(Onlooker(world, handle.id), watch=True)

    def _onlook(self, onlooker: Onlooker, *, watch: bool) -> None:
        self.onlookers.append(onlooker)
        self.group.start_soon(onlooker.watch if watch else onlooker.wait)

    async def do_cancel(self, number: int, options: dict[str, Any], how: str) -> None:
        job_id = self._pick(number)
        if job_id is None:
            return
        world, trace = self.world, self.world.trace
        try:
            before = await world.scheduler.get(job_id)
            asked = trace.add("ask", job_id, **options)
            verdict = await self._call(how, lambda: world.scheduler.cancel(job_id, by="host", **options))
        except GivenUpError:
            trace.add("cancel gone", job_id, how=how)
        except JobNotFoundError:
            trace.add("not found", job_id)
        except JobCancelError as error:
            trace.count(f"cancel: {type(error).__name__}")
            trace.add("cancel refused", job_id, error=type(error).__name__)
            world.unkept = world.unkept or isinstance(error, StoreError)
        else:
            await self._answered(asked, before, verdict, options | {"how": how})

    async def _answered(
        self, asked: int, before: Snapshot[Any], verdict: Verdict, options: dict[str, Any], dry: Verdict | None = None
    ) -> None:
        world, trace = self.world, self.world.trace
        trace.count(f"verdict: {verdict.outcome}")
        try:
            after = await world.scheduler.get(verdict.job_id)
        except JobNotFoundError:
            trace.add("not found", verdict.job_id)  # it is past its retention
            return
        trace.add(
            "verdict",
            verdict.job_id,
            asked=asked,
            outcome=str(verdict.outcome),
            accepted=verdict.accepted,
            state=str(verdict.state),
            stage=verdict.stage,
            before=before,
            after=after,
            dry=dry,
            **options,
        )

    async def do_can(self, number: int, options: dict[str, Any]) -> None:
        """Ask what a cancel would meet, and ask for it in the same step."""
        job_id = self._pick(number)
        if job_id is None:
            return
        world, trace = self.world, self.world.trace
        try:
            before = await world.scheduler.get(job_id)
            dry = await world.scheduler.can_cancel(job_id, **options)
            still = await world.scheduler.get(job_id)
            asked = trace.add("ask", job_id, **options)
            verdict = await world.scheduler.cancel(job_id, by="host", **options)
        except JobNotFoundError:
            trace.add("not found", job_id)
        except JobCancelError as error:
            trace.add("cancel refused", job_id, error=type(error).__name__)
            world.unkept = world.unkept or isinstance(error, StoreError)
        else:
            if image(before) != image(still):
                world.broken.append(f"1: can_cancel changed {job_id}")
            trace.count("can_cancel, then cancel")
            await self._answered(
                asked, before, verdict, options | {"how": "plain"}, dry if world.store is None else None
            )

    async def do_cancel_many(self, options: dict[str, Any]) -> None:
        world, trace = self.world, self.world.trace
        try:
            before = {job.id: job for job in await self.everything()}
            asked = trace.add("ask all", **options)
            verdicts = await world.scheduler.cancel_many(by="host", **options)
        except JobCancelError as error:
            trace.count(f"cancel_many: {type(error).__name__}")
            world.unkept = world.unkept or isinstance(error, StoreError)
            return
        trace.count("cancel_many")
        flags = {name: value for name, value in options.items() if name in {"defer", "force"}}
        for job_id, verdict in verdicts.items():
            world.learn(job_id, "cancel_many")
            if job_id in before:
                await self._answered(asked, before[job_id], verdict, flags | {"how": "many"})

    async def do_wait(self, number: int, timeout_s: float | None) -> None:
        job_id = self._pick(number)
        if job_id is not None:
            self._onlook(Onlooker(self.world, job_id, timeout_s), watch=False)

    async def do_unlook(self, number: int) -> None:
        looking = [one for one in self.onlookers if not one.over]
        if looking:
            self.world.trace.count("an onlooker is cancelled")
            looking[number % len(looking)].scope.cancel()

    async def everything(self) -> list[Snapshot[Any]]:
        """All jobs, page by page."""
        jobs: list[Snapshot[Any]] = []
        cursor: str | None = None
        while True:
            page = await self.world.scheduler.find(cursor=cursor, limit=7)
            jobs.extend(page.jobs)
            cursor = page.cursor
            if cursor is None or len(jobs) > NEVER_LISTED:
                return jobs

    async def do_find(self, filters: dict[str, Any]) -> None:
        for job in (await self.world.scheduler.find(**filters)).jobs:
            self.world.look(job, "find")
            if any(getattr(job, name) != value for name, value in filters.items()):
                self.world.broken.append(f"find({filters}) gave {job.id}, {job.kind}, {job.state}")

    # Trouble.

    async def do_bad_number(self, name: str, where: str, number: int) -> None:
        """A number that makes no sense: refused before anything happens."""
        world, value, job_id = self.world, BAD_NUMBERS[name], self._pick(number)
        scheduler, before = world.scheduler, await self.everything()
        kind = next(iter(world.kinds.values()))
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "submit": lambda: scheduler.submit(kind(), timeout_s=value),
            "shutdown": lambda: scheduler.shutdown(value),
            "find": lambda: scheduler.find(limit=value),
            "wait": lambda: scheduler.wait(job_id or "", timeout_s=value),
        }
        world.trace.add("bad number", name=name, where=where)
        try:
            with anyio.fail_after(1):
                await calls[where]()
        except (ValueError, TypeError, OverflowError) as error:
            world.trace.count(f"bad number refused: {where}")
            if isinstance(error, OverflowError):
                world.broken.append(f"numbers: {where}({name}) raised OverflowError")
        except (JobNotFoundError, JobCancelError):
            return
        except TimeoutError:
            world.broken.append(f"numbers: {where}({name}) was not answered")
        else:
            if (where, name) != ("find", "enormous"):  # more than there are: a limit that makes sense
                world.broken.append(f"numbers: {where}({name}) was taken")
        if world.store is None and [job.id for job in await self.everything()] != [job.id for job in before]:
            world.broken.append(f"numbers: {where}({name}) was refused and left a job behind")

    async def do_pierce(self, number: int) -> None:
        """Cancel the task of a job natively, which should be impossible."""
        running = [*self.world.tasks]
        if running:
            job_id = running[number % len(running)]
            self.world.pierced.add(job_id)
            self.world.trace.add("pierced", job_id)
            self.world.trace.count("native cancel of a job's task")
            self.world.tasks[job_id].cancel()

    async def do_store_fails(self, times: int) -> None:
        if isinstance(self.world.store, TroubledStore):
            self.world.trace.count("the store fails for a while")
            self.world.unkept = True
            self.world.store.failures = times

    async def do_shutdown(self, drain_s: float) -> None:
        self.world.closing = True
        self.world.trace.count("shutdown")
        self.world.trace.add("closing", drain_s=drain_s)
        self.group.start_soon(self._shut_down, drain_s)

    async def _shut_down(self, drain_s: float) -> None:
        try:
            await self.world.scheduler.shutdown(drain_s)
        except JobCancelError as error:
            self.world.trace.count(f"shutdown: {type(error).__name__}")
        self.world.trace.add("shut down")
