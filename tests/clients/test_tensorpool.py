"""TensorPool's own command-line client, unmodified, against `jobcancel serve --contract tensorpool`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Client, installed, running
from .served import LONG_S, Served, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    installed("tensorpool", "tp")
    with serving("tensorpool", "--token", "tp_one") as running_server:
        yield running_server


@pytest.fixture
def tp(served: Served, tmp_path: Path) -> Client:
    variables = {"TENSORPOOL_ENGINE": served.address, "TENSORPOOL_KEY": served.token}
    return running(installed("tensorpool", "tp"), tmp_path, variables)


def told(stdout: str) -> list[str]:
    """What it printed, without what it says it is doing."""
    return [line for line in stdout.splitlines() if not line.startswith("* ")]


def test_it_cancels_a_running_job_and_then_reads_it_as_canceled(served: Served, tp: Client) -> None:
    job_id = served.submit("training", {"training": LONG_S})
    done = tp("job", "cancel", job_id, "--no-input")
    assert (done.returncode, done.stderr) == (0, "")
    assert job_id in told(done.stdout)[-1]
    served.until(f"/job/info/{job_id}", '"status":"canceled"')
    read = tp("job", "info", job_id)
    assert read.returncode == 0
    assert "canceled" in told(read.stdout)[-1]


def test_it_waits_until_the_job_is_canceled(served: Served, tp: Client) -> None:
    job_id = served.submit("training", {"provisioning": LONG_S})
    done = tp("job", "cancel", job_id, "--no-input", "--wait")
    assert done.returncode == 0
    assert "canceled" in told(done.stdout)[-1]


def test_a_cancel_while_outputs_are_saved_is_accepted_and_comes_after_them(served: Served, tp: Client) -> None:
    job_id = served.submit("training", {"saving_outputs": 3})
    served.until(f"/job/info/{job_id}", "saving_outputs")
    done = tp("job", "cancel", job_id, "--no-input", "--wait")
    assert done.returncode == 0
    assert "canceled" in told(done.stdout)[-1]
    history = served.client.get(f"/job/info/{job_id}").json()
    assert history["job_info"]["status"] == "canceled"


def test_a_second_cancel_of_a_canceled_job_is_no_error(served: Served, tp: Client) -> None:
    job_id = served.submit("training", {"provisioning": LONG_S})
    assert tp("job", "cancel", job_id, "--no-input", "--wait").returncode == 0
    again = tp("job", "cancel", job_id, "--no-input")
    assert (again.returncode, again.stderr) == (0, "")


def test_a_completed_job_can_no_longer_be_canceled(served: Served, tp: Client) -> None:
    job_id = served.submit("training")
    served.until(f"/job/info/{job_id}", '"status":"completed"')
    done = tp("job", "cancel", job_id, "--no-input")
    assert done.returncode == 1
    assert told(done.stdout)


def test_it_lists_the_jobs(served: Served, tp: Client) -> None:
    first, second = served.submit("training", {"training": LONG_S}), served.submit("training")
    served.until(f"/job/info/{second}", '"status":"completed"')
    listed = tp("job", "list")
    assert listed.returncode == 0
    lines = {line.split()[0]: line for line in told(listed.stdout) if line.split()}
    assert "running" in lines[first]
    assert "completed" in lines[second]
    assert served.cancel(first).status_code == 202


def test_an_unknown_job_is_an_error_with_a_message(tp: Client) -> None:
    for command in (("cancel", "--no-input"), ("info",)):
        done = tp("job", command[0], "j-unknown", *command[1:])
        assert (done.returncode, done.stderr) == (1, "")
        assert "not found" in done.stdout.lower()


# By state: what `tp job info` says of it and its exit code, then the same of `tp job cancel`.
EXPECTED = {
    "pending": ("Job {id}: pending", 0, "Job {id} cancellation initiated", 0),
    "running": ("Job {id}: running", 0, "Job {id} cancellation initiated", 0),
    "in a stage that defers": ("Job {id}: running", 0, "Job {id} cancellation initiated", 0),
    "canceling": ("Job {id}: canceling", 0, "Job {id} is already being canceled", 0),
    "done": ("Job {id}: completed", 0, "Job {id} cannot be canceled: it has already completed", 1),
    "failed": ("Job {id}: error", 0, "Job {id} cannot be canceled: it has already failed", 1),
    "canceled": ("Job {id}: canceled", 0, "Job {id} is already canceled", 0),
    "another owner's": ("Access to job {id} denied", 1, "Access to job {id} denied", 1),
    "unknown": ("Job {id} not found", 1, "Job {id} not found", 1),
    "malformed": ("Malformed job id", 1, "Malformed job id", 1),
}


@pytest.fixture(scope="module")
def jobs() -> Iterator[tuple[Served, dict[str, str]]]:
    """A server of its own, and a job in every state."""
    installed("tensorpool", "tp")
    with serving("tensorpool", "--token", "tp_one", "--max-running", "3") as served:
        kind, long = "training", {"training": LONG_S}

        def reached(state: str, text: str) -> None:
            served.until(f"/job/info/{found[state]}", text)

        found = {"done": served.submit(kind), "failed": served.submit(kind, fails_in="uploading")}
        found["another owner's"] = served.submit(kind, owner="somebody else")
        found["canceled"] = served.submit(kind, long)
        reached("canceled", '"training"')
        served.cancel(found["canceled"])
        for state, status in (("done", "completed"), ("failed", "error"), ("canceled", "canceled")):
            reached(state, f'"status":"{status}"')
        for state in ("in a stage that defers", "canceling"):
            found[state] = served.submit(kind, {"saving_outputs": LONG_S})
            reached(state, '"saving_outputs"')
        served.cancel(found["canceling"])
        found["running"] = served.submit(kind, long)
        reached("running", '"status":"running"')
        found["pending"] = served.submit(kind, long)
        yield served, found | {"unknown": "j-unknown", "malformed": "j+unknown"}


@pytest.fixture
def tp_in(jobs: tuple[Served, dict[str, str]], tmp_path: Path) -> Client:
    served, _ = jobs
    variables = {"TENSORPOOL_ENGINE": served.address, "TENSORPOOL_KEY": served.token}
    return running(installed("tensorpool", "tp"), tmp_path, variables)


def test_it_lists_its_jobs_in_every_state(jobs: tuple[Served, dict[str, str]], tp_in: Client) -> None:
    _, by_state = jobs
    listed = tp_in("job", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = {line.split()[0]: line.split()[1] for line in told(listed.stdout) if line.split()}
    mine = [state for state in EXPECTED if state not in {"another owner's", "unknown", "malformed"}]
    expected = {by_state[state]: EXPECTED[state][0].rpartition(" ")[2] for state in mine}
    assert lines == expected


@pytest.mark.parametrize("state", list(EXPECTED))
def test_it_shows_and_cancels_a_job_in_every_state(
    jobs: tuple[Served, dict[str, str]], tp_in: Client, state: str
) -> None:
    _, by_state = jobs
    info, shown, answer, ended = EXPECTED[state]
    job_id = by_state[state]
    for command, says, code in ((("info", job_id), info, shown), (("cancel", job_id, "--no-input"), answer, ended)):
        done = tp_in("job", *command)
        assert (done.returncode, done.stderr) == (code, "")
        assert told(done.stdout)[-1] == says.replace("{id}", job_id)


def test_a_wrong_key_ends_it_before_anything_is_asked(served: Served, tmp_path: Path) -> None:
    variables = {"TENSORPOOL_ENGINE": served.address, "TENSORPOOL_KEY": "tp_wrong"}
    done = running(installed("tensorpool", "tp"), tmp_path, variables)("job", "list")
    assert (done.returncode, done.stderr) == (1, "")
    assert len(told(done.stdout)) == 1
    assert told(done.stdout) != ["None"]
