"""Layers' ten kinds: which stages refuse, what a cancel gives back, and what a second submission gets."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from jobcancel import Registry
from jobcancel.contracts import Context, error_reply, load
from jobcancel.errors import IdempotencyConflictError
from tests.conformance.acts import Act, Committing, Finishing, Onward
from tests.conformance.bench import Bench
from tests.conformance.matchers import AnyText
from tests.conformance.served import Served
from tests.conformance.vendors import LAYERS

REFUSING = {
    "project_ingest_github": ["opening_pr", "finalizing"],
    "project_ingest_website": ["persisting"],
    "content_generate": ["finalizing"],
    "content_regenerate": ["finalizing"],
    "content_clone_from_post": ["finalizing"],
    "project_keywords_refresh": ["finalizing"],
    "influencer_create": ["persisting"],
    "appstore_ingest": ["persisting"],
    "marketing_bootstrap": [
        "project_create",
        "ingest_website",
        "sdk_app_create",
        "layer_provision",
        "influencer_create",
        "first_content",
        "finalizing",
    ],
    "ad_optimizer_run": ["applying_actions", "finalizing"],
}
ROWS = [(kind, stage) for kind, stages in REFUSING.items() for stage in stages]


def test_the_contract_ships_the_ten_kinds_and_no_other() -> None:
    registry = Registry.from_mapping({"kinds": load("layers").kinds})
    assert {kind.name for kind in registry} == set(REFUSING)


def test_only_the_documents_stages_refuse() -> None:
    registry = Registry.from_mapping({"kinds": load("layers").kinds})
    refusing = {kind.name: {s.name for s in kind.stages.values() if s.on_cancel == "refuse"} for kind in registry}
    assert refusing == {kind: set(stages) for kind, stages in REFUSING.items()}


@pytest.mark.parametrize(("kind", "stage"), ROWS, ids=[f"{kind}-{stage}" for kind, stage in ROWS])
async def test_a_refusing_stage_answers_409_with_its_name_and_the_job_goes_on(
    bench: Bench, kind: str, stage: str
) -> None:
    layers = await bench.serve(LAYERS)
    job_id, act = await layers.running(Act(stage=stage), kind=kind)

    answer = await layers.cancel(job_id)
    read = await layers.get(job_id)

    assert answer.status == 409
    assert answer.body["error"]["details"] == {"subcode": "JOB_CANCEL_UNAVAILABLE", "jobId": job_id, "stage": stage}
    assert (read.body["kind"], read.body["stage"], read.body["status"]) == (kind, stage, "running")
    assert await layers.final(job_id) == "succeeded"
    assert act.ended


@pytest.mark.parametrize("stage", ["drafting", None], ids=["another stage", "between stages"])
async def test_the_bootstrap_refuses_as_a_whole(bench: Bench, stage: str | None) -> None:
    layers = await bench.serve(LAYERS)
    job_id, act = await layers.running(Act(stage=stage), kind="marketing_bootstrap")

    answer = await layers.cancel(job_id)

    assert (answer.status, answer.body["error"]["code"]) == (409, "CONFLICT")
    assert answer.body["error"]["details"] == {"subcode": "JOB_CANCEL_UNAVAILABLE", "jobId": job_id, "stage": stage}
    assert await layers.final(job_id) == "succeeded"
    assert act.ended


async def test_a_bootstrap_that_has_not_begun_can_be_canceled(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    job_id = await layers.pending(kind="marketing_bootstrap")
    assert (await layers.cancel(job_id)).status == 202
    assert await layers.final(job_id) == "canceled"


@pytest.mark.parametrize("kind", [kind for kind in REFUSING if kind != "marketing_bootstrap"])
@pytest.mark.parametrize("stage", ["drafting", None], ids=["another stage", "no stage"])
async def test_every_other_stage_can_be_canceled(bench: Bench, kind: str, stage: str | None) -> None:
    layers = await bench.serve(LAYERS)
    job_id, act = await layers.running(Act(stage=stage), kind=kind)

    answer = await layers.cancel(job_id)

    assert (answer.status, answer.body) == (202, {"jobId": job_id, "accepted": True})
    assert await layers.final(job_id) == "canceled"
    assert not act.ended


async def test_a_refusal_is_not_remembered(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)

    later = Act()
    job_id, act = await layers.running(Onward(later, stage="finalizing"))
    refused = await layers.cancel(job_id)
    act.release.set()
    await later.arrived()
    accepted = await layers.cancel(job_id)

    assert (refused.status, accepted.status) == (409, 202)
    assert await layers.final(job_id) == "canceled"


async def reserve(layers: Served, act: Act, ledger: list[str], *, start: bool = True) -> str:
    """Submit a job whose credits were reserved; ``ledger`` records when they are returned."""
    refund = partial(ledger.append, "reversed")
    if not start:
        return await layers.pending(compensations=[refund])
    return (await layers.running(act, compensations=[refund]))[0]


@pytest.mark.parametrize("start", [False, True], ids=["pending", "drafting"])
async def test_credits_are_reversed_once_when_the_job_is_canceled(bench: Bench, start: bool) -> None:
    layers = await bench.serve(LAYERS)
    ledger: list[str] = []
    job_id = await reserve(layers, Act(stage="drafting"), ledger, start=start)

    answers = [(await layers.cancel(job_id)).body["accepted"] for _ in range(2)]

    assert answers[0] is True
    assert await layers.final(job_id) == "canceled"
    assert ledger == ["reversed"]


@pytest.mark.parametrize(
    ("act", "ends"),
    [
        (partial(Act, stage="finalizing"), "succeeded"),  # the cancel is refused: the content exists
        (Finishing, "succeeded"),  # the cancel was accepted, but the work was done already
        (partial(Finishing, error=ValueError("no")), "failed"),
    ],
    ids=["finalizing", "completed after the cancel", "failed after the cancel"],
)
async def test_credits_are_kept_when_the_job_does_not_end_canceled(bench: Bench, act: Any, ends: str) -> None:
    layers = await bench.serve(LAYERS)
    ledger: list[str] = []
    job_id = await reserve(layers, act(), ledger)

    await layers.cancel(job_id)

    assert await layers.final(job_id) == ends
    assert ledger == []


async def test_an_accepted_cancel_prevents_the_entry_of_finalizing(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    ledger: list[str] = []
    act = Committing()
    job_id = await reserve(layers, act, ledger)

    assert (await layers.cancel(job_id)).status == 202
    assert await layers.final(job_id) == "canceled"
    assert (act.ended, ledger) == (False, ["reversed"])


@pytest.mark.parametrize(
    ("variants", "restarted"), [((), False), (("bootstrap_retry_restarts",), True)], ids=["as documented", "variant"]
)
async def test_a_bootstrap_retried_after_a_failure_is_the_prior_job(
    bench: Bench, variants: tuple[str, ...], restarted: bool
) -> None:
    layers = await bench.serve(LAYERS, *variants)
    failing = Act(error=ValueError("no"))
    failed = await layers.submit(failing, kind="marketing_bootstrap", key="k-1")
    assert await layers.final(failed) == "failed"

    again = await layers.submit(failing, kind="marketing_bootstrap", key="k-1")

    assert (again != failed) is restarted


@pytest.mark.parametrize("variants", [(), ("bootstrap_retry_restarts",)], ids=["as documented", "variant"])
async def test_a_bootstrap_retried_after_a_success_is_the_prior_job(bench: Bench, variants: tuple[str, ...]) -> None:
    layers = await bench.serve(LAYERS, *variants)
    act = Act()
    first = await layers.submit(act, kind="marketing_bootstrap", key="k-2")
    assert await layers.final(first) == "succeeded"
    assert await layers.submit(act, kind="marketing_bootstrap", key="k-2") == first


async def test_a_key_lives_for_24_hours_and_no_longer(bench: Bench) -> None:
    layers = await bench.fresh(LAYERS)
    act = Act()
    first = await layers.submit(act, kind="marketing_bootstrap", key="k-3")
    assert await layers.final(first) == "succeeded"

    await layers.clock.advance(86_399)
    assert await layers.submit(act, kind="marketing_bootstrap", key="k-3") == first
    await layers.clock.advance(2)
    assert await layers.submit(act, kind="marketing_bootstrap", key="k-3") != first


async def test_other_arguments_under_the_same_key_are_a_conflict(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    first = await layers.submit(Act(), kind="marketing_bootstrap", key="k-4")

    with pytest.raises(IdempotencyConflictError):
        await layers.submit(Act(), kind="marketing_bootstrap", key="k-4")
    answer = error_reply(layers.contract, "idempotency_conflict", Context(job_id=first, request_id="req_1"))

    assert (answer.status, answer.body) == (
        409,
        {"error": {"code": "IDEMPOTENCY_CONFLICT", "message": AnyText(), "requestId": "req_1"}},
    )
