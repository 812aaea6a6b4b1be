"""The demonstrations of ``jobcancel serve``: every job is answered as the schema says."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from jobcancel import Scheduler
from jobcancel._cli.serve.demonstration import REVERSAL, Demonstration, demonstration
from jobcancel.asgi import Caller, TokenTable, app, id_factory
from tests.asgi.bench import vendor as contract_of
from tests.conformance.client import PATIENCE_S, Answer, call
from tests.conformance.served import Vendor
from tests.conformance.test_schemas import SERVED, reads
from tests.conformance.validation import require_valid
from tests.conformance.vendors import TOKENS

Ask = Callable[[str, str], Coroutine[Any, Any, Answer]]
FOR_EVER_S = 3600.0


async def submit(scheduler: Scheduler, shown: Demonstration, vendor: Vendor, kind: str, **order: Any) -> str:
    """Submit a job as an order does; its credits are given back by a compensation."""
    undo = shown.registry.compensations[REVERSAL]()
    seconds, fails_in = order.get("seconds", {}), order.get("fails_in")
    options: dict[str, Any] = {"owner": "alice", "labels": vendor.labels, "compensations": [undo]}
    return (await scheduler.submit(kind, seconds, fails_in, **options)).id


async def in_stage(scheduler: Scheduler, job_id: str, stage: str) -> None:
    """Return when the job is in that stage."""
    with anyio.fail_after(PATIENCE_S):
        async with scheduler.watch(job_id) as snapshots:
            async for snapshot in snapshots:
                if snapshot.stage == stage:
                    return
    raise AssertionError(f"the job never entered {stage}")


async def try_kind(scheduler: Scheduler, shown: Demonstration, vendor: Vendor, kind: str, ask: Ask) -> None:
    """Let jobs of a kind end, fail and be canceled in each stage, and read each of them."""
    failing = (None, *shown.acts[kind].stages)
    jobs = [await submit(scheduler, shown, vendor, kind, fails_in=stage) for stage in failing]
    for job_id in jobs:
        await scheduler.wait(job_id)
        await ask("POST", vendor.cancel.format(job_id))
    for stage in shown.acts[kind].stages:
        jobs.append(await submit(scheduler, shown, vendor, kind, seconds={stage: FOR_EVER_S}))
        await in_stage(scheduler, jobs[-1], stage)
        # Where the answer waits for the job to stop, a stage that defers would have it wait for the stage.
        if not shown.contract.policies.settle_s or (await scheduler.can_cancel(jobs[-1])).outcome == "canceling":
            await ask("POST", vendor.cancel.format(jobs[-1]))
    for job_id in jobs:
        for target in reads(vendor, shown.contract.applied):
            await ask("GET", target.format(job_id))
    for job_id in await scheduler.cancel_many(force=True):
        await scheduler.wait(job_id)


@pytest.mark.parametrize(("vendor", "variants"), SERVED)
async def test_every_job_of_a_demonstration_is_answered_as_the_schema_says(
    vendor: Vendor, variants: tuple[str, ...]
) -> None:
    contract = contract_of(vendor.name, *variants)
    shown = demonstration(contract, vendor.name)
    callers = TokenTable(contract, {TOKENS["alice"]: Caller("alice", {"jobs:cancel"})})

    async with Scheduler(shown.registry, new_id=id_factory(contract)) as scheduler:
        served = app(scheduler, contract, authenticate=callers)

        async def ask(method: str, target: str) -> Answer:
            answer = await call(served, method, target, vendor.key)
            require_valid(vendor.name, variants, method, target, answer)
            return answer

        for kind in shown.acts:
            await try_kind(scheduler, shown, vendor, kind, ask)
