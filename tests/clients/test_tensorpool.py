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


def test_a_wrong_key_ends_it_before_anything_is_asked(served: Served, tmp_path: Path) -> None:
    variables = {"TENSORPOOL_ENGINE": served.address, "TENSORPOOL_KEY": "tp_wrong"}
    done = running(installed("tensorpool", "tp"), tmp_path, variables)("job", "list")
    assert (done.returncode, done.stderr) == (1, "")
    assert len(told(done.stdout)) == 1
    assert told(done.stdout) != ["None"]
