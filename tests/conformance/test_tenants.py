"""Another tenant's jobs and unknown ids: whether they are distinguishable, and what they cost."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from typing import Any

import pytest

from tests.conformance.acts import Act
from tests.conformance.bench import Bench
from tests.conformance.client import Answer
from tests.conformance.served import Served, Vendor
from tests.conformance.vendors import DAFTY, DEX, LAYERS, SUTRO, TENSORPOOL

NAMED = ("date", "server", "x-request-id")
"""Headers that differ from one answer to the next."""


def alike(answer: Answer, job_id: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return all by which a client could distinguish two answers, without the ids."""
    request_id = answer.header("x-request-id") or ""
    content = answer.content.replace(job_id.encode(), b"{id}").replace(request_id.encode(), b"REQ")
    headers = [(name, value) for name, value in answer.headers if name not in NAMED]
    return answer.status, headers, content


@pytest.mark.parametrize("vendor", [LAYERS, DAFTY, DEX, SUTRO], ids=lambda vendor: vendor.name)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_another_tenants_job_is_answered_like_an_unknown_one(bench: Bench, vendor: Vendor, method: str) -> None:
    served = await bench.fresh(vendor)
    jobs = [await served.settled("succeeded", owner="bob"), await served.settled("canceled", owner="bob")]
    jobs.append((await served.running(owner="bob"))[0])
    jobs.append(await served.submit(Act(), owner="bob"))
    target = vendor.cancel if method == "POST" else vendor.get or "/job-status/{}"
    unknown = jobs[0][:-4] + ("0000" if jobs[0][-4:] != "0000" else "1111")

    seen: list[tuple[object, ...]] = []
    for job_id in (unknown, *jobs):
        served.scheduler.calls.clear()
        answer = await served.send(method, target.format(job_id))
        seen.append((*alike(answer, job_id), tuple(served.scheduler.calls)))

    assert seen[1:] == [seen[0]] * 4
    calls = [name for name, _ in served.scheduler.calls]
    looks_first = vendor in {DAFTY, DEX}  # whose answers show the job
    assert calls == (["cancel"] if method == "POST" and not looks_first else ["get"])
    assert {owner for _, owner in served.scheduler.calls} == {"alice"}


async def test_a_forbidding_contract_looks_up_twice(bench: Bench) -> None:
    tensorpool = await bench.serve(TENSORPOOL)
    job_id, _ = await tensorpool.running(owner="bob")
    tensorpool.scheduler.calls.clear()
    answer = await tensorpool.cancel(job_id)
    assert answer.status == 403
    assert tensorpool.scheduler.calls == [("cancel", "alice"), ("get", None)]
    assert b"bob" not in answer.content


async def statuses_of(served: Served, ids: range) -> Counter[int]:
    """Cancel each id without a server, which has memory of its own; count the statuses."""
    statuses: Counter[int] = Counter()
    headers = [(name.encode(), value.encode()) for name, value in served.vendor.key.items()]
    scope = {"type": "http", "method": "POST", "headers": headers, "query_string": b"", "root_path": ""}

    async def send(event: Any) -> None:
        statuses[event.get("status")] += 1

    async def receive() -> Any:
        raise AssertionError("nothing of the body is to be read")

    for number in ids:
        path = served.vendor.cancel.format(f"{served.vendor.unknown[:-5]}{number:05}")
        await served.asgi({**scope, "path": path, "raw_path": path.encode()}, receive, send)
    return statuses


@pytest.mark.parametrize("vendor", [LAYERS, TENSORPOOL, DEX], ids=lambda vendor: vendor.name)
async def test_unknown_ids_cost_their_look_ups_and_no_memory(bench: Bench, vendor: Vendor) -> None:
    served = await bench.serve(vendor)
    look_ups = {LAYERS: ["cancel"], TENSORPOOL: ["cancel", "get"], DEX: ["get"]}[vendor]
    await statuses_of(served, range(500))
    served.scheduler.calls.clear()
    gc.collect()
    before = sys.getallocatedblocks()

    statuses = await statuses_of(served, range(10_000, 12_000))

    called = Counter(name for name, _ in served.scheduler.calls)
    served.scheduler.calls.clear()
    gc.collect()
    assert sys.getallocatedblocks() - before < 1_000
    assert statuses[404] == 2_000
    assert called == dict.fromkeys(look_ups, 2_000)
