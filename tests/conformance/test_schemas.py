"""Every vendor x variant x state x outcome: each response is one that the vendor's own schema has, and all are met."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from jobcancel import JobState
from jobcancel.contracts import Case, Context, RateLimit, Reply, error_reply, outcome_reply
from tests.asgi.bench import vendor as contract_of
from tests.conformance.acts import Act
from tests.conformance.bench import Bench
from tests.conformance.client import Answer
from tests.conformance.served import Served, Vendor
from tests.conformance.situations import SITUATIONS, arrange
from tests.conformance.test_dex_batch import Batch, Noting
from tests.conformance.validation import schema_of
from tests.conformance.vendors import ALL, DAFTY, DEX, LAYERS, SUTRO, TENSORPOOL, TOKENS, bearer

VARIANTS: Final = {
    LAYERS.name: ("prose_subcode", "bootstrap_retry_restarts"),
    TENSORPOOL.name: ("unauthenticated_401",),
    DAFTY.name: ("terminal_409", "malformed_404"),
    DEX.name: ("empty_202",),
    SUTRO.name: ("not_found_404", "sdk"),
}
SERVED: Final = [
    pytest.param(vendor, variants, id="-".join((vendor.name, *variants)))
    for vendor in ALL
    for variants in [(), *((variant,) for variant in VARIANTS[vendor.name])]
]
READS: Final = {
    LAYERS.name: ("/v1/jobs/{}",),
    TENSORPOOL.name: ("/job/info/{}", "/job/list"),
    DAFTY.name: ("/api/v1/jobs/{}", "/api/v1/jobs"),
    DEX.name: ("/v1/projects/proj_1/jobs/{}",),
    SUTRO.name: ("/jobs/{}", "/job-status/{}", "/list-jobs"),
}
SDK_READS: Final = ("/v1/jobs/{}", "/v1/job-status/{}", "/v1/list-jobs")
ONLY_FROM_HOSTS: Final = {(TENSORPOOL.name, "cancel", "422"), (TENSORPOOL.name, "get", "422")} | {
    (DEX.name, name, "422") for name in ("cancel", "get")
}
"""Responses that only a host's own submit route gives: these routes read neither a body nor a query."""

IMAGE: Final = {"id": "img_1", "url": "https://cdn.example/1.png", "width": 512, "height": None}
VIDEO: Final = {"url": "https://cdn.example/v.mp4", "durationSeconds": 4.5}
RESULTS: Final[list[Any]] = [
    None,
    {"images": [IMAGE], "video": VIDEO, "style": {"id": "sty_1"}},
    {"parse_result_id": "pr_1"},
    [1, "two"],
    "text",
    7,
    False,
    float("nan"),
    {1, 2},
]


def reads(vendor: Vendor, variants: tuple[str, ...]) -> tuple[str, ...]:
    return SDK_READS if "sdk" in variants else READS[vendor.name]


async def in_state(served: Served, state: JobState) -> str:
    """Return a job in a state that has some history, progress and labels."""
    labels = {"labels": {"source_id": "src_1", "correlation_id": "cor_1"}}
    if state is JobState.PENDING:
        return await served.pending(**labels)
    if state is JobState.RUNNING:
        return (await served.running(Noting(stage="working"), **labels))[0]
    if state is JobState.CANCELING:
        return (await served.canceling(**labels))[0]
    return await served.settled(state, **labels)


@pytest.mark.parametrize(("vendor", "variants"), SERVED)
async def test_a_job_reads_as_the_schema_says_in_every_state(
    bench: Bench, vendor: Vendor, variants: tuple[str, ...]
) -> None:
    served = await bench.serve(vendor, *variants)
    for state in JobState:
        job_id = await in_state(served, state)
        for target in reads(vendor, variants):
            assert (await served.send("GET", target.format(job_id))).status == 200, state
        await served.clear()


@pytest.mark.parametrize(("vendor", "variants"), SERVED)
async def test_every_result_is_shown_as_the_schema_says(
    bench: Bench, vendor: Vendor, variants: tuple[str, ...]
) -> None:
    served = await bench.serve(vendor, *variants)
    for result in RESULTS:
        for state in (JobState.SUCCEEDED, JobState.PARTIALLY_SUCCEEDED):
            job_id = await served.settled(state, result)
            assert (await served.send("GET", reads(vendor, variants)[0].format(job_id))).status == 200, result


async def send_everything(served: Served, variants: tuple[str, ...]) -> None:
    """Send a cancel and all reads in every situation, as callers with and without permission."""
    vendor = served.vendor
    for situation in SITUATIONS:
        asked = await arrange(served, situation)
        await served.send_past_a_minute("POST", vendor.cancel.format(asked.job_id), asked.headers)
        for target in reads(vendor, variants):
            headers = vendor.key if asked.headers is None else asked.headers
            await served.send("GET", target.format(asked.job_id), headers)
        await served.clear()
    if vendor is LAYERS:
        job_id, _ = await served.running()
        tag = (await served.get(job_id)).header("etag") or ""
        await served.get(job_id, {**vendor.key, "if-none-match": tag})
        await served.cancel(job_id, bearer(TOKENS["viewer"]))
    for target in ("/job/list?limit=x", "/api/v1/jobs?limit=x", "/healthz"):
        await served.send("GET", target)
    await served.send("POST", "/health")


@pytest.mark.parametrize(("vendor", "variants"), SERVED)
@pytest.mark.parametrize("refuse_stage", [False, True], ids=["defers", "refuses"])
async def test_every_response_of_the_document_is_met_and_valid(
    bench: Bench, vendor: Vendor, variants: tuple[str, ...], refuse_stage: bool
) -> None:
    served = await bench.fresh(vendor, *variants, refuse=refuse_stage)
    await send_everything(served, variants)

    schema = schema_of(vendor.name, variants)
    seen = {(schema.operation(method, target), str(status)) for method, target, status in served.answered}
    others = {"sdk_status", "sdk_get", "sdk_list"} if "sdk" not in variants else {"status", "get", "list"}
    operations = schema.operations - (others if vendor is SUTRO else set())
    documented = {(name, status) for name in operations for status in schema.documented(name)}
    missed = {(vendor.name, *response) for response in documented - seen} - ONLY_FROM_HOSTS
    changed = {
        "unauthenticated_401": set[tuple[str, str, str]](),
        "malformed_404": {("dafty", "cancel", "400"), ("dafty", "get", "400")},
    }
    expected = set[tuple[str, str, str]]().union(*(changed.get(variant, set()) for variant in variants))
    assert missed == expected


async def test_a_batch_and_its_children_read_as_the_schema_says_while_they_run_and_when_they_are_over(
    bench: Bench,
) -> None:
    dex = await bench.fresh(DEX)
    children = [Act(result={"parse_result_id": "pr_1"}), Act(error=ValueError("unreadable")), Act()]
    job_id = await dex.submit(Batch(dex, children), kind="batch_parse")
    for child in children:
        await child.arrived()
    batch = (await dex.get(job_id)).body["progress"]["child_jobs"]
    shown = [(await dex.get(child["job_id"])).body["project_id"] for child in batch]
    await dex.cancel(batch[2]["job_id"])
    for child in children[:2]:
        child.release.set()
    assert await dex.final(job_id) == "succeeded"
    assert (await dex.get(job_id)).body["progress"]["cancelled"] == 1
    assert shown == ["proj_1"] * 3


RATE: Final = RateLimit(60, 0, 41.5, 29.2)
SHOWN_IN: Final = {
    "pending_canceled": {JobState.CANCELED},
    "already_canceled": {JobState.CANCELED},
    "canceling": set(JobState) - {JobState.PENDING},
    "already_canceling": set(JobState) - {JobState.PENDING},
}
"""The states in which an outcome that shows a job can show it."""
ULID: Final = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def rendered(vendor: Vendor, variants: tuple[str, ...], snapshot: Any) -> Iterator[tuple[str, Reply]]:
    """Yield every outcome and every error, rendered for one job without a server."""
    contract = contract_of(vendor.name, *variants)
    context = Context(
        job=snapshot,
        job_id=snapshot.id,
        stage="publishing",
        request_id=f"req_{ULID}",
        rate=RATE,
        location=("body", "kind"),
    )
    for case in Case:
        yield str(case), outcome_reply(contract, case, context)
    for name in contract.errors:
        yield name, error_reply(contract, name, context)


@pytest.mark.parametrize(("vendor", "variants"), SERVED)
def test_the_schema_knows_the_variants_of_the_contract(vendor: Vendor, variants: tuple[str, ...]) -> None:
    assert set(schema_of(vendor.name).variants) == set(contract_of(vendor.name).variants) == set(VARIANTS[vendor.name])


@pytest.mark.parametrize(("vendor", "variants"), SERVED)
async def test_every_outcome_and_error_is_rendered_as_the_schema_says(
    bench: Bench, vendor: Vendor, variants: tuple[str, ...]
) -> None:
    served = await bench.serve(vendor, *variants)
    schema = schema_of(vendor.name, variants)
    for state in JobState:
        snapshot = await served.scheduler.get(await in_state(served, state))
        for name, made in rendered(vendor, variants, snapshot):
            if vendor is DEX and name in SHOWN_IN and state not in SHOWN_IN[name]:
                continue
            of_a_cancel = name in tuple(Case) or name == "invalid_request"
            target = vendor.cancel.format("x") if of_a_cancel else "/elsewhere"
            headers = [(key.lower(), value) for key, value in made.headers.items()]
            headers += [("content-type", "application/json"), ("x-request-id", "req")]
            answer = Answer(made.status, tuple(headers), made.content)
            assert schema.problems("POST", target, answer) == [], (state, name, json.loads(made.content or b"null"))
        await served.clear()
