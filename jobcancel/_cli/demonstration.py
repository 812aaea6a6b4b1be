"""What `jobcancel serve` runs: a contract's kinds with stages that last as long as somebody wants, and do nothing."""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Any, cast

import anyio
from attrs import Factory, define, frozen

from jobcancel import JobContext, JobState, Kind, Partial, Registry
from jobcancel.contracts import Contract

BATCH_SIZE = 3
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
class Demonstration:
    """A contract with kinds that can be run.

    Attributes:
        contract: The contract.
        registry: Its kinds.
        acts: What their jobs do, by kind.
        token: A token of the vendor's form.
    """

    contract: Contract
    registry: Registry
    acts: Mapping[str, Act]
    token: str

    def kind_of(self, word: str) -> str | None:
        """Return the kind of that name, or of that name in the vendor's words; None if there is none."""
        names = {self.contract.kind_words.get(name, name): name for name in self.acts} | {
            name: name for name in self.acts
        }
        return names.get(word)


@define
class Credits:
    """Credits of each owner: what was reserved so far, and how much of it was given back."""

    reserved: dict[str, int] = Factory(dict[str, int])
    reversed: dict[str, int] = Factory(dict[str, int])

    def reserve(self, owner: str, amount: int) -> None:
        """Take credits for a job."""
        self.reserved[owner] = self.reserved.get(owner, 0) + amount

    async def reverse(self, owner: str, amount: int) -> None:
        """Give them back. Async, so that it runs in the loop, where nobody else counts."""
        self.reversed[owner] = self.reversed.get(owner, 0) + amount

    def of(self, owner: str) -> dict[str, int]:
        """Return an owner's two counts."""
        return {"reserved": self.reserved.get(owner, 0), "reversed": self.reversed.get(owner, 0)}


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
    return Demonstration(contract, registry, acts, ours["token"].replace("{random}", secrets.token_hex(16)))


def _options(declared: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kind's options: what the contract declares, the stages in the order in which they are shown."""
    stages: dict[str, dict[str, Any]] = {}
    for entry in (*shown.get("stages", ()), *declared.get("stages", ())):
        stage: dict[str, Any] = {"name": entry} if isinstance(entry, str) else entry
        stages[stage["name"]] = {**stages.get(stage["name"], {}), **stage}
    # Only a cancel gives credits back: a failed job has used them.
    return {"compensate_on": [JobState.CANCELED], **declared, "stages": [*stages.values()]}


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
