"""The jobs of `jobcancel serve`: a contract's kinds, whose stages only wait, as long as the client asks for."""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Any, cast

import anyio
from attrs import Factory, frozen

from jobcancel import CompensationContext, JobContext, JobState, Kind, OnRestart, Partial, Registry, Scheduler, Snapshot
from jobcancel.contracts import Contract

BATCH_SIZE = 3
CREDITS_OF_A_JOB = 10
REVERSAL = "reverse_credits"
"""The compensation that reverses a job's credits."""
OWNER = "demo"
"""The owner of the jobs, and the value of the labels that the contract's paths need."""


@frozen
class Act:
    """The behavior of one kind's jobs.

    Attributes:
        stages: The names of the stages, in order.
        result: The job's result; ``{job_id}`` in a string is replaced.
        batch: The kind of the child jobs that the first stage submits and waits for, or None.
    """

    stages: tuple[str, ...]
    result: Any = None
    batch: str | None = None


@frozen
class Credits:
    """The credits that were reserved for jobs, and those that were reversed.

    Attributes:
        reserved: The owners of the jobs with reserved credits, by job id.
        reversed: The ids of the jobs whose credits were reversed. Reversing twice has no effect.
    """

    reserved: dict[str, str] = Factory(dict[str, str])
    reversed: set[str] = Factory(set[str])

    def of(self, owner: str) -> dict[str, int]:
        """Return an owner's reserved and reversed credits."""
        jobs = [job_id for job_id, job_owner in self.reserved.items() if job_owner == owner]
        reversed_ = sum(job_id in self.reversed for job_id in jobs)
        return {"reserved": len(jobs) * CREDITS_OF_A_JOB, "reversed": reversed_ * CREDITS_OF_A_JOB}

    def restore(self, job: Snapshot[Any]) -> None:
        """Count a job of an earlier process, by its history."""
        if job.parent_id is None and job.owner is not None:
            self.reserved[job.id] = job.owner
            if any(entry.step == REVERSAL and entry.status == "compensated" for entry in job.history):
                self.reversed.add(job.id)


@frozen
class Demonstration:
    """A contract with kinds that can be run.

    Attributes:
        contract: The contract.
        registry: The kinds.
        acts: The behavior of the jobs, by kind.
        token: A token of the vendor's form.
        credits: The credits of the jobs.
    """

    contract: Contract
    registry: Registry
    acts: Mapping[str, Act]
    token: str
    credits: Credits

    def kind_of(self, word: str) -> str | None:
        """Return the kind with a name, or with a vendor's name for it; None if there is none."""
        names = {self.contract.kind_words.get(name, name): name for name in self.acts} | {
            name: name for name in self.acts
        }
        return names.get(word)


class DemonstrationError(Exception):
    """A stage failed, as its submit request asked."""


def demonstration(contract: Contract, shipped: str | None = None) -> Demonstration:
    """Return a contract with kinds to try it with.

    Args:
        contract: The contract.
        shipped: The name of a shipped contract; None for a user's own file.

    Raises:
        KindDataError: The kinds in the contract's data are wrong.
    """
    text = files("jobcancel._cli.serve").joinpath("demonstrations.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    section: Mapping[str, Any] = data.get(shipped or "", data["default"])
    # A user's own contract has only its own kinds, if it declares any.
    added: Mapping[str, Any] = section["kinds"] if shipped or not contract.kinds else {}
    options = {
        name: _options(contract.kinds.get(name, {}), added.get(name, {})) for name in {**added, **contract.kinds}
    }
    registry = Registry.from_mapping({"kinds": options})
    acts = {kind.name: _act(kind.stages, added.get(kind.name, {})) for kind in registry}
    for kind in list(registry):
        registry.handler(kind.name)(_handler(acts[kind.name], registry))
    token = section["token"].replace("{random}", secrets.token_hex(16))
    return Demonstration(contract, registry, acts, token, _credits(registry))


async def restore_credits(counted: Credits, scheduler: Scheduler) -> None:
    """Count the credits of the jobs that a scheduler has from earlier processes."""
    page = await scheduler.find()
    while True:
        for job in page.jobs:
            counted.restore(job)
        if page.cursor is None:
            return
        page = await scheduler.find(cursor=page.cursor)


def _credits(registry: Registry) -> Credits:
    """Return the credits of a registry's jobs, and register the compensation that reverses them."""
    counted = Credits()

    @registry.compensation(REVERSAL)
    async def reverse(
        context: CompensationContext,
    ) -> None:  # async: it runs in the loop, so that nothing else counts at the same time
        counted.reversed.add(context.job_id)

    return counted


def _options(declared: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kind's options: those that the contract declares, with the demonstration's stages in their order."""
    stages: dict[str, dict[str, Any]] = {}
    for entry in (*added.get("stages", ()), *declared.get("stages", ())):
        stage: dict[str, Any] = {"name": entry} if isinstance(entry, str) else entry
        stages[stage["name"]] = {**stages.get(stage["name"], {}), **stage}
    # Only a cancel reverses credits: a failed job has used them.
    defaults = {"compensate_on": [JobState.CANCELED], "on_restart": OnRestart.RERUN}
    return {**defaults, **declared, "stages": [*stages.values()]}


def _act(stages: Iterable[str], added: Mapping[str, Any]) -> Act:
    return Act(tuple(stages), added.get("result"), added.get("batch"))


def _handler(act: Act, registry: Registry) -> Callable[..., Any]:
    """Return the handler of one kind."""

    async def run(job: JobContext, seconds: Mapping[str, float], fails_in: str | None = None) -> Any:
        """Run the stages.

        Args:
            job: The job.
            seconds: The duration of each stage in seconds; a stage that is not named ends at once.
            fails_in: The stage that fails at its end. If it is a batch, one of its jobs fails.
        """
        failed = 0
        for number, stage in enumerate(act.stages):
            duration_s, fails = seconds.get(stage, 0), stage == fails_in
            if act.batch is not None and number == 0:
                failed = await job.run_stage(stage, _run_batch, job, registry[act.batch], duration_s, fails)
            else:
                job.progress(number, len(act.stages), stage)
                await job.run_stage(stage, _wait, duration_s, fails)
        job.progress(len(act.stages), len(act.stages))
        result = _fill(act.result, job.id)
        return Partial(result) if failed else result

    return run


async def _wait(seconds: float, fails: bool) -> None:
    await anyio.sleep(seconds)
    if fails:
        raise DemonstrationError("the stage failed, as the submit request asked")


async def _run_batch(job: JobContext, kind: Kind[..., Any], duration_s: float, fails: bool) -> int:
    """Run a batch whose last job fails if asked; return the number of failed jobs."""
    first = next(iter(kind.stages))
    failing = [None] * (BATCH_SIZE - 1) + [first if fails else None]
    children = await job.batch([kind({first: duration_s}, fails_in) for fails_in in failing])
    return sum(child.state is JobState.FAILED for child in children)


def _fill(template: Any, job_id: str) -> Any:
    if isinstance(template, str):
        return template.replace("{job_id}", job_id)
    if isinstance(template, dict):
        table = cast(dict[str, Any], template)
        return {key: _fill(value, job_id) for key, value in table.items()}
    if isinstance(template, list):
        return [_fill(value, job_id) for value in cast(Iterable[Any], template)]
    return template
