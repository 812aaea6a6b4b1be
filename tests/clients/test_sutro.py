"""Sutro's own command-line client and SDK, unmodified, against `jobcancel serve --contract sutro --variant sdk`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Client, installed, running
from .served import LONG_S, Served, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    installed("sutro", "sutro")
    with serving("sutro", "--variant", "sdk", "--token", "sutro_one") as running_server:
        yield running_server


def variables(served: Served) -> dict[str, str]:
    return {"SUTRO_API_URL": served.address, "SUTRO_API_KEY": served.token}


@pytest.fixture
def sutro(served: Served, tmp_path: Path) -> Client:
    return running(installed("sutro", "sutro"), tmp_path, variables(served))


@pytest.fixture
def python(served: Served, tmp_path: Path) -> Client:
    return running(installed("sutro", "python"), tmp_path, variables(served))


def test_it_cancels_a_running_job_and_then_reads_it_as_cancelled(served: Served, sutro: Client) -> None:
    job_id = served.submit("batch_inference", {"running": LONG_S})
    before = sutro("jobs", "status", job_id)
    assert before.returncode == 0
    assert before.stdout.splitlines()[-1] in {"STARTING", "RUNNING"}
    done = sutro("jobs", "cancel", job_id)
    assert done.returncode == 0
    assert "Job cancelled successfully." in done.stdout
    served.until(f"/v1/job-status/{job_id}", "CANCELLED")
    assert sutro("jobs", "status", job_id).stdout.splitlines()[-1] == "CANCELLED"


def test_it_lists_the_jobs(served: Served, sutro: Client) -> None:
    job_id = served.submit("batch_inference")
    served.until(f"/v1/job-status/{job_id}", "SUCCEEDED")
    listed = sutro("jobs", "list")
    assert listed.returncode == 0, listed.stderr
    assert "SUCCEEDED" in next(line for line in listed.stdout.splitlines() if job_id in line)


def test_a_wrong_key_is_an_error_with_a_message(served: Served, tmp_path: Path) -> None:
    wrong = {**variables(served), "SUTRO_API_KEY": "sutro_wrong"}
    done = running(installed("sutro", "sutro"), tmp_path, wrong)("jobs", "list")
    assert "Bad status code: 401" in done.stdout


ASKS = """
import json, sys
from sutro.sdk import Sutro

sdk = Sutro()
first, second, unknown = sys.argv[1:]
answers = {
    "status": sdk.get_job_status(first),
    "listed": sorted(job["job_id"] for job in sdk.list_jobs()),
    "cancel": sdk.cancel_job(first),
    "awaited": sdk.await_job_completion(first, obtain_results=False),
    "again": sdk.cancel_job(first),
    "completed": sdk.cancel_job(second),
    "failure": sdk._get_failure_reason(second),
    "unknown": sdk.cancel_job(unknown),
}
print(json.dumps(answers))
"""


def test_the_sdk_cancels_waits_lists_and_is_told_why_not(served: Served, python: Client, tmp_path: Path) -> None:
    first = served.submit("batch_inference", {"running": LONG_S})
    second = served.submit("batch_inference")
    served.until(f"/v1/job-status/{second}", "SUCCEEDED")
    served.until(f"/v1/job-status/{first}", "RUNNING")
    done = python("-c", ASKS, first, second, "job-unknown")
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    assert answers["status"] == "RUNNING"
    assert {first, second} <= set(answers["listed"])
    assert answers["cancel"] == {"cancelled": True, "message": f"Job {first} has been successfully cancelled"}
    assert answers["awaited"] is None
    assert answers["again"]["cancelled"] is False
    assert answers["completed"] == {
        "cancelled": False,
        "message": f"Job {second} could not be cancelled because it has already completed",
    }
    assert answers["failure"] is None
    assert answers["unknown"] == {"cancelled": False, "message": "Job job-unknown not found"}
