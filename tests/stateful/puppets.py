"""Jobs whose code runs one command at a time and otherwise waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import anyio
from anyio.lowlevel import checkpoint
from attrs import Factory, define, field

from jobcancel import JobContext, Kind, Partial, Scheduler
from jobcancel.errors import DeadlockError, QueueFullError, StageActiveError, StageTimeoutError, UnknownStageError

GO_ON: Final = object()
ERRORS: Final[dict[str, type[BaseException]]] = {
    "error": LookupError,
    "exit": SystemExit,
    "generator_exit": GeneratorExit,
}


@define
class Stage:
    """Where the puppets of one run stand.

    Attributes:
        puppets: By the job's id, those whose code has begun.
        undone: The tokens of the compensations that began, in order.
        over: Set when everyone shall go home, whatever the script says.
        broken: What a puppet saw that must never be.
        happened: Counts a fault that was really injected.
    """

    scheduler: Scheduler
    happened: Callable[[str], None]
    kinds: dict[str, Kind[..., Any]] = Factory(dict[str, Kind[..., Any]])
    puppets: dict[str, Puppet] = Factory(dict[str, "Puppet"])
    undone: list[str] = Factory(list[str])
    over: anyio.Event = Factory(anyio.Event)
    broken: list[str] = Factory(list[str])

    async def handler(self, job: JobContext, argument: int = 0) -> object:
        """The handler of every kind."""
        self.puppets[job.id] = puppet = Puppet(job, self)
        value = await puppet.act()
        return None if value is GO_ON else value

    def compensation(self, token: str) -> Callable[[], object]:
        """Return the compensation that ``token`` names: its flavor, ``#``, and a number that is its own."""
        return partial(COMPENSATIONS[token.partition("#")[0]], self, token)


async def good(stage: Stage, token: str) -> None:
    stage.undone.append(token)
    await checkpoint()


async def raises(stage: Stage, token: str) -> None:
    await good(stage, token)
    stage.happened("compensation raises")
    raise LookupError(token)


async def exits(stage: Stage, token: str) -> None:
    await good(stage, token)
    stage.happened("compensation exits")
    raise SystemExit(token)


async def leaks(stage: Stage, token: str) -> None:
    await good(stage, token)
    stage.happened("compensation leaks a cancellation")
    raise await cancellation()


async def hangs(stage: Stage, token: str) -> None:
    await good(stage, token)
    stage.happened("compensation hangs")
    await stage.over.wait()


COMPENSATIONS: Final = {"good": good, "raises": raises, "exits": exits, "leaks": leaks, "hangs": hangs}


async def cancellation() -> BaseException:
    """Return a cancellation without a scope; trio allows none to be made by hand."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await checkpoint()
        except anyio.get_cancelled_exc_class() as error:
            return error
    raise AssertionError("a cancelled scope did not cancel")


@define(eq=False)
class Puppet:
    """The code of one job. A command is ``(name, *arguments)``; see ``act`` and the ``do_`` methods."""

    job: JobContext
    stage: Stage
    command: tuple[Any, ...] | None = None
    posted: anyio.Event = Factory(anyio.Event)
    reply: object = None
    reaction: str = "out"
    gate: threading.Event = Factory(threading.Event)
    check: bool = False
    thread_over: anyio.Event = Factory(anyio.Event)
    timed: int = field(default=0)

    def post(self, *command: Any) -> None:
        """Give it a command; it acts when the loop comes to it."""
        self.command, self.reply = command, None
        self.posted.set()

    async def act(self) -> object:
        """Run commands until one leaves the enclosing frame; return a value to return, or ``GO_ON``."""
        while True:
            name, *arguments = await self._next()
            if name == "leave":
                return GO_ON
            if name == "returned":
                return self.job.id
            if name == "partial":
                return Partial(self.job.id)
            value = await getattr(self, f"do_{name}")(*arguments)
            if value is not GO_ON:
                return value

    async def _next(self) -> tuple[Any, ...]:
        while not self.stage.over.is_set():
            try:
                await self.posted.wait()
            except anyio.get_cancelled_exc_class() as error:
                command = self._react(error)
                if command is None:
                    continue
                if command[0] == "out":
                    raise
                return command
            if self.command is None:
                continue
            self.posted, command, self.command = anyio.Event(), self.command, None
            return command
        return ("returned",)

    def _react(self, error: BaseException) -> tuple[Any, ...] | None:
        """Return what a cancellation makes it do: ``out`` to let it out, None to wait on."""
        reaction, self.reaction = self.reaction, "out"
        if reaction != "out":
            self.stage.happened(f"a cancellation meets: {reaction}")
        if reaction == "swallow":
            return None
        if reaction == "raised":
            raise LookupError("while it unwinds") from error
        if reaction == "undo" and not self.timed:
            self.job.add_compensation(self.stage.compensation(f"good#late {self.job.id}"))
        if reaction == "group" and not self.timed:
            raise BaseExceptionGroup("only cancellations", [error])
        return (reaction,) if reaction in {"returned", "partial"} else ("out",)

    async def do_enter(self, name: str, forgiving: bool, timed: bool) -> object:
        try:
            async with self.job.stage(name):
                if self.job.cancel_requested:
                    self.stage.broken.append(f"{self.job.id} began stage {name} after an accepted cancel")
                self.timed += timed
                try:
                    return await self.act()
                finally:
                    self.timed -= timed
        except (UnknownStageError, StageActiveError) as error:
            self.reply = type(error).__name__
        except StageTimeoutError:
            self.stage.happened("a stage's time is over")
            if not forgiving:
                raise
        return GO_ON

    async def do_shield(self) -> object:
        self.stage.happened("a shield of its own")
        value: object = GO_ON
        with anyio.CancelScope(shield=True):
            value = await self.act()
        return value  # noqa: RET504  # for type checkers a scope may swallow what is raised in it

    async def do_fail(self, what: str) -> object:
        self.stage.happened(f"handler raises: {what}")
        if what == "leak":
            raise await cancellation()
        if what == "group":
            raise BaseExceptionGroup("mixed", [await cancellation(), LookupError("in a group")])
        raise ERRORS[what]("by command")

    async def do_child(self, kind: str) -> object:
        try:
            self.reply = (await self.job.submit(self.stage.kinds[kind](0))).id
        except (DeadlockError, QueueFullError) as error:
            self.reply = type(error).__name__
        return GO_ON

    async def do_add(self, token: str) -> object:
        self.job.add_compensation(self.stage.compensation(token))
        return GO_ON

    async def do_react_with(self, reaction: str) -> object:
        self.reaction = reaction
        return GO_ON

    async def do_cancel_itself(self, defer: bool, force: bool) -> object:
        self.reply = await self.stage.scheduler.cancel(self.job.id, defer=defer, force=force)
        return GO_ON

    async def do_thread(self) -> object:
        self.gate, self.thread_over = threading.Event(), anyio.Event()
        self.stage.happened("a blocked thread")
        try:
            await self.job.run_sync(self._block, self.gate)
        finally:
            self.thread_over.set()
        return GO_ON

    def _block(self, gate: threading.Event) -> None:
        gate.wait()
        if self.check:
            self.job.check_canceled()
