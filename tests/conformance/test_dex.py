"""Scale Dex: the answer is the job's entity; a job belongs to a project as well as to an account."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from tests.conformance.acts import Act
from tests.conformance.bench import Bench
from tests.conformance.matchers import Timestamp, with_id, without_nulls
from tests.conformance.situations import arrange
from tests.conformance.vendors import DEX, STRANGER, TOKENS

ENTITY = {"id": "{id}", "project_id": "proj_1", "object": "job", "operation": "parse", "created_at": Timestamp()}
REQUIRED = {"id", "project_id", "operation", "status", "created_at", "object"}
NULLABLE = {"source_id", "correlation_id", "started_at", "completed_at", "result", "progress", "error", "history"}


def is_entity(body: Any, job_id: str, status: str) -> bool:
    """Return whether ``body`` is the entity of that job, with all required fields and no undocumented ones."""
    head = {name: body[name] for name in ENTITY}
    return bool(
        head == with_id(job_id, ENTITY) and body["status"] == status and REQUIRED <= set(body) <= REQUIRED | NULLABLE
    )


ENTITIES = [
    ("pending_canceled", 200, "cancelled"),
    ("pending_canceled, with something to undo", 200, "cancelled"),
    ("canceling", 202, "running"),
    ("already_canceling", 202, "running"),
    ("already_canceled", 200, "cancelled"),
    ("refused", 202, "running"),  # deferred by default
]


@pytest.mark.parametrize(("situation", "status", "word"), ENTITIES, ids=[row[0] for row in ENTITIES])
async def test_an_accepted_or_repeated_cancel_answers_with_the_entity(
    bench: Bench, situation: str, status: int, word: str
) -> None:
    dex = await bench.fresh(DEX)
    asked = await arrange(dex, situation)

    answer = await dex.cancel(asked.job_id, asked.headers)

    assert answer.status == status
    assert is_entity(answer.body, asked.job_id, word), answer.body
    assert answer.header("content-type") == "application/json"


ERRORS = [
    ("already_completed", 400),
    ("already_completed, in part", 400),
    ("already_failed", 400),
    ("already_failed, by expiry", 400),
    ("already_failed, by timeout", 400),
    ("not_found", 404),
    ("foreign", 404),
    ("malformed_id", 404),
    ("unauthenticated", 401),
    ("unauthenticated, wrong key", 401),
    ("rate_limited", 429),
    ("internal_error", 500),
]


@pytest.mark.parametrize(("situation", "status"), ERRORS, ids=[row[0] for row in ERRORS])
async def test_an_error_has_its_status_and_a_json_object(bench: Bench, situation: str, status: int) -> None:
    dex = await bench.serve(DEX)
    asked = await arrange(dex, situation)

    answer = await dex.cancel(asked.job_id, asked.headers)

    assert (answer.status, type(answer.body)) == (status, dict)
    assert answer.body
    assert not REQUIRED & set(answer.body)
    assert answer.header("content-type") == "application/json"


async def test_variant_empty_202_accepts_without_a_body(bench: Bench) -> None:
    dex = await bench.serve(DEX, "empty_202")
    job_id, act = await dex.running(Act(shield=True))

    answers = [await dex.cancel(job_id) for _ in range(2)]
    act.release.set()
    await dex.scheduler.wait(job_id)
    last = await dex.cancel(job_id)

    assert [(answer.status, answer.content) for answer in answers] == [(202, b"")] * 2
    assert (last.status, last.body["status"]) == (200, "cancelled")


async def test_variant_empty_202_still_answers_200_with_the_entity(bench: Bench) -> None:
    dex = await bench.serve(DEX, "empty_202")
    job_id = await dex.pending()
    answer = await dex.cancel(job_id)
    assert (answer.status, answer.body["id"], answer.body["status"]) == (200, job_id, "cancelled")


async def test_a_refusal_is_409_if_the_host_lets_a_stage_refuse(bench: Bench) -> None:
    dex = await bench.serve(DEX, refuse=True)
    asked = await arrange(dex, "refused")

    answer = await dex.cancel(asked.job_id)

    assert answer.status == 409
    assert await dex.final(asked.job_id) == "succeeded"


async def test_a_job_of_another_project_is_not_found_and_not_canceled(bench: Bench) -> None:
    dex = await bench.serve(DEX)
    job_id, _ = await dex.running(labels={"project_id": "proj_2"})

    answers = [
        await dex.send("POST", f"/v1/projects/proj_1/jobs/{job_id}/cancel"),
        await dex.send("POST", f"/v1/projects/{job_id}/jobs/{job_id}/cancel"),
        await dex.send("POST", f"/v1/projects/PROJ_2/jobs/{job_id}/cancel"),
        await dex.send("POST", f"/v1/projects/proj_2/jobs/{job_id}/cancel", DEX.foreign),
    ]
    unknown = await dex.cancel(DEX.unknown)

    assert [answer.status for answer in answers] == [404, 404, 404, 404]
    assert [answer.body for answer in answers] == [unknown.body] * 4
    assert (await dex.scheduler.get(job_id)).state == "running"
    own = await dex.send("POST", f"/v1/projects/proj_2/jobs/{job_id}/cancel")
    assert (own.status, own.body["project_id"]) == (202, "proj_2")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": TOKENS["alice"]},
        {"x-selected-account-id": "acc_1"},
        {"x-api-key": STRANGER, "x-selected-account-id": "acc_1"},
        {"x-api-key": TOKENS["alice"], "x-selected-account-id": ""},
        {"x-api-key": "", "x-selected-account-id": "acc_1"},
        {"authorization": f"Bearer {TOKENS['alice']}", "x-selected-account-id": "acc_1"},
    ],
)
async def test_a_key_without_an_account_is_no_key_nor_an_account_without_a_key(
    bench: Bench, headers: dict[str, str]
) -> None:
    dex = await bench.serve(DEX)
    job_id, _ = await dex.running()
    assert (await dex.cancel(job_id, headers)).status == 401
    assert (await dex.scheduler.get(job_id)).state == "running"


@pytest.mark.parametrize(
    ("situation", "word"),
    [
        ("pending_canceled", "pending"),
        ("canceling", "running"),
        ("already_canceling", "running"),
        ("already_completed", "succeeded"),
        ("already_completed, in part", "partially_succeeded"),
        ("already_failed", "failed"),
        ("already_canceled", "cancelled"),
    ],
)
async def test_an_entity_has_the_vendors_status_word(bench: Bench, situation: str, word: str) -> None:
    dex = await bench.fresh(DEX)
    asked = await arrange(dex, situation)
    answer = await dex.get(asked.job_id)
    assert answer.status == 200
    assert is_entity(answer.body, asked.job_id, word), answer.body


async def test_an_entity_has_its_times_and_its_result(bench: Bench) -> None:
    dex = await bench.fresh(DEX)
    _, blocker = await dex.running()
    act = Act(result={"chunks": 7})
    job_id = await dex.submit(act)
    pending = (await dex.get(job_id)).body
    await dex.clock.advance(10)
    blocker.release.set()
    await act.arrived()
    await dex.clock.advance(20)
    assert await dex.final(job_id) == "succeeded"
    done = (await dex.get(job_id)).body

    assert (pending.get("started_at"), pending.get("completed_at")) == (None, None)
    assert without_nulls({**done, "progress": None, "history": None}) == {
        "id": job_id,
        "object": "job",
        "project_id": "proj_1",
        "operation": "parse",
        "status": "succeeded",
        "created_at": Timestamp(),
        "started_at": Timestamp(10),
        "completed_at": Timestamp(30),
        "result": {"chunks": 7},
    }


@pytest.mark.parametrize("variants", [(), ("empty_202",)])
async def test_a_pending_job_is_cancelled_at_once_while_what_it_reserved_is_given_back(
    bench: Bench, variants: tuple[str, ...]
) -> None:
    dex = await bench.fresh(DEX, *variants)
    undoing, undone = anyio.Event(), anyio.Event()

    async def give_back() -> None:
        undoing.set()
        await undone.wait()

    job_id = await dex.pending(compensations=[give_back])
    first = await dex.cancel(job_id)
    await undoing.wait()
    read, again = await dex.get(job_id), await dex.cancel(job_id)
    undone.set()
    assert await dex.final(job_id) == "canceled"
    settled = await dex.get(job_id)

    for answer in (first, read, again, settled):
        assert answer.status == 200
        assert is_entity(answer.body, job_id, "cancelled"), answer.body
        assert answer.body["completed_at"] == Timestamp()


@pytest.mark.parametrize(
    ("result", "shown"), [(None, None), ({"n": 1}, {"n": 1}), ([1], {"value": [1]}), ("x", {"value": "x"})]
)
async def test_a_result_is_an_object_whatever_the_handler_returned(bench: Bench, result: Any, shown: Any) -> None:
    dex = await bench.serve(DEX)
    assert (await dex.get(await dex.settled("succeeded", result))).body["result"] == shown


async def test_a_failed_entitys_error_is_a_string(bench: Bench) -> None:
    dex = await bench.serve(DEX)
    body = (await dex.get(await dex.settled("failed"))).body
    assert body["error"] == "no space left"


OPERATIONS = [
    *("parse", "batch_parse", "extract", "research", "vector_store"),
    *("chunk", "summarization", "create_index", "update_index"),
]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_entity_names_its_operation(bench: Bench, operation: str) -> None:
    dex = await bench.serve(DEX)
    job_id, _ = await dex.running(kind=operation)
    assert (await dex.get(job_id)).body["operation"] == operation
