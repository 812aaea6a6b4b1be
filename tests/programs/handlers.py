"""The code of a program's jobs: the body of each kind is a list of small steps, and this carries them out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

import anyio
import sniffio
from anyio.lowlevel import checkpoint
from attrs import Factory, define, frozen

from jobcancel import JobContext, JobHandle
from jobcancel.errors import (
    JobCancelError,
    StageActiveError,
    StageTimeoutError,
    StageUnavailableError,
    UnknownStageError,
)

from .plan import KindPlan, Op, StagePlan
from .undos import registered, undo_of
from .values import BAD_NUMBERS, ERRORS, VALUES, leaked, sort_of
from .world import WHO, World

T = TypeVar("T")
DEPTH: Final = 3
LINGERS_FOR: Final = 0  # the gate at which a clean-up waits that takes its time
MOST_CHILDREN: Final = 40  # in one run: a kind may have children of its own kind


@frozen
class Returned:
    """A handler's ``return``, on its way out of what it is inside of."""

    name: str


@define(eq=False)
class Run:
    """One run of a handler.

    Attributes:
        depth: How many jobs are above it.
        stage: The stage whose body runs, and until when it may.
        own: The scopes of the job's own that are open.
        tearing: Whether a task of a group of its own has failed.
        shields: How many shields of its own are open.
        in_group: Whether a group of its own has been begun.
        cut: Whether a scope of its own has been cancelled.
    """

    world: World
    job: JobContext
    kind: KindPlan
    depth: int
    stage: tuple[StagePlan, float] | None = None
    own: list[anyio.CancelScope] = Factory(list[anyio.CancelScope])
    tearing: bool = False
    cut: bool = False
    in_group: bool = False
    shields: int = 0
    handles: list[JobHandle[Any]] = Factory(list[JobHandle[Any]])

    async def body(self) -> Any:
        """Run it from its begin to its end."""
        world, job = self.world, self.job
        world.trace.add("begin", job.id, attempt=job.attempt, kind=self.kind.name, who=WHO.get(), life=world.life)
        if sniffio.current_async_library() == "asyncio":
            world.tasks[job.id] = asyncio.current_task()
        try:
            returned = await self.steps(self.kind.body)
        except BaseException as error:
            world.trace.count(f"handler ends: {sort_of(error)}")
            self._end(sort_of(error), wraps=_wraps(error))
            raise
        name = "none" if returned is None else returned.name
        world.trace.count(f"handler returns: {name}")
        self._end("partial" if name.startswith("partial") else "returned", value=name)
        return VALUES[name]()

    def _end(self, how: str, **detail: Any) -> None:
        self.world.tasks.pop(self.job.id, None)
        ended = {"requested": self.job.cancel_requested, "life": self.world.life}
        self.world.trace.add("end", self.job.id, how=how, **ended, **detail)

    async def steps(self, steps: Iterable[Op]) -> Returned | None:
        """Take steps until one returns."""
        for name, *arguments in steps:
            returned = await getattr(self, f"do_{name}")(*arguments)
            if isinstance(returned, Returned):
                return returned
        return None

    # Waiting, and what is felt meanwhile.

    async def _leaf(self, waiting: Awaitable[T]) -> T:
        try:
            return await waiting
        except BaseException as error:
            if sort_of(error) == "canceled":
                stage = self.stage[0] if self.stage else None
                self.world.trace.add(
                    "felt",
                    self.job.id,
                    stage=stage.name if stage else None,
                    policy=stage.on_cancel if stage else None,
                    excuse=self._excuse(),
                    requested=self.job.cancel_requested,
                )
            raise

    def _excuse(self) -> str | None:
        """Say what else than a cancel of the job may have raised a cancellation here."""
        if self.job.id in self.world.pierced:
            return "pierced"
        if any(scope.cancel_called for scope in self.own) or (self.cut and "gather" in repr(self.kind.body)):
            return "own scope"  # tasks of a gather may feel it when the scope has been left
        if self.tearing:
            return "sibling"
        if self.stage and self.world.clock.monotonic() >= self.stage[1]:
            return "stage timeout"
        return None

    async def do_pause(self, turns: int) -> None:
        for _ in range(turns):
            await self._leaf(checkpoint())

    async def do_gate(self, number: int) -> None:
        await self._leaf(self.world.gates[number].event.wait())

    async def do_thread(self, number: int, check: bool) -> None:
        self.world.trace.count("thread" + (" that checks" if check else ""))
        await self._leaf(self.job.run_sync(self._block, number, check))

    def _block(self, number: int, check: bool) -> None:
        trace, gate = self.world.trace, self.world.gates[number].thread
        trace.add("thread+", self.job.id)
        try:
            while not gate.wait(0.001):
                if check:
                    self.job.check_canceled()
        finally:
            trace.add("thread-", self.job.id)

    # Stages.

    async def do_stage(self, name: str, forgiving: bool, *steps: Op) -> Returned | None:
        async def enter() -> Returned | None:
            async with self.job.stage(name):
                return await self._inside(name, steps)

        return await self._staged(name, forgiving, enter)

    async def do_run_stage(self, name: str, forgiving: bool, *steps: Op) -> Returned | None:
        async def run() -> int:
            await self._inside(name, steps)
            return 7

        async def enter() -> None:
            await self.job.run_stage(name, run)

        return await self._staged(name, forgiving, enter)

    async def _staged(
        self, name: str, forgiving: bool, enter: Callable[[], Awaitable[Returned | None]]
    ) -> Returned | None:
        trace, job = self.world.trace, self.job
        trace.add("stage?", job.id, stage=name)
        how = "done"
        try:
            return await enter()
        except (StageActiveError, UnknownStageError) as error:
            how = type(error).__name__
            trace.count(f"error: {how}")
        except StageTimeoutError:
            how = "StageTimeoutError"
            trace.count(f"error: {how}")
            if not forgiving:
                raise
        except BaseException as error:
            how = sort_of(error)
            raise
        finally:
            trace.add("stage-", job.id, stage=name, how=how)
        return None

    async def _inside(self, name: str, steps: Iterable[Op]) -> Returned | None:
        """The body of a stage."""
        trace, job = self.world.trace, self.job
        plan = self.kind.stage(name)
        until = float("inf") if plan.timeout_s is None else self.world.clock.monotonic() + plan.timeout_s
        self.stage = plan, until
        entered = {"requested": job.cancel_requested, "commits": plan.commits, "life": self.world.life}
        trace.add("stage+", job.id, stage=name, shielded=self.shields > 0, **entered)
        trace.count(f"stage: {plan.on_cancel}{', commits' if plan.commits else ''}")
        how = "done"
        try:
            return await self.steps(steps)
        except BaseException as error:
            how = sort_of(error)
            raise
        finally:
            self.stage = None
            trace.add("stage~", job.id, stage=name, how=how)

    # The job's own scopes, groups and reactions.

    async def do_shield(self, *steps: Op) -> Returned | None:
        self.world.trace.count("own shield")
        self.shields += 1
        try:
            with anyio.CancelScope(shield=True):
                return await self.steps(steps)
        finally:
            self.shields -= 1
        return None  # for type checkers: a scope may swallow what is raised in it

    async def do_cut_after(self, turns: int, *steps: Op) -> Returned | None:
        """A ``move_on_after`` that counts turns of the loop."""
        returned: Returned | None = None
        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                self.own.append(scope)
                group.start_soon(self._cut, scope, turns)
                try:
                    returned = await self.steps(steps)
                finally:
                    self.own.remove(scope)
        return returned

    async def _cut(self, scope: anyio.CancelScope, turns: int) -> None:
        for _ in range(turns):
            await checkpoint()
        scope.cancel()
        self.cut = True
        self.world.trace.count("own scope cut")

    async def do_group(self, *branches: tuple[Op, ...]) -> None:
        self.world.trace.count("own task group")
        async with anyio.create_task_group() as group:
            for branch in branches:
                group.start_soon(self._branch, branch)

    async def do_gather(self, *branches: tuple[Op, ...]) -> None:
        if sniffio.current_async_library() == "asyncio":
            self.world.trace.count("own gather")
            await self._leaf(asyncio.gather(*(self._branch(branch) for branch in branches)))
        else:
            await self.do_group(*branches)

    async def _branch(self, steps: Iterable[Op]) -> None:
        self.in_group = True
        try:
            await self.steps(steps)
        except BaseException as error:
            self.tearing = self.tearing or sort_of(error) != "canceled"
            raise

    async def do_react(self, how: str, *steps: Op) -> Returned | None:
        """Take steps; if a cancellation comes out of them, do something else with it than to let it out."""
        try:
            return await self.steps(steps)
        except BaseException as error:
            if sort_of(error) != "canceled":
                raise
            self.world.trace.count(f"a cancellation meets: {how}")
            if how == "swallow":
                return None
            if how == "return":
                return Returned("plain")
            if how == "wrap":
                raise LookupError("from the cancellation") from error
            if how == "undo":
                await self.do_undo("good", True)
            if how in {"cleanup", "linger"}:
                with anyio.CancelScope(shield=True):
                    await (self.do_pause(3) if how == "cleanup" else self.do_gate(LINGERS_FOR))
            raise

    # Words to the scheduler.

    async def do_note(self, value: str) -> None:
        self._say(lambda: self.job.note("noted", value=VALUES[value]()))

    async def do_progress(self, number: str) -> None:
        self._say(lambda: self.job.progress(BAD_NUMBERS.get(number, 1), 2, "half"))

    def _say(self, say: Callable[[], None]) -> None:
        try:
            say()
            self.world.trace.count("note or progress taken")
        except (TypeError, ValueError, JobCancelError) as error:
            self.world.trace.count(f"note or progress refused: {type(error).__name__}")

    async def do_undo(self, flavor: str, late: bool = False) -> None:
        token, undo = undo_of(self.world, flavor, self.world.named)
        self.world.trace.add("undo?", self.job.id, token=token)
        await registered(self.job.add_compensation(undo))
        self.world.trace.add("undo+", self.job.id, token=token, late=late)

    def _may_have_children(self, number: int) -> bool:
        self.world.children += number
        return self.depth < DEPTH and self.world.children <= MOST_CHILDREN

    async def do_child(self, kind: str, forgiving: bool, wait: bool) -> None:
        world = self.world
        if not self._may_have_children(1):
            return
        world.trace.add("child?", self.job.id, kind=kind)
        try:
            handle = await self.job.submit(world.kinds[kind](self.depth + 1))
        except JobCancelError as error:
            self._refused("child", error, forgiving)
            return
        world.learn(handle.id, "a child's handle", self.job.id)
        world.trace.add("child", self.job.id, child=handle.id)
        world.trace.count("child")
        if wait:
            world.look(await self._leaf(handle.wait()), "a parent's wait")

    async def do_batch(self, forgiving: bool, *kinds: str) -> None:
        world = self.world
        if not self._may_have_children(len(kinds)):
            return
        world.trace.add("child?", self.job.id, batch=len(kinds))
        try:
            children = await self._leaf(self.job.batch([world.kinds[kind](self.depth + 1) for kind in kinds]))
        except JobCancelError as error:
            self._refused("batch", error, forgiving)
            return
        world.trace.count("batch")
        for child in children:
            world.learn(child.id, "a batch's snapshot", self.job.id)
            world.look(child, "a batch's answer")
            if not child.settled:
                world.broken.append(f"12: a batch of {self.job.id} returned with {child.id} {child.state}")

    def _refused(self, what: str, error: JobCancelError, forgiving: bool) -> None:
        self.world.trace.count(f"{what} refused: {type(error).__name__}")
        self.world.trace.add("refused", self.job.id, wanted=what, error=type(error).__name__)
        if isinstance(error, StageUnavailableError) or not forgiving:
            raise error

    async def do_cancel_itself(self, defer: bool, force: bool) -> None:
        world, job = self.world, self.job
        n = world.trace.add("ask", job.id, defer=defer, force=force, itself=True)
        verdict = await world.scheduler.cancel(job.id, by="itself", defer=defer, force=force)
        world.trace.add("verdict", job.id, asked=n, outcome=str(verdict.outcome), accepted=verdict.accepted)
        world.trace.count("a job cancels itself")

    async def do_deadlock(self, what: str) -> None:
        """Ask for what can never come: it has to be refused, not waited for."""
        world, settled = self.world, False
        try:
            if what == "wait":
                settled = (await self._leaf(world.scheduler.wait(self.job.id))).settled
            else:
                await self._leaf(world.scheduler.shutdown())
        except JobCancelError as error:
            world.trace.count(f"{what} in a job: {type(error).__name__}")
            if type(error).__name__ != "DeadlockError":
                world.broken.append(f"17: {what} in {self.job.id} raised {type(error).__name__}")
        else:  # of a job that was abandoned, or of a task that its code has left behind, there is an end to wait for
            if not settled and not any(world.trace.of(self.job.id, "end")):
                world.broken.append(f"17: {what} in {self.job.id} came back")

    async def do_context(self) -> None:
        WHO.set(self.job.id)

    # Endings.

    async def do_raise(self, what: str) -> None:
        self.world.trace.count(f"handler raises: {what}")
        if what == "leak":
            self.world.trace.add("leak", self.job.id)
            raise await leaked()
        if what == "mixed":
            raise BaseExceptionGroup("mixed", [await leaked(), LookupError("in a group")])
        # What a task of its own raises is the loop's affair: trio prints it, and breaks where that cannot be done;
        # asyncio ends with a SystemExit.
        if self.in_group and what not in {"leak", "mixed"}:
            what = "error"
        raise ERRORS[what]()

    async def do_return(self, value: str) -> Returned:
        return Returned(value)

    async def do_burn(self, seconds: float) -> None:
        """Keep the processor, as code does that computes without an await."""
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass


def _wraps(error: BaseException) -> bool:
    """Whether an exception was raised from, or while, a cancellation."""
    seen: BaseException | None = error
    while seen is not None:
        seen = seen.__cause__ or seen.__context__
        if seen is not None and sort_of(seen) == "canceled":
            return True
    return False
