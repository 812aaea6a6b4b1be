"""`jobcancel serve` in a process of its own: what it prints, what its jobs do, how it ends."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

import jobcancel.contracts
from jobcancel.contracts import names
from tests.clients.served import LONG_S, Served, serving
from tests.hosts.server import PATIENCE_S, until

from .test_interrupts import read_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: SIGTERM is POSIX")


@pytest.fixture(scope="module")
def layers() -> Iterator[Served]:
    with serving("layers") as served:
        yield served


def states(served: Served, job_id: str) -> str:
    status: str = served.client.get(f"/v1/jobs/{job_id}").json()["status"]
    return status


@pytest.mark.parametrize("name", names())
def test_the_printed_lines_submit_a_job_show_it_and_cancel_it(name: str) -> None:
    with serving(name) as served:
        submitted = run(served.submit_line)
        assert submitted.status_code == 202, submitted.text
        job_id = submitted.json()["id"]
        polled = run([part.replace("JOB_ID", job_id) for part in served.poll_line])
        assert polled.status_code == 200, polled.text
        assert job_id in polled.text
        canceled = run([part.replace("JOB_ID", job_id) for part in served.cancel_line])
        assert canceled.status_code in {200, 202}, canceled.text
        unsigned = httpx.post(f"{served.address}/demo/jobs", json={}, trust_env=False)
        assert unsigned.status_code in {401, 403}
        assert served.client.get("/openapi.json").json()["openapi"].startswith("3.1")
        assert served.end() == 0
        assert served.lines[-1] == "ended"


def run(line: list[str]) -> httpx.Response:
    """Do what curl does with its arguments."""
    flags = list(pairwise(line))
    headers = [tuple(value.split(": ", 1)) for flag, value in flags if flag == "-H"]
    method = next((value for flag, value in flags if flag == "-X"), "GET")
    body = [value for flag, value in flags if flag == "-d"]
    url = next(part for part in line if part.startswith("http"))
    return httpx.request(
        method,
        url,
        headers=[(name, value) for name, value in headers],
        content=body[0] if body else None,
        timeout=PATIENCE_S,
        trust_env=False,
    )


def test_a_base_url_may_end_with_a_slash(layers: Served) -> None:
    base = f"{layers.address}/"
    job_id = layers.submit("content_generate")
    for path in (f"/v1/jobs/{job_id}", "/demo/credits"):
        assert httpx.get(base + path, headers=layers.headers, trust_env=False).status_code == 200


def test_curl_itself_takes_the_printed_lines(layers: Served) -> None:
    try:
        done = subprocess.run(["curl", "--silent", *layers.submit_line[1:]], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("NOT RUN: there is no curl")
    assert '"created":true' in done.stdout


def test_a_job_is_canceled_in_the_vendor_s_words_and_its_credits_are_reversed(layers: Served) -> None:
    before = layers.client.get("/demo/credits").json()
    job_id = layers.submit("content_generate", {"generating": LONG_S})
    layers.until(f"/v1/jobs/{job_id}", '"generating"')
    assert layers.cancel(job_id).json() == {"jobId": job_id, "accepted": True}
    until(lambda: states(layers, job_id) == "canceled", "canceled")
    after = layers.client.get("/demo/credits").json()
    assert after == {"reserved": before["reserved"] + 10, "reversed": before["reversed"] + 10}


def test_a_stage_that_refuses_says_so_in_the_vendor_s_words(layers: Served) -> None:
    job_id = layers.submit("project_ingest_github", {"opening_pr": LONG_S})
    layers.until(f"/v1/jobs/{job_id}", '"opening_pr"')
    refused = layers.cancel(job_id)
    assert refused.status_code == 409
    details = refused.json()["error"]["details"]
    assert details == {"subcode": "JOB_CANCEL_UNAVAILABLE", "jobId": job_id, "stage": "opening_pr"}
    assert states(layers, job_id) == "running"


def test_jobs_complete_and_fail_as_wanted_and_keep_their_credits(layers: Served) -> None:
    before = layers.client.get("/demo/credits").json()
    done = layers.submit("content_generate")
    failed = layers.submit("content_generate", fails_in="planning")
    until(lambda: states(layers, done) == "completed", "completed")
    until(lambda: states(layers, failed) == "failed", "failed")
    assert layers.client.get(f"/v1/jobs/{done}").json()["result"] == {"contentId": f"content_of_{done}"}
    assert layers.cancel(done).json() == {"jobId": done, "accepted": False, "reason": "ALREADY_COMPLETED"}
    assert layers.cancel(failed).json() == {"jobId": failed, "accepted": False, "reason": "ALREADY_FAILED"}
    after = layers.client.get("/demo/credits").json()
    assert after == {"reserved": before["reserved"] + 20, "reversed": before["reversed"]}


def test_a_key_gives_the_same_job_and_reserves_once_and_other_arguments_are_a_conflict(layers: Served) -> None:
    before = layers.client.get("/demo/credits").json()["reserved"]
    order = {"kind": "content_generate", "stages": {"generating": LONG_S}}
    headers = {"Idempotency-Key": "once"}
    first = layers.client.post("/demo/jobs", json=order, headers=headers)
    again = layers.client.post("/demo/jobs", json=order, headers=headers)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]
    assert (first.json()["created"], again.json()["created"]) == (True, False)
    assert layers.client.get("/demo/credits").json()["reserved"] == before + 10
    other = layers.client.post("/demo/jobs", json={**order, "stages": {}}, headers=headers)
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    assert layers.client.get("/demo/credits").json()["reserved"] == before + 10


def test_another_owner_s_job_is_as_unknown_as_one_that_never_was(layers: Served) -> None:
    foreign = layers.submit("content_generate", {"generating": LONG_S}, owner="somebody else")
    answer = layers.cancel(foreign)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"


def test_a_batch_is_told_in_its_parent_s_progress() -> None:
    with serving("dex") as served:
        job_id = served.submit("batch_parse", fails_in="parsing")
        path = f"/v1/projects/demo/jobs/{job_id}"
        served.until(path, '"status":"partially_succeeded"')
        progress = served.client.get(path).json()["progress"]
        assert (progress["total"], progress["succeeded"], progress["failed"]) == (3, 2, 1)
        other = served.submit("parse", labels={"project_id": "other"})
        assert served.client.get(f"/v1/projects/demo/jobs/{other}").status_code == 404
        assert served.client.get(f"/v1/projects/other/jobs/{other}").status_code == 200


def test_a_vendor_s_results_are_given(layers: Served) -> None:
    with serving("dafty") as served:
        job_id = served.submit("video.generate")
        path = f"/api/v1/jobs/{job_id}"
        served.until(path, '"status":"completed"')
        assert served.client.get(path).json()["data"]["result"]["video"]["id"] == job_id


def test_a_contract_of_one_s_own_is_served_with_a_kind_to_try(tmp_path: Path) -> None:
    with serving(str(own(tmp_path))) as served:
        job_id = served.submit("work", {"working": LONG_S})
        assert served.cancel(job_id).status_code == 202
        assert "kind work: preparing, working, committing (defers), finishing" in served.lines


def own(folder: Path) -> Path:
    """A contract of somebody's own: one that is shipped, in a file of theirs."""
    path = folder / "mine.toml"
    path.write_bytes((Path(jobcancel.contracts.__file__).parent / "tensorpool.toml").read_bytes())
    return path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_jobs_in_order_and_answers_who_waits(number: signal.Signals) -> None:
    with serving("dafty") as served:
        job_id = served.submit("image.generate", {"generating": LONG_S})
        served.until(f"/api/v1/jobs/{job_id}", '"processing"')
        waited: list[httpx.Response] = []
        waiting = threading.Thread(
            target=lambda: waited.append(served.client.get(f"/api/v1/jobs/{job_id}", params={"wait": "true"}))
        )
        waiting.start()
        assert served.end(number) == 0
        waiting.join()
        assert served.lines[-2:] == ["ending: jobs are being canceled", "ended"]
        # The signal may have come before the wait was taken up; then there was nobody to answer.
        assert [answer.json()["data"]["status"] for answer in waited] in ([], ["failed"])


def test_a_signal_that_comes_as_soon_as_the_lines_are_printed_ends_it_in_order() -> None:
    with serving("sutro") as served:
        assert served.end(signal.SIGINT) == 0
        assert served.lines[-2:] == ["ending: jobs are being canceled", "ended"]


def test_on_a_terminal_the_ending_begins_a_line_of_its_own_after_the_terminal_s_ctrl_c() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "jobcancel", "serve", "--contract", "dex", "--port", "0"]
    with subprocess.Popen(command, stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"a second Ctrl-C" not in shown:
            shown += read_terminal(ours)
        process.send_signal(signal.SIGINT)
        while chunk := read_terminal(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert shown.decode().splitlines()[-3:] == ["", "ending: jobs are being canceled", "ended"]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "jobcancel", "serve", "--contract", "dex", "--port", "0"]
    with subprocess.Popen(command, stdout=write_end, stderr=subprocess.PIPE, text=True) as process:
        os.close(write_end)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (1, "")


def test_a_second_signal_opens_the_stage_that_shields_a_job() -> None:
    with serving("layers") as served:
        job_id = served.submit("project_ingest_website", {"persisting": LONG_S})
        served.until(f"/v1/jobs/{job_id}", '"persisting"')
        served.process.send_signal(signal.SIGTERM)
        served.printed("ending: ")
        served.printed(f"waiting for persisting of {job_id} to end; Ctrl-C again interrupts them")
        late = served.client.post("/demo/jobs", json={"kind": "content_generate"})
        assert late.status_code == 503
        assert states(served, job_id) == "running"
        assert served.end(signal.SIGINT) == 0
        assert served.lines[-2:] == ["ending at once: stages that refuse or defer are interrupted", "ended"]


def test_a_signal_names_three_of_the_stages_that_it_waits_for_and_says_how_many_more() -> None:
    with serving("dex") as served:
        parents = [served.submit("batch_parse", {"storing": LONG_S}) for _ in range(4)]
        interrupted = served.submit("parse", {"parsing": LONG_S})
        for job_id in parents:
            served.until(f"/v1/projects/demo/jobs/{job_id}", '"step":"storing"')
        served.until(f"/v1/projects/demo/jobs/{interrupted}", '"step":"parsing"')
        served.process.send_signal(signal.SIGTERM)
        line = served.printed("waiting for ")
        assert sum(f"storing of {job_id}" in line for job_id in parents) == 3
        assert "and 1 more to end; Ctrl-C again" in line
        assert served.end() == 0


def test_a_signal_looks_at_all_pages_of_jobs() -> None:
    with serving("tensorpool") as served:
        oldest = served.submit("training", {"saving_outputs": LONG_S})
        served.until(f"/job/info/{oldest}", "saving_outputs")
        newer = [served.submit("training", {"provisioning": LONG_S}) for _ in range(100)]
        served.until(f"/job/info/{newer[-1]}", "provisioning")
        served.process.send_signal(signal.SIGTERM)
        served.printed(f"waiting for saving_outputs of {oldest} to end")
        assert served.end() == 0


def test_the_first_refusal_is_had_within_ten_seconds_of_the_start() -> None:
    started = time.monotonic()
    with serving("layers") as served:
        submit = shielded_line(served, "refused")
        job_id = run(submit).json()["id"]
        served.until(f"/v1/jobs/{job_id}", '"finalizing"')
        refused = run([part.replace("JOB_ID", job_id) for part in served.cancel_line])
        assert time.monotonic() - started < 10
        assert refused.status_code == 409


def test_where_the_contract_defers_the_first_deferral_is_had_within_ten_seconds_of_the_start() -> None:
    started = time.monotonic()
    with serving("tensorpool") as served:
        submit = shielded_line(served, "deferred")
        job_id = run(submit).json()["id"]
        served.until(f"/job/info/{job_id}", "saving_outputs")
        deferred = run([part.replace("JOB_ID", job_id) for part in served.cancel_line])
        assert time.monotonic() - started < 10
        assert deferred.status_code == 202
        polled = run([part.replace("JOB_ID", job_id) for part in served.poll_line])
        assert polled.json()["job_info"]["status"] == "canceling"


def shielded_line(served: Served, answer: str) -> list[str]:
    """The printed command that submits a job whose cancel gets an answer, split as a shell does."""
    label = f"submit a job whose cancel is {answer}: "
    (line,) = [line.removeprefix(label) for line in served.lines if line.startswith(label)]
    return shlex.split(line)


def test_more_jobs_than_may_run_are_pending_and_a_pending_one_is_canceled() -> None:
    with serving("tensorpool", "--max-running", "1") as served:
        running, pending = (served.submit("training", {"training": LONG_S}) for _ in range(2))
        served.until(f"/job/info/{running}", '"status":"running"')
        assert served.client.get(f"/job/info/{pending}").json()["job_info"]["status"] == "pending"
        assert served.cancel(pending).status_code == 202
        served.until(f"/job/info/{pending}", '"status":"canceled"')
        assert served.client.get(f"/job/info/{running}").json()["job_info"]["status"] == "running"


def test_a_busy_port_is_one_line(layers: Served) -> None:
    port = layers.address.rpartition(":")[2]
    command = [sys.executable, "-m", "jobcancel", "serve", "--contract", "dex", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"jobcancel serve: cannot listen on 127.0.0.1 port {port} (Address already in use); "
        "--port 0 takes any that is free\n"
    )


def test_it_listens_on_ipv6_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("NOT RUN: no IPv6")
    with serving("layers", "--host", "::1") as served:
        assert served.address.startswith("http://[::1]:")
        assert served.submit("content_generate")
