"""A cancel over HTTP, decided by a real scheduler. What each vendor answers in full is in ``tests/conformance``."""

from __future__ import annotations

from typing import Any

import anyio
import attrs
import pytest

from jobcancel import JobState, Outcome, Verdict
from jobcancel.errors import JobNotFoundError

from .bench import EVE, over, serving, vendor
from .fakes import UUID, FakeService, a_job, service


async def test_a_running_job_is_canceled_and_the_answer_says_accepted() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running()
        answer = await bench.client.post(f"/v1/jobs/{job_id}/cancel")

        assert answer.status_code == 202
        assert answer.json() == {"jobId": job_id, "accepted": True}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-request-id"].startswith("req_")
        job = await bench.scheduler.wait(job_id)
        assert job.state is JobState.CANCELED
        assert job.cancel is not None
        assert job.cancel.by == "ann"


async def test_a_refusing_stage_answers_409_if_the_vendor_has_a_reply_for_it() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running("pushing")
        answer = await bench.client.post(f"/v1/jobs/{job_id}/cancel")

        assert answer.status_code == 409
        assert answer.json() == {
            "error": {
                "code": "CONFLICT",
                "message": "Job cannot be canceled during this stage.",
                "requestId": answer.headers["x-request-id"],
                "details": {"subcode": "JOB_CANCEL_UNAVAILABLE", "jobId": job_id, "stage": "pushing"},
            }
        }
        bench.release.set()
        assert (await bench.scheduler.wait(job_id)).state is JobState.SUCCEEDED


async def test_a_refusing_stage_defers_if_the_vendor_has_no_reply_for_a_refusal() -> None:
    async with serving("tensorpool") as bench:
        job_id = await bench.running("pushing")
        answer = await bench.client.post(f"/job/cancel/{job_id}")

        assert (answer.status_code, answer.json()["status"]) == (202, "canceling")
        assert (await bench.scheduler.get(job_id)).stage == "pushing"
        bench.release.set()
        assert (await bench.scheduler.wait(job_id)).state is JobState.CANCELED


@pytest.mark.parametrize(
    ("kind", "status", "reason"), [("work", 200, "ALREADY_COMPLETED"), ("break", 200, "ALREADY_FAILED")]
)
async def test_a_settled_job_is_answered_by_its_final_state(kind: str, status: int, reason: str) -> None:
    async with serving("layers") as bench:
        job_id = await bench.ended(kind)
        answer = await bench.client.post(f"/v1/jobs/{job_id}/cancel")

        assert (answer.status_code, answer.json()) == (status, {"jobId": job_id, "accepted": False, "reason": reason})


async def test_a_second_cancel_changes_nothing() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running("saving")
        first = await bench.client.post(f"/v1/jobs/{job_id}/cancel")
        second = await bench.client.post(f"/v1/jobs/{job_id}/cancel")
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.content == second.content

        bench.release.set()
        await bench.scheduler.wait(job_id)
        third = await bench.client.post(f"/v1/jobs/{job_id}/cancel")
        assert third.json() == {"jobId": job_id, "accepted": False, "reason": "ALREADY_CANCELED"}


async def test_the_reply_shows_the_job_if_the_vendors_does() -> None:
    async with serving("dex", max_running=1) as bench:
        await bench.running(project_id="p")
        job_id = await bench.job(project_id="p")
        answer = await bench.client.post(f"/v1/projects/p/jobs/{job_id}/cancel")

        assert answer.status_code == 200
        body = answer.json()
        assert (body["id"], body["object"], body["project_id"], body["status"]) == (job_id, "job", "p", "cancelled")


async def test_a_response_without_a_body_is_documented_without_content() -> None:
    async with serving("dex", "empty_202") as bench:
        job_id = await bench.running(project_id="p")
        answer = await bench.client.post(f"/v1/projects/p/jobs/{job_id}/cancel")

    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (202, b"", "0")
    assert "content-type" not in answer.headers


async def test_a_canceled_pending_job_is_shown_as_canceling_if_the_vendor_does_so() -> None:
    literal = vendor("tensorpool")
    row = literal.outcomes[next(case for case in literal.outcomes if case == "pending_canceled")]
    shown = attrs.evolve(row, body={"status": "$job.status", "at": "$job.settled_at"})
    contract = attrs.evolve(literal, outcomes={**literal.outcomes, "pending_canceled": shown})
    async with serving(contract, max_running=1) as bench:
        await bench.running()
        job_id = await bench.job()
        answer = await bench.client.post(f"/job/cancel/{job_id}")

        assert (answer.status_code, answer.json()) == (202, {"status": "canceling", "at": None})
        assert (await bench.client.get(f"/job/info/{job_id}")).json()["status"] == "canceled"


async def test_the_reply_waits_for_the_job_to_stop_if_the_contract_says_so() -> None:
    async with serving("dafty") as bench:
        job_id = await bench.running("saving")
        answers: list[Any] = []

        async def cancel() -> None:
            answers.append(await bench.client.post(f"/api/v1/jobs/{job_id}/cancel"))

        async with anyio.create_task_group() as tasks, bench.scheduler.watch(job_id) as snapshots:
            tasks.start_soon(cancel)
            async for snapshot in snapshots:
                if snapshot.state is JobState.CANCELING:
                    assert answers == []
                    bench.release.set()

        (answer,) = answers
        assert answer.status_code == 200
        assert answer.json()["data"]["status"] == "failed"
        assert answer.json()["data"]["error"]["code"] == "GENERATION_FAILED"


@pytest.mark.parametrize(
    ("outcome", "state", "asked"),
    [
        (Outcome.CANCELED, JobState.CANCELED, ["get", "cancel", "get"]),
        (Outcome.CANCELING, JobState.CANCELING, ["get", "cancel", "wait 2.5"]),
        (Outcome.DEFERRED, JobState.CANCELING, ["get", "cancel", "wait 2.5"]),
        (Outcome.ALREADY_CANCELING, JobState.CANCELING, ["get", "cancel", "wait 2.5"]),
        (Outcome.REFUSED, JobState.RUNNING, ["get", "cancel", "get"]),
        (Outcome.ALREADY_TERMINAL, JobState.SUCCEEDED, ["get", "cancel", "get"]),
    ],
)
async def test_only_an_unsettled_cancel_is_waited_for_within_the_contracts_limit(
    outcome: Outcome, state: JobState, asked: list[str]
) -> None:
    contract = vendor("dafty")
    contract = attrs.evolve(contract, policies=attrs.evolve(contract.policies, settle_s=2.5))
    fake = FakeService(a_job(UUID, state))
    fake.verdict = Verdict(UUID, outcome, state)
    async with over(service(fake), contract) as client:
        answer = await client.post(f"/api/v1/jobs/{UUID}/cancel")

    assert answer.json()["data"]["id"] == UUID
    assert fake.asked == asked


async def test_a_job_retired_before_the_reply_is_shown_with_the_verdicts_state() -> None:
    contract = vendor("dafty")
    fake = FakeService(a_job(UUID, JobState.PENDING))
    fake.verdict = Verdict(UUID, Outcome.CANCELED, JobState.CANCELED)
    fake.retires = True
    async with over(service(fake), contract) as client:
        answer = await client.post(f"/api/v1/jobs/{UUID}/cancel")

    shown = answer.json()["data"]
    assert (answer.status_code, shown["id"], shown["status"]) == (200, UUID, "failed")
    assert fake.asked == ["get", "cancel", "get"]


@pytest.mark.parametrize("variants", [(), ("empty_202",)])
@pytest.mark.parametrize("again", [False, True])
async def test_a_pending_job_with_compensations_is_canceled_at_once_if_the_vendor_says_so(
    variants: tuple[str, ...], again: bool
) -> None:
    undoing, undone = anyio.Event(), anyio.Event()

    async def refund() -> None:
        undoing.set()
        await undone.wait()

    async with serving("dex", *variants, max_running=1) as bench:
        await bench.running(project_id="p")
        handle = await bench.scheduler.submit(
            "work", "open", owner="ann", labels={"project_id": "p"}, compensations=[refund]
        )
        path = f"/v1/projects/p/jobs/{handle.id}"
        answers = [await bench.client.post(f"{path}/cancel")]
        await undoing.wait()
        if again:
            answers.append(await bench.client.post(f"{path}/cancel"))
        read = (await bench.client.get(path)).json()
        assert (await bench.scheduler.get(handle.id)).state is JobState.CANCELING
        undone.set()
        await handle.wait()
        settled = (await bench.client.get(path)).json()

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "cancelled")] * len(answers)
    assert (read["status"], read["started_at"]) == ("cancelled", None)
    assert [(entry["step"], entry["status"]) for entry in settled["history"]] == [
        ("cancel_accepted", "cancelled"),
        ("refund", "compensated"),
        ("unwound", "cancelled"),
    ]
    assert read["completed_at"] == settled["completed_at"] == settled["history"][0]["timestamp"]


async def test_a_running_job_with_compensations_is_accepted_and_not_yet_canceled() -> None:
    async with serving("dex") as bench:
        job_id = await bench.running("saving", project_id="p")
        answer = await bench.client.post(f"/v1/projects/p/jobs/{job_id}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (202, "running")


async def test_a_job_is_looked_up_only_for_a_reply_that_shows_it() -> None:
    job_id = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    fake = FakeService(a_job(job_id))
    contract = vendor("layers")
    async with over(service(fake), contract) as client:
        assert (await client.post(f"/v1/jobs/{job_id}/cancel")).status_code == 202

    assert fake.asked == ["cancel"]


async def test_a_cancel_without_the_scope_looks_nothing_up() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running(owner="eve")
        for path in (job_id, "no-such-form"):
            answer = await bench.client.post(f"/v1/jobs/{path}/cancel", headers=bench.as_(EVE))
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "FORBIDDEN_SCOPE"
        assert (await bench.client.get(f"/v1/jobs/{job_id}", headers=bench.as_(EVE))).status_code == 200
        assert (await bench.scheduler.get(job_id)).cancel is None


async def test_an_unknown_job_is_not_found_in_the_vendors_words() -> None:
    async with serving("layers") as bench:
        answer = await bench.client.post("/v1/jobs/job_01ARZ3NDEKTSV4RRFFQ69G5FAV/cancel")
        with pytest.raises(JobNotFoundError):
            await bench.scheduler.get("job_01ARZ3NDEKTSV4RRFFQ69G5FAV")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
