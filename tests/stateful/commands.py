"""Commands to the code of jobs, given to a puppet and to the reference."""

from __future__ import annotations

from math import inf
from typing import Any

from jobcancel import Verdict

from .actions import Action
from .calls import Calls, answer
from .life import Answer
from .puppets import Puppet
from .records import Job
from .rest import rest

Expected = tuple[Job, bool] | Answer | str | None


class Commands(Calls):
    """The actions that send a command to one job's code."""

    def puppet(self, job: Job) -> Puppet:
        return self.stage.puppets[job.id]

    def _fits(self, job: Job, command: Action) -> bool:
        """Whether the code can run that command now."""
        if command[0] == "fail" and command[1] == "leak":
            # Whether a scope whose time is over takes a cancellation for its own is the loop's affair.
            return not job.in_thread and not any(frame.timed_out for frame in job.frames)
        return not job.in_thread and (command[0] != "leave" or bool(job.frames))

    async def do_tell(self, number: int, command: Action) -> None:
        job = self._pick(number, "code")
        if job is not None and self._fits(job, command):
            expected = self._command(job, command)
            await rest()
            self._obeyed(job, command[0], expected)

    def _command(self, job: Job, command: Action) -> Expected:
        """Send a command to puppet and reference; return the answer that the puppet should get."""
        name: str = command[0]
        arguments: list[Any] = [*command[1:]]
        if name == "enter_own":
            names: list[str] = [stage["name"] for stage in job.kind["stages"]] or ["undeclared"]
            name, arguments[0] = "enter", names[int(arguments[0]) % len(names)]
        if name == "add":
            arguments[0] = f"{arguments[0]}#{next(self.tokens)}"
            job.undo = [*(job.undo or []), *arguments]
        if name == "enter":
            timed = any(one["name"] == arguments[0] and one["timeout_s"] < inf for one in job.kind["stages"])
            self.puppet(job).post(name, *arguments, timed)
        else:
            self.puppet(job).post(name, *arguments)
        self.tally[f"command: {name}"] += 1
        if name == "enter":
            return self.reference.enter(job, arguments[0], forgiving=arguments[1])
        if name == "child":
            return self.reference.child(job, arguments[0])
        if name == "cancel_itself":
            return self.reference.request(job, defer=bool(arguments[0]), force=bool(arguments[1]))
        self._move(job, name, arguments)
        return None

    def _move(self, job: Job, name: str, arguments: list[Any]) -> None:
        """Let the reference do what has no answer."""
        if name == "leave":
            self.reference.leave(job)
        elif name == "react_with":
            job.reaction = arguments[0]
        elif name in {"shield", "thread"}:
            self.reference.frame(job, name)
        elif name != "add":
            how = {"fail": "foreign" if arguments == ["leak"] else "raised"}.get(name, name)
            self.reference.end_code(job, how)

    def _obeyed(self, job: Job, name: str, expected: Expected) -> None:
        """Compare what the puppet was answered with what the reference says."""
        reply = self.puppet(job).reply
        if isinstance(expected, tuple) and isinstance(expected[0], Job):
            assert isinstance(reply, str), f"{job.id} got {reply} for a child"
            expected[0].id = reply
            self.tally["jobs"] += 1
            self.tally["children"] += 1
        elif isinstance(reply, Verdict):
            assert answer(reply) == expected
            self._answered(reply)
        else:
            assert reply == expected, f"{job.id}, asked to {name}: {reply}, not {expected}"
            if isinstance(expected, str):
                self.tally[f"error: {expected}"] += 1

    async def do_release(self, number: int, check: bool) -> None:
        threads = [job for job in self.reference.jobs if job.in_thread]
        if threads:
            job = threads[number % len(threads)]
            puppet = self.puppet(job)
            puppet.check = check
            puppet.gate.set()
            await puppet.thread_over.wait()
            self.reference.release(job, check=check)

    async def do_race(self, number: int, command: Action, flags: tuple[bool, bool]) -> None:
        """A command and a cancel meet in one turn of the loop; the verdict comes first, then the code acts."""
        job = self._pick(number, "code")
        if job is None or job.cancel is not None or not self._fits(job, command):
            return
        self.puppet(job).posted.set()
        await self._cancel(job, *flags)
        self.tally["races"] += 1
        expected = self._command(job, command)
        self.comparison.raced.add(job.id)
        await rest()
        self._obeyed(job, command[0], expected)
