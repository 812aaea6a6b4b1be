"""A FastAPI service with a journal is killed and started again: its clients' jobs and verdicts are what they were."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobcancel.stores.sqlite_reading import reading
from tests.hosts.server import PATIENCE_S, Gate, serving, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: named pipes and SIGKILL are POSIX")

APP = "tests.hosts.durable_app:app"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.close()


@pytest.fixture
def environment(tmp_path: Path, gate: Gate) -> dict[str, str]:
    return {"JOBS_DB": str(tmp_path / "jobs.db"), "JOBS_GATE": str(gate.path)}


def entries_of(path: str) -> list[dict[str, Any]]:
    """Return the entries of a journal."""
    with reading(path) as file:
        return [entry.body or {} for entry in file.entries()]


def test_a_killed_services_job_resumes_after_its_finished_stage(
    tmp_path: Path, gate: Gate, environment: dict[str, str]
) -> None:
    with serving(tmp_path, "asyncio", app=APP, **environment) as server:
        submitted = server.client.post("/jobs", json={"name": "intro", "key": "once"}).json()
        server.reached(submitted["id"], "rendering")
        until(
            lambda: any(body.get("results") for body in entries_of(environment["JOBS_DB"])), "the result in the journal"
        )
        server.kill()

    with serving(tmp_path, "asyncio", app=APP, **environment) as server:
        again = server.client.post("/jobs", json={"name": "intro", "key": "once"}).json()
        until(lambda: "intro: rendering in attempt 2" in server.marked(), "the second attempt")
        gate.open()
        job = server.settled(submitted["id"])

    assert again == {"id": submitted["id"], "created": False}
    assert (job["state"], job["attempt"], job["result"]) == ("succeeded", 2, "rendered source of intro")
    assert server.marked() == [
        "intro: fetched in attempt 1",
        "intro: rendering in attempt 1",
        "intro: rendering in attempt 2",
        "intro: publishing in attempt 2",
    ]


def test_an_answered_cancel_survives_a_kill(tmp_path: Path, gate: Gate, environment: dict[str, str]) -> None:
    with serving(tmp_path, "asyncio", app=APP, **environment) as server:
        job_id = server.client.post("/jobs", json={"name": "intro"}).json()["id"]
        server.reached(job_id, "rendering")
        answer = server.client.post(f"/jobs/{job_id}/cancel")
        server.kill()
    assert (answer.status_code, answer.json()) == (202, {"outcome": "deferred"})

    with serving(tmp_path, "asyncio", app=APP, **environment) as server:
        job = server.settled(job_id)
        last = server.client.post(f"/jobs/{job_id}/cancel")

    assert (job["state"], job["attempt"], job["cancel"]["by"]) == ("canceled", 1, "client")
    assert job["cancel"]["compensated"] is True
    assert (last.status_code, last.json()) == (409, {"outcome": "already_terminal"})
    assert server.marked() == [
        "intro: fetched in attempt 1",
        "intro: rendering in attempt 1",
        "intro: unfetched, :unfetch:1",
    ]


def test_sigterm_is_no_cancel_and_the_next_process_resumes_the_job(
    tmp_path: Path, gate: Gate, environment: dict[str, str]
) -> None:
    with serving(tmp_path, "asyncio", app=APP, **environment) as server:
        first = server.client.post("/jobs", json={"name": "first"}).json()["id"]
        server.reached(first, "rendering")
        server.terminate()
        server.logged("Waiting for application shutdown.")
        gate.open()  # a stage that defers is waited for, and then nothing new begins
        assert server.exit_code() == -signal.SIGTERM

    with serving(tmp_path, "asyncio", app=APP, **environment) as server:
        assert server.client.get(f"/jobs/{first}").json()["cancel"] is None
        until(lambda: "first: rendering in attempt 2" in server.marked(), "the second attempt")
        gate.open()
        job = server.client.get(f"/jobs/{first}/wait", params={"timeout_s": PATIENCE_S}).json()

    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert server.marked() == [
        "first: fetched in attempt 1",
        "first: rendering in attempt 1",
        "first: rendering in attempt 2",
        "first: publishing in attempt 2",
    ]
