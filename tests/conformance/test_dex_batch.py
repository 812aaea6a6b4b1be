"""Scale Dex: how far a batch is, child by child, and what happened to a job."""

from __future__ import annotations

from typing import Any

from jobcancel import JobContext
from tests.conformance.acts import Act
from tests.conformance.bench import Bench
from tests.conformance.matchers import Timestamp, without_nulls
from tests.conformance.served import Served
from tests.conformance.vendors import DEX


class Batch(Act):
    """A job with one child a given act."""

    def __init__(self, served: Served, children: list[Act]) -> None:
        super().__init__()
        self._parse, self._children = served.scheduler.registry["parse"], children

    async def play(self, job: JobContext) -> Any:
        await job.batch([self._parse(child) for child in self._children])
        return "done"


class Noting(Act):
    """A job that notes its findings in its history."""

    async def work(self, job: JobContext) -> None:
        job.note("counted", pages=12)


def counts(body: Any) -> dict[str, int]:
    return {name: value for name, value in body["progress"].items() if name != "child_jobs"}


async def test_a_batch_counts_its_children_and_names_them(bench: Bench) -> None:
    dex = await bench.fresh(DEX)
    children = [Act(result={"parse_result_id": "pr_1"}), Act(error=ValueError("unreadable")), Act()]
    job_id = await dex.submit(Batch(dex, children), kind="batch_parse")
    for child in children:
        await child.arrived()
    running = (await dex.get(job_id)).body

    assert running["operation"] == "batch_parse"
    assert counts(running) == {"total": 3, "succeeded": 0, "failed": 0, "cancelled": 0, "pending": 3}
    ids = [child["job_id"] for child in running["progress"]["child_jobs"]]
    assert [child["status"] for child in running["progress"]["child_jobs"]] == ["running"] * 3
    assert len(set(ids)) == 3

    assert (await dex.cancel(ids[2])).status == 202
    for child in children[:2]:
        child.release.set()
    assert await dex.final(job_id) == "succeeded"
    done = (await dex.get(job_id)).body

    assert counts(done) == {"total": 3, "succeeded": 1, "failed": 1, "cancelled": 1, "pending": 0}
    shown = done["progress"]["child_jobs"]
    allowed = {"source_document_id", "job_id", "status", "parse_result_id", "error"}
    assert all({"source_document_id", "job_id", "status"} <= set(child) <= allowed for child in shown)
    assert all(isinstance(child["source_document_id"], str) for child in shown)
    named = [{name: child.get(name) for name in ("job_id", "status", "parse_result_id", "error")} for child in shown]
    assert [without_nulls(child) for child in named] == [
        {"job_id": ids[0], "status": "succeeded", "parse_result_id": "pr_1"},
        {"job_id": ids[1], "status": "failed", "error": "unreadable"},
        {"job_id": ids[2], "status": "cancelled"},
    ]


async def test_a_canceled_batch_leaves_no_child_pending(bench: Bench) -> None:
    dex = await bench.fresh(DEX)
    children = [Act(), Act()]
    job_id = await dex.submit(Batch(dex, children), kind="batch_parse")
    for child in children:
        await child.arrived()

    answer = await dex.cancel(job_id)
    assert await dex.final(job_id) == "canceled"
    again = await dex.cancel(job_id)

    assert (answer.status, answer.body["status"]) == (202, "running")
    assert (again.status, again.body["status"]) == (200, "cancelled")
    assert counts(again.body) == {"total": 2, "succeeded": 0, "failed": 0, "cancelled": 2, "pending": 0}


async def test_a_job_that_is_no_batch_has_no_progress(bench: Bench) -> None:
    dex = await bench.serve(DEX)
    assert (await dex.get(await dex.settled("succeeded"))).body.get("progress") is None


def entry(step: str, at_s: float, status: str, **more: Any) -> dict[str, Any]:
    return {"step": step, "timestamp": Timestamp(at_s), "duration_ms": None, "status": status, "details": None, **more}


async def test_the_history_is_in_the_order_of_time_with_notes(bench: Bench) -> None:
    dex = await bench.fresh(DEX)
    job_id, act = await dex.running(Noting(stage="working"))
    open_stage = (await dex.get(job_id)).body["history"]
    await dex.clock.advance(3)
    act.release.set()
    await dex.scheduler.wait(job_id)

    history = (await dex.get(job_id)).body["history"]

    noted = entry("counted", 0, "noted", details={"pages": 12})
    assert open_stage == [entry("started", 0, "running"), entry("working", 0, "running"), noted]
    assert history == [
        entry("started", 0, "running"),
        entry("working", 0, "done", duration_ms=3000),
        noted,
        entry("succeeded", 3, "succeeded"),
    ]
    assert type(history[1]["duration_ms"]) is int


async def test_the_history_of_a_cancel_is_in_the_vendors_spelling(bench: Bench) -> None:
    dex = await bench.fresh(DEX)
    job_id, _ = await dex.running(Act(stage="working"))
    await dex.clock.advance(0.0016)
    await dex.cancel(job_id)
    await dex.scheduler.wait(job_id)

    answer = await dex.get(job_id)

    assert answer.body["history"] == [
        entry("started", 0, "running"),
        entry("working", 0, "cancelled", duration_ms=2),
        entry("cancel_accepted", 0.0016, "running"),
        entry("delivered", 0.0016, "noted"),
        entry("unwound", 0.0016, "cancelled"),
    ]
    assert b"cancel" in answer.content
    assert b"canceled" not in answer.content
    assert b"canceling" not in answer.content


async def test_a_child_belongs_to_its_parents_project(bench: Bench) -> None:
    dex = await bench.fresh(DEX)
    child = Act()
    job_id = await dex.submit(Batch(dex, [child]), kind="batch_parse")
    await child.arrived()
    (shown,) = (await dex.get(job_id)).body["progress"]["child_jobs"]

    own = await dex.get(shown["job_id"])
    elsewhere = await dex.send("GET", f"/v1/projects/proj_2/jobs/{shown['job_id']}")
    canceled = await dex.cancel(shown["job_id"])

    assert (own.status, own.body["project_id"]) == (200, "proj_1")
    assert elsewhere.status == 404
    assert (canceled.status, canceled.body["project_id"]) == (202, "proj_1")


async def test_a_failure_in_the_history_shows_nothing_of_the_code(bench: Bench) -> None:
    dex = await bench.serve(DEX)
    answer = await dex.get(await dex.settled("failed"))
    assert answer.body["history"]
    assert b"Traceback" not in answer.content
    assert b".py" not in answer.content
