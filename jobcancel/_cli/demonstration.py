"""What `jobcancel serve` runs: a contract's kinds with stages that last as long as somebody wants, and do nothing."""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Any, cast

import anyio
from attrs import Factory, frozen

from jobcancel import CompensationContext, JobContext, JobState, Kind, OnRestart, Partial, Registry, Snapshot
from jobcancel.contracts import Contract

BATCH_SIZE = 3
CREDITS_OF_A_JOB = 10
REVERSAL = "reverse_credits"
"""The compensation that gives a job's credits back."""
OWNER = "demo"
"""Whose the jobs are, and what their other labels say."""


@frozen
class Act:
    """What a job of one kind does.

    Attributes:
        stages: Its stages' names, in order.
        result: What it returns; ``{job_id}`` in a text is replaced.
        batch: The kind of the jobs that its first stage starts and waits for, or None.
    """

    stages: tuple[str, ...]
    result: Any = None
    batch: str | None = None


@frozen
class Credits:
    """Credits that were reserved for jobs, and those of them that were given back.

    Attributes:
        reserved: Whose job it is, by its id.
        reversed: The jobs whose credits were given back: once, however often that is tried.
    """

    reserved: dict[str, str] = Factory(dict[str, str])
    reversed: set[str] = Factory(set[str])

    def of(self, owner: str) -> dict[str, int]:
        """Return an owner's two counts."""
        jobs = [job_id for job_id, whose in self.reserved.items() if whose == owner]
        reversed_ = sum(job_id in self.reversed for job_id in jobs)
        return {"reserved": len(jobs) * CREDITS_OF_A_JOB, "reversed": reversed_ * CREDITS_OF_A_JOB}

    def restore(self, job: Snapshot[Any]) -> None:
        """Know of a job of an earlier process what its history says."""
        if job.parent_id is None and job.owner is not None:
            self.reserved[job.id] = job.owner
            if any(entry.step == REVERSAL and entry.status == "compensated" for entry in job.history):
                self.reversed.add(job.id)


@frozen
class Demonstration:
    """A contract with kinds that can be run.

    Attributes:
        contract: The contract.
        registry: Its kinds.
        acts: What their jobs do, by kind.
        token: A token of the vendor's form.
        credits: What its jobs have cost.
    """

    contract: Contract
    registry: Registry
    acts: Mapping[str, Act]
    token: str
    credits: Credits

    def kind_of(self, word: str) -> str | None:
        """Return the kind of that name, or of that name in the vendor's words; None if there is none."""
        names = {self.contract.kind_words.get(name, name): name for name in self.acts} | {
            name: name for name in self.acts
        }
        return names.get(word)


class DemonstrationError(Exception):
    """A stage failed, as somebody wanted."""


def demonstration(contract: Contract, shipped: str | None = None) -> Demonstration:
    """Return the contract with kinds to try it with.

    Args:
        contract: The contract.
        shipped: The name it is shipped under; None for a file of the user's own.

    Raises:
        KindDataError: The kinds in the contract's data are none.
    """
    text = files("jobcancel._cli").joinpath("demonstrations.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    ours: Mapping[str, Any] = data.get(shipped or "", data["default"])
    # A contract of the user's own is shown by its own kinds alone, if it has any.
    shown: Mapping[str, Any] = ours["kinds"] if shipped or not contract.kinds else {}
    options = {
        name: _options(contract.kinds.get(name, {}), shown.get(name, {})) for name in {**shown, **contract.kinds}
    }
    registry = Registry.from_mapping({"kinds": options})
    acts = {kind.name: _act(kind.stages, shown.get(kind.name, {})) for kind in registry}
    for kind in list(registry):
        registry.handler(kind.name)(_handler(acts[kind.name], registry))
    token = ours["token"].replace("{random}", secrets.token_hex(16))
    return Demonstration(contract, registry, acts, token, _credits(registry))


def _credits(registry: Registry) -> Credits:
    """Return what the jobs of a registry cost, and register the compensation that gives it back."""
    counted = Credits()

    @registry.compensation(REVERSAL)
    async def reverse(context: CompensationContext) -> None:  # async: it runs in the loop, where nobody else counts
        counted.reversed.add(context.job_id)

    return counted


def _options(declared: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kind's options: what the contract declares, the stages in the order in which they are shown."""
    stages: dict[str, dict[str, Any]] = {}
    for entry in (*shown.get("stages", ()), *declared.get("stages", ())):
        stage: dict[str, Any] = {"name": entry} if isinstance(entry, str) else entry
        stages[stage["name"]] = {**stages.get(stage["name"], {}), **stage}
    # Only a cancel gives credits back: a failed job has used them.
    ours = {"compensate_on": [JobState.CANCELED], "on_restart": OnRestart.RERUN}
    return {**ours, **declared, "stages": [*stages.values()]}


def _act(stages: Iterable[str], shown: Mapping[str, Any]) -> Act:
    return Act(tuple(stages), shown.get("result"), shown.get("batch"))


def _handler(act: Act, registry: Registry) -> Callable[..., Any]:
    """Return the handler of one kind."""

    async def run(job: JobContext, seconds: Mapping[str, float], fails_in: str | None = None) -> Any:
        """Go through the stages.

        Args:
            job: The job.
            seconds: How long each stage lasts; one that is not named ends at once.
            fails_in: The stage that fails at its end. If it is a batch, one of its jobs does.
        """
        failed = 0
        for number, stage in enumerate(act.stages):
            lasts_s, fails = seconds.get(stage, 0), stage == fails_in
            if act.batch is not None and number == 0:
                failed = await job.run_stage(stage, _run_batch, job, registry[act.batch], lasts_s, fails)
            else:
                job.progress(number, len(act.stages), stage)
                await job.run_stage(stage, _last, lasts_s, fails)
        job.progress(len(act.stages), len(act.stages))
        result = _filled(act.result, job.id)
        return Partial(result) if failed else result

    return run


async def _last(seconds: float, fails: bool) -> None:
    await anyio.sleep(seconds)
    if fails:
        raise DemonstrationError("it failed, as it was asked to")


async def _run_batch(job: JobContext, kind: Kind[..., Any], lasts_s: float, fails: bool) -> int:
    """Run a batch of jobs whose first stage lasts that long, the last of them to fail or not; return how many did."""
    first = next(iter(kind.stages))
    ends = [None] * (BATCH_SIZE - 1) + [first if fails else None]
    children = await job.batch([kind({first: lasts_s}, end) for end in ends])
    return sum(child.state is JobState.FAILED for child in children)


def _filled(template: Any, job_id: str) -> Any:
    if isinstance(template, str):
        return template.replace("{job_id}", job_id)
    if isinstance(template, dict):
        table = cast(dict[str, Any], template)
        return {key: _filled(value, job_id) for key, value in table.items()}
    if isinstance(template, list):
        return [_filled(value, job_id) for value in cast(Iterable[Any], template)]
    return template
