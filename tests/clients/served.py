"""`jobcancel serve` in a process of its own, and what a test asks it over its socket."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from queue import Queue
from threading import Thread
from typing import Any

import httpx

from tests.hosts.server import PATIENCE_S, until

LONG_S: float = 3600  # a stage that a test ends by a cancel


class Served:
    """A running `jobcancel serve`.

    Attributes:
        process: The process.
        lines: What it has printed so far.
        address: Where it listens.
        token: What clients send.
        headers: The headers in which they do.
        submit_line: The printed command that submits a job, split as a shell does.
        poll_line: The printed command that shows one.
        cancel_line: The printed command that cancels one.
        client: A client that sends the headers.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._queue: Queue[str | None] = Queue()
        self._reader = Thread(target=self._read)
        self._reader.start()
        address = re.search(r" on (http://\S+) ", self.printed(" on http://"))
        assert address
        self.address = address[1]
        self.token = self.printed("token: ").removeprefix("token: ")
        self.submit_line = shlex.split(self.printed("submit: ").removeprefix("submit: "))
        self.poll_line = shlex.split(self.printed("poll: ").removeprefix("poll: "))
        self.cancel_line = shlex.split(self.printed("cancel: ").removeprefix("cancel: "))
        flags = pairwise(self.cancel_line)
        self.headers = dict(line.split(": ", 1) for flag, line in flags if flag == "-H")
        self.client = httpx.Client(base_url=self.address, headers=self.headers, timeout=PATIENCE_S, trust_env=False)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def printed(self, text: str) -> str:
        """Wait for a line with ``text`` in what it prints, and return it."""
        while (line := self._queue.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"it ended without printing {text!r}:\n" + "\n".join(self.lines))

    def submit(self, kind: str, stages: dict[str, float] | None = None, **order: Any) -> str:
        """Submit a job and return its id."""
        answer = self.client.post("/demo/jobs", json={"kind": kind, "stages": stages or {}, **order})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["id"]
        return job_id

    def cancel(self, job_id: str) -> httpx.Response:
        """Cancel a job as the printed line does."""
        url = next(part for part in self.cancel_line if part.startswith("http"))
        method = self.cancel_line[self.cancel_line.index("-X") + 1]
        return self.client.request(method, url.replace("JOB_ID", job_id))

    def until(self, path: str, has: str) -> None:
        """Wait until what the server says at a path has the text."""
        until(lambda: has in self.client.get(path).text, f"{has} at {path}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for its end; return the exit code."""
        self.process.send_signal(number)
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for its end."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        while (line := self._queue.get()) is not None:
            self.lines.append(line)
        return code

    def close(self) -> None:
        """End it in order, whatever its jobs do, and leave nothing of it."""
        self.client.close()
        try:
            if self.process.poll() is None:
                self.process.terminate()
                self.printed("ending: ")
                self.process.terminate()  # a stage that shields its job is not waited for
                self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join()
            assert self.process.stdout
            self.process.stdout.close()


@contextmanager
def serving(contract: str, *options: str, cwd: str | os.PathLike[str] | None = None) -> Generator[Served]:
    """Serve a contract on a free port of the loopback; on leaving it is gone."""
    command = [sys.executable, "-m", "jobcancel", "serve", "--contract", contract, "--port", "0", *options]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True)
    try:
        served = Served(process)
    except BaseException:
        process.kill()
        process.wait()
        raise
    try:
        yield served
    finally:
        served.close()
