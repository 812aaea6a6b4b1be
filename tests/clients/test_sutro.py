"""Sutro's own command line and SDK, unmodified, against `jobcancel serve --contract sutro --variant sdk`.

Two versions of them: the newer one adds /v1 to the address that it is given, the older one does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Client, installed, running
from .served import LONG_S, Served, serving

# By folder of install.py: what its SDK and its configuration call the address.
ADDRESS = {"sutro": "api_url", "sutro_older": "base_url"}
TOKEN = "sutro_one"


@pytest.fixture(scope="module", params=list(ADDRESS))
def version(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    installed(name, "sutro")
    return name


@pytest.fixture(scope="module")
def served(version: str) -> Iterator[Served]:
    with serving("sutro", "--variant", "sdk", "--token", TOKEN) as running_server:
        yield running_server


def configured(version: str, served: Served, home: Path, token: str = TOKEN, path: str = "") -> dict[str, str]:
    """Write the client's configuration; return what an SDK is made with."""
    options = {"api_key": token, ADDRESS[version]: served.address + path}
    folder = home / ".sutro"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(options), encoding="utf-8")
    return options


@pytest.fixture
def sutro(version: str, served: Served, tmp_path: Path) -> Client:
    configured(version, served, tmp_path)
    return running(installed(version, "sutro"), tmp_path, {})


def test_it_cancels_a_running_job_and_then_reads_it_as_cancelled(served: Served, sutro: Client) -> None:
    job_id = served.submit("batch_inference", {"running": LONG_S})
    before = sutro("jobs", "status", job_id)
    assert before.returncode == 0
    assert before.stdout.splitlines()[-1] == "RUNNING"
    done = sutro("jobs", "cancel", job_id)
    assert done.returncode == 0
    assert "Job cancelled successfully." in done.stdout
    served.until(f"/v1/job-status/{job_id}", "CANCELLED")
    assert sutro("jobs", "status", job_id).stdout.splitlines()[-1] == "CANCELLED"


def test_it_lists_the_jobs(served: Served, sutro: Client) -> None:
    done = served.submit("batch_inference")
    failed = served.submit("batch_inference", fails_in="running")
    open_ = served.submit("batch_inference", {"running": LONG_S})
    served.until(f"/v1/job-status/{done}", "SUCCEEDED")
    served.until(f"/v1/job-status/{failed}", "FAILED")
    served.until(f"/v1/job-status/{open_}", "RUNNING")
    listed = sutro("jobs", "list")
    assert listed.returncode == 0, listed.stderr
    for job_id, status in ((done, "SUCCEEDED"), (failed, "FAILED"), (open_, "RUNNING")):
        assert status in next(line for line in listed.stdout.splitlines() if job_id in line)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("status", "Bad status code: 404"),
        ("attach", "Job job-unknown not found"),
        ("cancel", ""),  # in the vendor's words a 200: the SDK returns its message, the command line prints none
    ],
)
def test_an_unknown_job_is_no_traceback(sutro: Client, command: str, says: str) -> None:
    done = sutro("jobs", command, "job-unknown")
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout


def test_the_address_may_end_with_a_slash(version: str, served: Served, tmp_path: Path) -> None:
    job_id = served.submit("batch_inference")
    served.until(f"/v1/job-status/{job_id}", "SUCCEEDED")
    configured(version, served, tmp_path, path="/")
    done = running(installed(version, "sutro"), tmp_path, {})("jobs", "status", job_id)
    assert done.stdout.splitlines()[-1] == "SUCCEEDED"


def test_a_wrong_key_is_an_error_with_a_message(version: str, served: Served, tmp_path: Path) -> None:
    configured(version, served, tmp_path, token="sutro_wrong")
    done = running(installed(version, "sutro"), tmp_path, {})("jobs", "list")
    assert "Bad status code: 401" in done.stdout


ASKS = """
import json, sys
from sutro.sdk import Sutro

options, jobs = map(json.loads, sys.argv[1:])
sdk = Sutro(**options)
answers = {}
for state, job_id in jobs.items():
    job = sdk._fetch_job(job_id)
    answers[state] = {"status": sdk.get_job_status(job_id), "fetched": job and (job["job_id"], job["status"])}
listed = sdk.list_jobs()
for state, job_id in jobs.items():
    answers[state]["listed"] = [job["status"] for job in listed if job["job_id"] == job_id]
    answers[state]["cancel"] = sdk.cancel_job(job_id)
for state in ("canceled", "unknown"):
    answers[state]["awaited"] = sdk.await_job_completion(jobs[state], obtain_results=False)
    answers[state]["failure"] = sdk._get_failure_reason(jobs[state])
print()
print(json.dumps(answers))
"""

CANCELLED = (True, "Job {id} has been successfully cancelled")
COMPLETED = (False, "Job {id} could not be cancelled because it has already completed")
FAILED = (False, "Job {id} could not be cancelled because it has already failed")
AGAIN = (False, "Job {id} could not be cancelled because it has already been cancelled")
NOT_FOUND = (False, "Job {id} not found")

# By state: the status that the SDK reads, and what its cancel returns.
EXPECTED: dict[str, tuple[str | None, tuple[bool, str]]] = {
    "pending": ("QUEUED", CANCELLED),
    "running": ("RUNNING", CANCELLED),
    "in a stage that defers": ("RUNNING", CANCELLED),
    "done": ("SUCCEEDED", COMPLETED),
    "failed": ("FAILED", FAILED),
    "canceled": ("CANCELLED", AGAIN),
    "another owner's": (None, NOT_FOUND),
    "unknown": (None, NOT_FOUND),
    "malformed": (None, NOT_FOUND),
}


@pytest.fixture
def jobs(version: str) -> Iterator[tuple[Served, dict[str, str]]]:
    """A server of its own, and a job in every state."""
    with serving("sutro", "--variant", "sdk", "--token", TOKEN, "--max-running", "2") as served:
        kind, long = "batch_inference", {"running": LONG_S}
        found = {"done": served.submit(kind), "failed": served.submit(kind, fails_in="starting")}
        found["another owner's"] = served.submit(kind, owner="somebody else")
        found["canceled"] = served.submit(kind, long)
        served.until(f"/v1/job-status/{found['canceled']}", "RUNNING")
        served.cancel(found["canceled"])
        for state, status in (("done", "SUCCEEDED"), ("failed", "FAILED"), ("canceled", "CANCELLED")):
            served.until(f"/v1/job-status/{found[state]}", status)
        found["in a stage that defers"] = served.submit(kind, {"writing_results": LONG_S})
        found["running"] = served.submit(kind, long)
        served.until(f"/v1/jobs/{found['in a stage that defers']}", '"writing_results"')
        served.until(f"/v1/jobs/{found['running']}", '"stage":"running"')
        found["pending"] = served.submit(kind, long)
        yield served, found | {"unknown": "job-unknown", "malformed": "job+unknown"}


def test_the_sdk_reads_lists_and_cancels_jobs_in_every_state(
    version: str, jobs: tuple[Served, dict[str, str]], tmp_path: Path
) -> None:
    served, by_state = jobs
    python = running(installed(version, "python"), tmp_path, {})
    options = configured(version, served, tmp_path)

    done = python("-c", ASKS, json.dumps(options), json.dumps(by_state))

    assert done.returncode == 0, done.stderr
    answers: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    for state, (status, (cancelled, message)) in EXPECTED.items():
        job_id = by_state[state]
        assert {**answers[state], "state": state} == {
            "state": state,
            "status": status,
            "fetched": [job_id, status] if status else None,
            "listed": [status] if status else [],
            "cancel": {"cancelled": cancelled, "message": message.replace("{id}", job_id)},
            **({"awaited": None, "failure": None} if state in {"canceled", "unknown"} else {}),
        }
    deferred = by_state["in a stage that defers"]
    assert served.client.get(f"/v1/job-status/{deferred}").json() == {"job_status": {deferred: "CANCELLING"}}
    for state in ("running", "pending"):
        served.until(f"/v1/job-status/{by_state[state]}", "CANCELLED")
