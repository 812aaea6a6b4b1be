"""A uvicorn server in a process of its own, and a client that talks to it over its socket."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx

TOP = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 30  # for what comes at once unless something is broken


def until(happened: Callable[[], bool], what: str) -> None:
    """Return when ``happened()``; the pause only keeps the processor free meanwhile."""
    deadline = monotonic() + PATIENCE_S
    while not happened():
        assert monotonic() < deadline, f"waited in vain for: {what}"
        sleep(0.005)


class Gate:
    """A named pipe: a job that reads from it waits for ``open``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDWR)  # for both: neither side waits for the other to open it

    def open(self) -> None:
        os.write(self._pipe, b"\n")

    def close(self) -> None:
        """Leave no process behind."""
        os.close(self._pipe)


class Server:
    """A running server.

    Attributes:
        log: What it has logged so far.
        client: A client of its address.
        markers: The file where its jobs say what they do.
    """

    def __init__(self, process: subprocess.Popen[str], markers: Path) -> None:
        self._process, self.markers = process, markers
        self.log: list[str] = []
        self._lines: Queue[str | None] = Queue()
        self._reader = Thread(target=self._read)
        self._reader.start()
        address = re.search(r"http://[\d.:]+", self.logged("Uvicorn running on"))
        assert address
        self.client = httpx.Client(base_url=address[0], timeout=PATIENCE_S)

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def logged(self, text: str) -> str:
        """Wait for a line with ``text`` in what it logs, and return it."""
        while (line := self._lines.get(timeout=PATIENCE_S)) is not None:
            self.log.append(line)
            if text in line:
                return line
        raise AssertionError(f"the server ended without logging {text!r}:\n" + "".join(self.log))

    def submit(self, name: str, **order: Any) -> str:
        """Submit a job and return its id."""
        answer = self.client.post("/jobs", json={"name": name, **order})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["id"]
        return job_id

    def reached(self, job_id: str, stage: str) -> None:
        """Wait until the job is in the stage."""
        until(lambda: self.client.get(f"/jobs/{job_id}").json()["stage"] == stage, stage)

    def settled(self, job_id: str) -> dict[str, Any]:
        """Wait until the job has settled and return it."""
        job: dict[str, Any] = self.client.get(f"/jobs/{job_id}/wait", params={"timeout_s": PATIENCE_S}).json()
        assert job["settled"], job
        return job

    def marked(self) -> list[str]:
        return self.markers.read_text(encoding="utf-8").splitlines() if self.markers.exists() else []

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a warning, and wait for that."""
        self._process.kill()
        self._process.wait()

    def exit_code(self) -> int:
        """Wait for its end."""
        code = self._process.wait(PATIENCE_S)
        self._reader.join()
        while (line := self._lines.get()) is not None:
            self.log.append(line)
        return code

    def close(self) -> None:
        self.client.close()
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stderr
        self._process.stderr.close()


@contextmanager
def serving(folder: Path, loop: str, app: str = "tests.hosts.fastapi_app:app", **environment: str) -> Generator[Server]:
    """Serve the app on a free port of the loopback, on uvicorn's ``loop``."""
    markers = folder / "markers"
    command = [sys.executable, "-m", "uvicorn", app, "--port", "0", "--loop", loop]
    variables = {**os.environ, "JOBS_MARKERS": str(markers), **environment}
    process = subprocess.Popen(command, cwd=TOP, env=variables, stderr=subprocess.PIPE, text=True)
    try:
        server = Server(process, markers)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    try:
        yield server
    finally:
        server.close()
