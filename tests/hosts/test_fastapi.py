"""A FastAPI service with a scheduler in its lifespan, served by uvicorn and driven over its socket."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import MISSING
from tests.hosts.server import Gate, Server, serving, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: named pipes and SIGTERM are POSIX")

LOOPS = ["asyncio", pytest.param("uvloop", marks=pytest.mark.skipif("uvloop" in MISSING, reason="NOT RUN: no uvloop"))]
# uvicorn handles SIGTERM, and when everything has ended lets it do what it does by default.
ENDED_BY_SIGTERM = -signal.SIGTERM


@pytest.fixture(scope="module", params=LOOPS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), request.param) as server:
        yield server


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.close()


@pytest.fixture
def server(running: Server, gate: Gate) -> Iterator[Server]:
    """The server without jobs of an earlier test, which may have failed."""
    yield running
    gate.open()
    for job_id in running.client.post("/jobs/cancel", params={"force": True}).json():
        running.settled(job_id)


def test_a_cancel_in_an_interruptible_stage_is_accepted_and_undone(server: Server) -> None:
    job_id = server.submit("interrupted", hold="cloning")
    server.reached(job_id, "cloning")

    answer = server.client.post(f"/jobs/{job_id}/cancel")
    job = server.settled(job_id)

    assert (answer.status_code, answer.json()) == (
        202,
        {"outcome": "canceling", "state": "canceling", "stage": "cloning"},
    )
    assert (job["state"], job["result"], job["failure"]) == ("canceled", None, None)
    assert (job["cancel"]["by"], job["cancel"]["reason"]) == ("client", "asked over HTTP")
    assert job["cancel"]["compensated"] is True
    assert [line for line in server.marked() if line.startswith("interrupted:")] == [
        "interrupted: cloning began",
        "interrupted: clone removed",
    ]


def test_a_cancel_in_a_refusing_stage_is_a_conflict(server: Server, gate: Gate) -> None:
    job_id = server.submit("refusing", hold="opening_pr", gate=str(gate.path))
    server.reached(job_id, "opening_pr")

    answer = server.client.post(f"/jobs/{job_id}/cancel")
    gate.open()
    job = server.settled(job_id)

    assert (answer.status_code, answer.json()) == (
        409,
        {"outcome": "refused", "state": "running", "stage": "opening_pr"},
    )
    assert (job["state"], job["result"], job["cancel"]) == ("succeeded", "refusing", None)


def test_a_second_cancel_of_a_held_job_is_already_canceling(server: Server, gate: Gate) -> None:
    job_id = server.submit("held", hold="recording", gate=str(gate.path))
    server.reached(job_id, "recording")

    outcomes = [server.client.post(f"/jobs/{job_id}/cancel").json()["outcome"] for _ in range(2)]
    gate.open()
    job = server.settled(job_id)
    last = server.client.post(f"/jobs/{job_id}/cancel")

    assert outcomes == ["deferred", "already_canceling"]
    assert job["state"] == "canceled"
    assert (last.status_code, last.json()["outcome"], last.json()["state"]) == (409, "already_terminal", "canceled")
    marked = [line for line in server.marked() if line.startswith("held:")]
    assert marked[-2:] == ["held: recording completed", "held: clone removed"]


def test_an_unknown_job_is_not_found(server: Server) -> None:
    answers = [
        server.client.post("/jobs/job_nobody/cancel"),
        server.client.get("/jobs/job_nobody"),
        server.client.get("/jobs/job_nobody/wait", params={"timeout_s": 1}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert "job_nobody" in answers[0].json()["detail"]


def test_a_queued_job_is_canceled_at_once_and_never_runs(server: Server) -> None:
    first = server.submit("first", hold="cloning")
    queued = server.submit("queued")
    server.reached(first, "cloning")

    assert [job["id"] for job in server.client.get("/jobs", params={"state": "pending"}).json()] == [queued]
    answer = server.client.post(f"/jobs/{queued}/cancel")

    assert (answer.status_code, answer.json()) == (202, {"outcome": "canceled", "state": "canceled", "stage": None})
    assert server.client.get(f"/jobs/{queued}").json()["started_at"] is None
    assert [line for line in server.marked() if line.startswith("queued:")] == []


def test_a_wait_that_times_out_answers_with_the_unsettled_job(server: Server) -> None:
    job_id = server.submit("waited_for", hold="cloning")
    job = server.client.get(f"/jobs/{job_id}/wait", params={"timeout_s": 0.01}).json()
    assert (job["state"], job["settled"]) == ("running", False)


@pytest.mark.parametrize("loop", LOOPS)
def test_sigterm_lets_a_refusing_stage_finish_before_the_exit(loop: str, tmp_path: Path, gate: Gate) -> None:
    with serving(tmp_path, loop) as server:
        opening = server.submit("opening", hold="opening_pr", gate=str(gate.path))
        server.submit("queued", refund=True)
        server.reached(opening, "opening_pr")
        server.terminate()
        until(lambda: "queued: refunded" in server.marked(), "the shutdown of the scheduler")
        gate.open()
        code = server.exit_code()

    assert code == ENDED_BY_SIGTERM
    assert server.marked() == [
        "opening: cloning began",
        "opening: cloning completed",
        "opening: opening_pr began",
        "queued: refunded",
        "opening: opening_pr completed",  # the shutdown waited for it, and no later stage began
        "opening: clone removed",
        "queued: ended canceled, cause shutdown",
        "opening: ended canceled, cause shutdown",
    ]
    assert "Application shutdown complete." in "".join(server.log)
    assert "Traceback" not in "".join(server.log)


def test_an_open_wait_delays_the_end_of_the_scheduler(tmp_path: Path, gate: Gate) -> None:
    """The limit that the README names: the lifespan ends after the last request, so a wait wants a timeout."""
    with serving(tmp_path, "asyncio") as server, ThreadPoolExecutor(1) as pool:
        opening = server.submit("opening", hold="opening_pr", gate=str(gate.path))
        server.reached(opening, "opening_pr")
        waiting = pool.submit(server.settled, opening)
        until(lambda: f"a client waits for {opening}" in server.marked(), "the request")
        server.terminate()
        server.logged("Waiting for connections to close.")
        assert "Waiting for application shutdown." not in "".join(server.log)
        gate.open()
        job = waiting.result()
        code = server.exit_code()

    assert (job["state"], job["cancel"]) == ("succeeded", None)
    assert code == ENDED_BY_SIGTERM
