"""`jobcancel serve` as a process: its socket, its signals, its terminal and its pipe."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

from tests.clients.served import LONG_S, serving
from tests.hosts.server import PATIENCE_S

from .conftest import read_terminal
from .served_in_process import curl_request

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: SIGTERM is POSIX")

SERVE = [sys.executable, "-m", "jobcancel", "serve", "--contract", "dex", "--port", "0"]


def test_the_printed_commands_work_within_ten_seconds_of_the_start() -> None:
    started = time.monotonic()
    with serving("layers") as served:
        submitted = httpx.request(**curl_request(served.submit_line), trust_env=False)
        job_id = submitted.json()["id"]
        canceled = served.cancel(job_id)
        assert time.monotonic() - started < 10
        assert (submitted.status_code, canceled.status_code) == (202, 202)
        assert served.client.get(f"/v1/jobs/{job_id}").status_code == 200
        unsigned = httpx.post(f"{served.address}/demo/jobs", json={}, trust_env=False)
        assert unsigned.status_code == 401
        assert served.end(signal.SIGINT) == 0
        assert served.lines[-2:] == ["ending: jobs are being canceled", "ended"]


def test_curl_accepts_the_printed_commands() -> None:
    with serving("layers") as served:
        try:
            command = ["curl", "--silent", *served.submit_line[1:]]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except FileNotFoundError:
            pytest.skip("NOT RUN: there is no curl")
    assert '"created":true' in done.stdout


def test_jobs_beyond_max_running_are_pending() -> None:
    with serving("tensorpool", "--max-running", "1") as served:
        running, pending = (served.submit("training", {"training": LONG_S}) for _ in range(2))
        served.until(f"/job/info/{running}", '"status":"running"')
        assert served.client.get(f"/job/info/{pending}").json()["job_info"]["status"] == "pending"


def test_sigterm_ends_the_jobs_first_and_answers_a_waiting_client() -> None:
    with serving("dafty") as served:
        job_id = served.submit("image.generate", {"generating": LONG_S})
        served.until(f"/api/v1/jobs/{job_id}", '"processing"')
        waited: list[httpx.Response] = []
        waiting = threading.Thread(
            target=lambda: waited.append(served.client.get(f"/api/v1/jobs/{job_id}", params={"wait": "true"}))
        )
        waiting.start()
        assert served.end(signal.SIGTERM) == 0
        waiting.join()
        assert served.lines[-2:] == ["ending: jobs are being canceled", "ended"]
        # If the signal came before the request, there was no client to answer.
        assert [answer.json()["data"]["status"] for answer in waited] in ([], ["failed"])


def test_on_a_terminal_the_ending_starts_a_new_line_after_the_terminal_s_ctrl_c() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(SERVE, stdout=theirs) as process:
        os.close(theirs)
        written = b""
        while b"a second Ctrl-C" not in written:
            chunk = read_terminal(ours)
            assert chunk, f"it ended, and wrote {written!r}"
            written += chunk
        process.send_signal(signal.SIGINT)
        while chunk := read_terminal(ours):
            written += chunk
    os.close(ours)
    assert process.returncode == 0
    assert written.decode().splitlines()[-3:] == ["", "ending: jobs are being canceled", "ended"]


def test_a_closed_pipe_ends_the_process_without_a_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with subprocess.Popen(SERVE, stdout=write_end, stderr=subprocess.PIPE, text=True) as process:
        os.close(write_end)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (1, "")
