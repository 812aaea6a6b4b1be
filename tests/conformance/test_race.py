"""Two hundred clients cancel the same jobs at once: one cancel is accepted for each, and every answer is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import anyio
import pytest

from jobcancel import Outcome, Snapshot
from tests.conformance.acts import Act, Finishing
from tests.conformance.bench import Bench
from tests.conformance.client import Answer
from tests.conformance.served import Served, Vendor
from tests.conformance.vendors import ALL, DAFTY, DEX, LAYERS, SUTRO, TENSORPOOL

CLIENTS: Final = 200
FIRST: Final = {Outcome.CANCELED, Outcome.CANCELING, Outcome.DEFERRED}

# What an answer reports about the job: that it is being canceled, or how it has ended.
STOPPING, ENDED_CANCELED, ENDED_DONE = "stopping", "canceled", "succeeded"


def layers(body: Any) -> str:
    if body["accepted"]:
        return STOPPING
    return {"ALREADY_CANCELED": ENDED_CANCELED, "ALREADY_COMPLETED": ENDED_DONE}[body["reason"]]


def tensorpool(body: Any) -> str:
    return {"canceling": STOPPING, "canceled": ENDED_CANCELED}.get(body.get("status", ""), ENDED_DONE)


def dafty(body: Any) -> str:
    return {"processing": STOPPING, "failed": ENDED_CANCELED, "completed": ENDED_DONE}[body["data"]["status"]]


def dex(body: Any) -> str:
    return {"running": STOPPING, "cancelled": ENDED_CANCELED}.get(body.get("status", ""), ENDED_DONE)


def sutro(body: Any) -> str:
    if body["cancelled"] or "being" in body["message"]:
        return STOPPING
    return ENDED_DONE if "completed" in body["message"] else ENDED_CANCELED


READ: Final[dict[str, Callable[[Any], str]]] = {
    LAYERS.name: layers,
    TENSORPOOL.name: tensorpool,
    DAFTY.name: dafty,
    DEX.name: dex,
    SUTRO.name: sutro,
}
STATUSES: Final = {
    LAYERS.name: {STOPPING: 202, ENDED_CANCELED: 200, ENDED_DONE: 200},
    TENSORPOOL.name: {STOPPING: 202, ENDED_CANCELED: 200, ENDED_DONE: 400},
    DAFTY.name: {STOPPING: 200, ENDED_CANCELED: 200, ENDED_DONE: 200},
    DEX.name: {STOPPING: 202, ENDED_CANCELED: 200, ENDED_DONE: 400},
    SUTRO.name: {STOPPING: 200, ENDED_CANCELED: 200, ENDED_DONE: 200},
}


async def race(served: Served, job_ids: list[str]) -> dict[str, list[Answer]]:
    """Let all clients cancel all jobs at once; in the middle of it the jobs are released."""
    answers: dict[str, list[Answer]] = {job_id: [] for job_id in job_ids}

    async def client(number: int) -> None:
        for place in range(len(job_ids)):
            job_id = job_ids[(number + place) % len(job_ids)]
            answers[job_id].append(await served.cancel(job_id))

    async with anyio.create_task_group() as tasks:
        for number in range(CLIENTS):
            tasks.start_soon(client, number)
        await served.scheduler.hundred_cancels()
        served.release()
    return answers


def fit_the_record(vendor: Vendor, answers: list[Answer], final: Snapshot[Any]) -> bool:
    """Return whether every answer fits the job's record: an answer that reports an end reports the real one."""
    read = [READ[vendor.name](answer.body) for answer in answers]
    fits = all(answer.status == STATUSES[vendor.name][report] for answer, report in zip(answers, read, strict=True))
    return fits and set(read) <= {STOPPING, str(final.state)} and (final.cancel is not None or STOPPING not in read)


async def require_one_cancel_each(bench: Bench, vendor: Vendor) -> None:
    """Let all clients cancel three jobs; fail unless one cancel of each is accepted and every answer is true."""
    served = await bench.fresh(vendor, max_running=2)
    acts = [Act(stage="saving"), Finishing()]  # one is canceled at the end of its stage, one completes
    job_ids = [(await served.running(act, kind=vendor.deferring))[0] for act in acts]
    job_ids.append(await served.submit(Act(), kind=vendor.deferring))  # one never starts

    answers = await race(served, job_ids)

    for job_id in job_ids:
        final = await served.scheduler.wait(job_id)
        verdicts = Counter(verdict.outcome in FIRST for verdict in served.scheduler.verdicts[job_id])
        assert verdicts == {True: 1, False: CLIENTS - 1}
        assert final.cancel is not None
        assert fit_the_record(vendor, answers[job_id], final)
        if vendor is SUTRO:  # only this vendor tells accepted from already accepted
            assert [answer.body["cancelled"] for answer in answers[job_id]].count(True) == 1
    assert [(await served.scheduler.get(job_id)).state for job_id in job_ids] == ["canceled", "succeeded", "canceled"]


@pytest.mark.parametrize("vendor", ALL, ids=[vendor.name for vendor in ALL])
async def test_each_job_is_canceled_once_and_every_answer_fits_its_record(bench: Bench, vendor: Vendor) -> None:
    await require_one_cancel_each(bench, vendor)


async def test_each_job_is_canceled_once_over_sockets(socket_bench: Bench) -> None:
    await require_one_cancel_each(socket_bench, SUTRO)
